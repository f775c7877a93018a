"""What a run starts from: policies of a file, or policies and states given from Python.

A file is an array of NumPy (``.npy``), or a dataset with a variable `policy`, such as a run's.
"""

import functools
import hashlib
import os
import stat
from pathlib import Path

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.files import reason

GIVEN = "(array)"  # in place of a path, where policies were given from Python
KEY = "initial_policy"
NPY = b"\x93NUMPY"
KINDS = (NPY, b"\x89HDF", b"CDF")  # how their files begin


@checked
def read_policies(path: str) -> tuple[np.ndarray, str]:
    """The policies that a file holds.

    Returns
    -------
    policies : (n_policies, n_states, n_actions) float64
    digest : str
        Of their values.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or holds no policies of one run. Whether they are policies of a game,
        :func:`mfgcore.meanfield.policies.checked_policies` tells.
    """
    where = f"{KEY}: {shorten(path)}"
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{where} cannot be read: {reason(error)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{where} is no file")
    return _read(os.fspath(path), found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=8)
def _read(path, *_):
    where = f"{KEY}: {shorten(path)}"
    try:
        with Path(path).open("rb") as opened:
            begins = opened.read(8)
        if not begins.startswith(KINDS):
            raise ConfigurationError(
                f"{where} is neither netCDF nor an array of NumPy (.npy), as `mfgcore run` and "
                "numpy.save write them"
            )
        if begins.startswith(NPY):
            values = np.load(path, allow_pickle=False)
        else:
            values = _of_dataset(where, path)
    except ConfigurationError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"{where} cannot be read: {reason(error)}") from error
    if values.ndim not in (2, 3) or values.dtype.kind not in "biuf":
        raise ConfigurationError(
            f"{where} holds {values.dtype} of shape {values.shape}, not numbers over (states, "
            "actions) or (agents, states, actions)"
        )
    policies = np.array(values, dtype=np.float64, ndmin=3)
    return policies, digest_of(policies)


def _of_dataset(where, path):
    import xarray as xr  # half a second, for who starts from a file

    with xr.open_dataset(path, engine="netcdf4") as dataset:
        if "policy" not in dataset:
            raise ConfigurationError(f"{where} has no variable 'policy'")
        policy = dataset["policy"]
        if policy.dims[-2:] != ("state", "action") or policy.dims[:-2] not in ((), ("agent",)):
            said = ", ".join(map(str, policy.dims))
            raise ConfigurationError(
                f"{where}: its policies are over ({said}), not over (state, action), or (agent, "
                "state, action): give the file of a single run"
            )
        return policy.values


@checked
def digest_of(*arrays: np.ndarray) -> str:
    """Digest of the shapes and values of some arrays; str."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr((array.shape, array.dtype.str)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


@checked
def check_states(values: np.ndarray, n_agents: int, n_states: int) -> np.ndarray:
    """States that agents start in, after a check; (n_agents,) int32.

    Raises
    ------
    ConfigurationError
        If they are not a state for each agent.
    """
    states = np.asarray(values)
    if states.shape != (n_agents,) or states.dtype.kind not in "iu":
        said = f"{states.dtype} of shape {states.shape}"
        raise ConfigurationError(f"states: {said}; not {n_agents} whole numbers, one of each agent")
    if (outside := (states < 0) | (states >= n_states)).any():
        agent = int(outside.argmax())
        said = f"{states[agent]} of agent {agent} is not >= 0 and < {n_states}"
        raise ConfigurationError(f"states: {said}, the number of states")
    return states.astype(np.int32)
