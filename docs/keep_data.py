"""Keep the data behind the ledger: ``python docs/keep_data.py``, after the confirmatory runs.

Of every experiment and comparison that is complete, what is one number for each iteration, float32
and compressed, goes to docs/gallery/data. It needs no code of today to be read again: the ledger is
made of these files on any machine, without a run.
"""

import sys
from pathlib import Path

import numpy as np

from mfgcore.runs import datasets

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs/gallery/data"
RESULTS = ROOT / "results/confirmatory"
LARGEST, ALL = 5e6, 25e6  # bytes, of a file and of all


def smaller(dataset):
    """A dataset without fields over states, float32."""
    dataset = dataset.drop_dims(["state", "action"], errors="ignore")
    return dataset.map(lambda values: values.astype(np.float32), keep_attrs=True)


def main(results=RESULTS, data=DATA):
    """Keep what is there; returns the names of the files."""
    kept = []
    for group in ("experiments", "comparisons"):
        for path in sorted((results / group).glob("*.nc")):
            found = smaller(datasets.load(path, kind="experiment"))
            datasets.save(found, data / path.name, overwrite=True)
            kept.append(path.stem)
    sizes = {path.name: path.stat().st_size for path in sorted(data.glob("*.nc"))}
    for name, size in sizes.items():
        print(f"{name:20s} {size / 1e6:6.2f} MB")
    too_large = [name for name, size in sizes.items() if size > LARGEST]
    if too_large or sum(sizes.values()) > ALL:
        sys.exit(f"docs/gallery/data: too large: {too_large or 'in all'}")
    return kept


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
