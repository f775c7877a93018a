"""Bring kept data to the present names and layout: ``python docs/translate_data.py``.

Files of comparisons called themselves a kind of their own; they are experiments, with the factors
scenario, setting and variant. Parameters have the names that ``renames.yaml`` says. Only attributes
change, no array does.
"""

import json
import sys
from pathlib import Path

import xarray as xr

from mfgcore._base.files import read_checksummed
from mfgcore.experiment.parameter_spec import parse_settings
from mfgcore.pipeline.yaml_files import read_yaml
from mfgcore.runs import datasets

DOCS = Path(__file__).resolve().parent
NAMES = read_yaml(DOCS / "renames.yaml")["parameters"]
VALUES = {
    "game_settings": lambda value: parse_settings(value) if isinstance(value, str) else value,
    "evaluation_moves": lambda value: not value,  # the new parameter says the opposite
    "normalisation": lambda value: "attainable" if value == "earned" else value,
}


def renamed(parameters):
    """Parameters by their present names; dict."""
    return {
        NAMES.get(key, key): VALUES[key](value) if key in VALUES else value
        for key, value in parameters.items()
    }


def translate(path):
    """Write a file again with the attributes of today; returns whether any was another."""
    with xr.open_dataset(read_checksummed(path), engine="netcdf4") as opened:
        dataset = opened.load()
    attributes = dataset.attrs | {"configuration": json.loads(dataset.attrs["configuration"])}
    attributes["configuration"] = renamed(attributes["configuration"])
    if attributes["kind"] == "comparison":
        attributes["kind"] = "experiment"
    if "configurations" in attributes:
        each = json.loads(attributes["configurations"])
        attributes["configurations"] = {label: renamed(own) for label, own in each.items()}
    for key in {"configuration", "configurations"} & attributes.keys():
        attributes[key] = json.dumps(attributes[key], sort_keys=True)
    if attributes == dataset.attrs:
        return False
    datasets.save(dataset.assign_attrs(attributes), path, overwrite=True)
    assert datasets.load(path, kind="experiment").equals(dataset), path
    return True


if __name__ == "__main__":
    for each in [Path(word) for word in sys.argv[1:]] or sorted(
        (DOCS / "gallery/data").glob("*.nc")
    ):
        print(each.name, translate(each))
