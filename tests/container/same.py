"""Compare the data of two folders of netCDF files, bit by bit: same.py FOLDER FOLDER."""

import sys
from pathlib import Path

import xarray as xr

TIMES = {"cpu_seconds"}  # how long a run took is not the same twice


def contents(path):
    """The type and bytes of every variable of a file but the times; dict."""
    with xr.open_dataset(path, decode_cf=False) as dataset:
        return {
            name: (each.dims, str(each.dtype), each.values.tobytes())
            for name, each in dataset.variables.items()
            if name not in TIMES
        }


def main(one, other):
    """Say how many files are the same, or end with the names of those that are not."""
    files = {
        folder: {path.relative_to(folder): path for path in folder.rglob("*.nc")}
        for folder in (Path(one), Path(other))
    }
    first, second = files.values()
    if not first or first.keys() != second.keys():
        sys.exit(f"not the same files: {len(first)} and {len(second)}")
    differing = [name for name in first if contents(first[name]) != contents(second[name])]
    if differing:
        sys.exit(f"not the same data: {', '.join(map(str, differing))}")
    print(f"{len(first)} files have the same data, to the last bit")


if __name__ == "__main__":
    main(*sys.argv[1:])
