"""Datasets of runs and of experiments: what is in them, and their netCDF-4 files."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked, explained
from mfgcore._base.errors import ConfigurationError, RunFileError, one_line, shorten, unknown_name
from mfgcore._base.files import (
    StrPath,
    atomic_path,
    check_writable,
    forget_kept,
    keep_elsewhere,
    kept_elsewhere,
    read_checksummed,
    reason,
    refuse,
)
from mfgcore.experiment.parameters import parameters
from mfgcore.games import Game
from mfgcore.meanfield import FLOW_TOLERANCE
from mfgcore.metrics.definitions import METRICS
from mfgcore.runs.simulation import Simulation

SCHEMA_VERSION = 4
COMMON = {
    "schema_version": SCHEMA_VERSION,
    "Conventions": "CF-1.11",
    "source": "mfgcore: reproduction of 'Networked Communication for Decentralised Agents in "
    "Mean-Field Games' (Benjamin & Abate)",
}
KINDS = ("run", "experiment", "equilibrium", "optimum", "evaluation")
# what a file must say of itself, and one of a run
SAID = ("schema_version", "configuration", "fingerprint")
SAID_OF_A_RUN = (*SAID, "commit", "wall_seconds", "cpu_seconds")
COORDINATES = {
    "iteration": "iteration k",
    "agent": "agent i",
    "state": "state s",
    "row": "row of the state in its grid",
    "column": "column of the state in its grid",
    "state_name": "what the state is called",
    "best": "1 where the game pays best if everybody is spread evenly, otherwise 0",
    "action": "action a",
    "trial": "trial",
    "architecture": "architecture",
}

# beside them, dimensions of what is joined
METRICS.reserved = {*COORDINATES, *parameters(), "cpu_seconds", "run"}


@checked
def to_dataset(simulation: Simulation) -> xr.Dataset:
    """The dataset of a simulation, without the provenance that belongs to its execution."""
    experiment, game = simulation.experiment, simulation.game
    data = {}
    for name, entry in METRICS.items():
        if entry.final:
            data[name] = entry.dims, experiment.bind(entry.compute)(simulation)
        else:
            data[name] = entry.dims, np.array(simulation.records[name], dtype=entry.dtype)
    dataset = xr.Dataset(
        data,
        coords={
            "iteration": np.arange(simulation.iteration),
            "agent": np.arange(simulation.population.size),
            "action": list(game.actions),
            **state_coordinates(game),
        },
        attrs={
            "title": f"{experiment.game}, {experiment.architecture}, trial {experiment.trial}",
            "kind": "run",
            **COMMON,
            "configuration": json.dumps(experiment.effective_parameters(), sort_keys=True),
            "layout": game.layout or "none",
            "seed": experiment.seed,
            "fingerprint": simulation.code_fingerprint,
        },
    )
    missing = dataset["exact_residual"] > FLOW_TOLERANCE
    if missing.any():
        dataset.attrs["missing"] = (
            f"exact metrics at iterations {', '.join(map(str, np.flatnonzero(missing)))}: no fixed "
            f"point was found, see exact_residual"
        )
    return describe(dataset)


@checked
def state_coordinates(game: Game) -> dict[str, Any]:
    """What a dataset holds of the states of a game; dict of coordinates by name."""
    found = {
        "state": np.arange(game.n_states),
        "best": ("state", game.best_states().astype(np.int8)),
    }
    names, positions = game.checked_names(), game.checked_positions()
    if names is not None:
        found["state_name"] = ("state", names)
    if positions is not None:
        found |= {"row": ("state", positions[:, 0]), "column": ("state", positions[:, 1])}
    return found


@explained
def describe(dataset: xr.Dataset) -> xr.Dataset:
    """Say in a dataset's attributes what its variables and coordinates are; returns it."""
    for name, entry in METRICS.items():
        if name in dataset:
            dataset[name].attrs = {
                "long_name": entry.long_name,
                "units": entry.units,
                "comment": f"{entry.meaning}; measured {entry.when()}",
            }
    for name, long_name in COORDINATES.items():
        if name in dataset.coords:
            dataset[name].attrs = {"long_name": long_name}
    return dataset


@checked
def save(dataset: xr.Dataset, path: StrPath, *, overwrite: bool = False) -> None:
    """Write a dataset as a compressed netCDF-4 file with a checksum, whole or not at all.

    `overwrite` says whether it may replace what is there.

    Raises
    ------
    RunFileError
        If it cannot be written, would replace a file, or is nothing that :func:`load` would read.
    """
    kind = dataset.attrs.get("kind")
    if kind not in KINDS:
        said = "the dataset does not say what mfgcore made: its kind is"
        refuse(path, f"{said} {shorten(kind)}; its own to_netcdf() writes any")
    check_made(f"{shorten(str(path))}: the dataset", dataset, kind)
    if check_writable(path).exists() and not overwrite:
        refuse(path, "exists; overwrite=True replaces it")
    encoding = {
        name: {"zlib": True, "complevel": 4} for name in dataset.data_vars if dataset[name].ndim > 1
    }
    # in memory: the library would lock the file, which not every file system can, and would not
    # say why it could not be written
    try:
        content = dataset.to_netcdf(engine="netcdf4", encoding=encoding)
    except (TypeError, ValueError, RuntimeError) as error:  # what a user has put into it
        refuse(path, f"cannot be written: {one_line(error)}")
    with atomic_path(path, sealed=True) as temporary:
        temporary.write_bytes(content)


@checked
def make_and_save(
    path: StrPath,
    make: Callable[[], xr.Dataset],
    check: Callable[[str, xr.Dataset], object],
    kind: str = "run",
) -> xr.Dataset:
    """Make a dataset and save it, or save the one that could not be saved when it was made.

    `check` refuses a dataset, by a name for it, that is not what would be made.

    Raises
    ------
    RunFileError
        If it cannot be written; says why, and where it is kept.
    """
    for place in kept_elsewhere(path):
        with contextlib.suppress(RunFileError):  # of other code or parameters: it is made anew
            dataset = load(place, kind)
            check(str(place), dataset)
            break
    else:
        dataset = make()
    try:
        save(dataset, path, overwrite=True)
    except RunFileError as error:
        kept = keep_elsewhere(path, lambda place: save(dataset, place, overwrite=True))
        where = f"kept in {shorten(str(kept))}: the same command saves it" if kept else "lost"
        raise RunFileError(f"{error}; what was made is {where}") from error
    forget_kept(path)
    return dataset


@checked
def load(path: StrPath, kind: str = "run") -> xr.Dataset:
    """Read a run's or an experiment's file into memory.

    Parameters
    ----------
    kind : {"run", "experiment", "any"}

    Raises
    ------
    RunFileError
        If the file is missing or cannot be read, if a single bit of it is not as it was written,
        or if it is of another kind or of another version.
    """
    content = read_checksummed(path)  # before a library reads it that a damaged one may crash
    try:
        with xr.open_dataset(content, engine="netcdf4") as opened:
            dataset = opened.load()
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        refuse(path, f"is no netCDF file ({reason(error)})")
    return check_made(shorten(str(path)), dataset, kind)


@explained
def check_made(name: str, dataset: xr.Dataset, kind: str) -> xr.Dataset:
    """Refuse, by a RunFileError, a dataset that is none of a kind and this version; return it."""
    if kind not in (*KINDS, "any"):
        raise ConfigurationError(f"kind: {unknown_name('kind', kind, (*KINDS, 'any'))}")
    found = dataset.attrs.get("kind")
    if found not in (KINDS if kind == "any" else (kind,)):
        what = f"one {kind}" if kind in KINDS else "a dataset"
        its = f" but one {found}: load(path, kind={found!r}) reads it" if found in KINDS else ""
        raise RunFileError(f"{name}: is not {what} made by mfgcore{its}")
    said = SAID_OF_A_RUN if found == "run" else SAID
    missing = [key for key in said if key not in dataset.attrs]
    if missing:
        raise RunFileError(f"{name}: does not say its {missing[0]}")
    version = dataset.attrs["schema_version"]
    if version != SCHEMA_VERSION:
        what = f"has schema version {version}, this mfgcore reads {SCHEMA_VERSION}"
        raise RunFileError(f"{name}: {what}; delete it and run again")
    return dataset


@explained
def configuration(dataset: xr.Dataset) -> dict[str, Any]:
    """The configuration that a run's file was made with; dict of parameter to value."""
    return json.loads(dataset.attrs["configuration"])
