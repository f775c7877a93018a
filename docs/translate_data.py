"""Bring kept data to the one layout of experiments: ``python docs/translate_data.py``.

Files of comparisons called themselves a kind of their own; they are experiments, with the factors
scenario, setting and variant. No array changes.
"""

import sys
from pathlib import Path

import xarray as xr

from mfgcore._base.files import read_sealed
from mfgcore.runs import datasets

DATA = Path(__file__).resolve().parent / "gallery/data"


def translate(path):
    """Write a file again as that of an experiment; returns whether it was another kind."""
    with xr.open_dataset(read_sealed(path), engine="netcdf4") as opened:
        dataset = opened.load()
    if dataset.attrs["kind"] != "comparison":
        return False
    datasets.save(dataset.assign_attrs(kind="experiment"), path, overwrite=True)
    written = datasets.load(path, kind="experiment")
    assert written.equals(dataset), path
    return True


if __name__ == "__main__":
    for each in [Path(word) for word in sys.argv[1:]] or sorted(DATA.glob("*.nc")):
        print(each.name, translate(each))
