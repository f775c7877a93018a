"""Keep the data behind the claims report: ``python -m mfgcore.study.keep_data``.

After the confirmatory runs, it copies the metrics with one number for each iteration of every
complete experiment and comparison to docs/gallery/data, in single precision and compressed; and to
docs/gallery/fields where the first trial's population is, at a few iterations of each experiment.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from mfgcore.plotting.maps import snapshots_of
from mfgcore.runs import datasets
from mfgcore.study.claims import FIGURES, Evidence

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "docs/gallery"
DATA = GALLERY / "data"
FIELDS = GALLERY / "fields"
SNAPSHOTS = 6
RESULTS = ROOT / "results/confirmatory"
LARGEST, TOTAL = 5e6, 25e6  # bytes, of a file and of all


def of_iterations(dataset: xr.Dataset) -> xr.Dataset:
    """The metrics with one number for each iteration or run, in single precision."""
    dataset = dataset.drop_dims(["state", "action"], errors="ignore")
    return dataset.map(lambda values: values.astype(np.float32), keep_attrs=True)


def keep(
    results: Path = RESULTS,
    data: Path = DATA,
    reduce: Callable[[xr.Dataset], xr.Dataset] = of_iterations,
) -> list[str]:
    """Copy what is complete, reduced, without fields over states; names of the files.

    A file that has it already is left as it is, as its bytes would differ.
    """
    kept = []
    for kind in ("experiment", "comparison"):
        for path in sorted((results / f"{kind}s").glob("*.nc")):
            dataset = reduce(datasets.load(path, kind="experiment"))
            if not _has(data / path.name, dataset):
                datasets.save(dataset, data / path.name, overwrite=True)
            kept.append(path.stem)
    sizes = {path: path.stat().st_size for path in sorted(data.rglob("*.nc"))}
    for path, size in sizes.items():
        print(f"{path.relative_to(data)!s:30s} {size / 1e6:6.2f} MB")
    too_large = [path.name for path, size in sizes.items() if size > LARGEST]
    if too_large or sum(sizes.values()) > TOTAL:
        sys.exit(f"docs/gallery/data: too large: {too_large or 'in all'}")
    return kept


def _has(path: Path, dataset: xr.Dataset) -> bool:
    if not path.exists():
        return False
    with xr.open_dataset(path, engine="netcdf4") as opened:
        return opened.load().identical(dataset)


def keep_fields(results: Path = RESULTS, fields: Path = FIELDS) -> None:
    """Copy the mean fields of the first trial at a few iterations of each experiment."""
    for path in sorted((results / "experiments").glob("*.nc")):
        dataset = datasets.load(path, kind="experiment").isel(trial=slice(1))
        shown = dataset[["mean_field"]].sel(iteration=snapshots_of(dataset, SNAPSHOTS))
        shown.drop_vars("action", errors="ignore").to_netcdf(fields / path.name)


def read_fields(name: str, fields: Path = FIELDS) -> xr.Dataset:
    """Kept mean fields of an experiment; over architecture, trial, iteration and state."""
    with xr.open_dataset(fields / f"{name}.nc", engine="netcdf4") as opened:
        return opened.load()


def read_datasets(folder: Path) -> dict[str, xr.Dataset]:
    """The kept datasets of a folder by the names of their files; dict of xarray.Dataset."""
    every = {}
    for path in sorted(folder.glob("*.nc")):
        with xr.open_dataset(path, engine="netcdf4") as opened:
            every[path.stem] = opened.load()
    return every


def read(data: Path = DATA) -> Evidence:
    """Evidence from kept files: figN.nc, NAME.nc of each comparison, theory.json."""
    every = read_datasets(data)
    figures = {name: every.pop(name) for name in FIGURES if name in every}
    theory = data / "theory.json"
    effects = json.loads(theory.read_text(encoding="utf-8")) if theory.exists() else {}
    return Evidence(figures, every, effects)


if __name__ == "__main__":
    RESULTS = Path(sys.argv[1]) if sys.argv[1:] else RESULTS
    keep(RESULTS)
    keep_fields(RESULTS)
