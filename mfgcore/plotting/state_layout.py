"""How the states of a game lie in a picture."""

import numpy as np
import xarray as xr

from mfgcore._base.arguments import explained

MOST_CELLS = 60  # of a chain or a ring; what is longer is drawn as bars


@explained
def layout_of(dataset: xr.Dataset) -> str:
    """How the states are drawn: as a "grid", "line", "ring", or "none": as bars; str."""
    layout, long = dataset.attrs["layout"], dataset.sizes["state"] > MOST_CELLS
    return "none" if long and layout in ("line", "ring") else layout


@explained
def names_of(dataset: xr.Dataset) -> list[str]:
    """What the states are called; list of str."""
    names = dataset["state_name" if "state_name" in dataset.coords else "state"]
    return [str(name) for name in names.values]


@explained
def turns_of(dataset: xr.Dataset) -> np.ndarray:
    """By how much "up" is turned in each state, clockwise, in radians; (n_states,) float64."""
    n_states = dataset.sizes["state"]
    return 2.0 * np.pi / n_states * np.arange(n_states) * (layout_of(dataset) == "ring")


@explained
def cells_of(dataset: xr.Dataset) -> np.ndarray | None:
    """Where each state is drawn, (row, column), (n_states, 2); None where they are drawn as bars.

    A ring starts at the top and goes clockwise; its centre is at (0, 0).
    """
    places = dataset["state"].values
    match layout_of(dataset):
        case "grid":
            return np.stack((dataset["row"].values, dataset["column"].values), axis=1)
        case "line":
            return np.stack((0 * places, places), axis=1)
        case "ring":
            turns = turns_of(dataset)
            radius = 0.5 / np.sin(np.pi / max(places.size, 2))  # neighbours are 1 apart
            return radius * np.stack((-np.cos(turns), np.sin(turns)), axis=1)
    return None
