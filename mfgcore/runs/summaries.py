"""Summaries of runs, where there are too many to keep each."""

import numpy as np
import xarray as xr

from mfgcore._base.arguments import explained
from mfgcore.metrics.definitions import per_iteration

FULLEST = 4  # states, as many as the paper's games have targets


@explained
def summary(run: xr.Dataset) -> xr.Dataset:
    """Numbers for each iteration of a run.

    Returns
    -------
    xarray.Dataset
        Over iterations, float32: every metric that is one number for each iteration;
        `policy_entropy`, that of the most common policy where agents are, as a share of the largest
        that there can be; `fullest`, the share of the agents in the four fullest states. And
        `cpu_seconds`.
    """
    kept = {
        name: run[name].astype(np.float32)
        for name, entry in per_iteration().items()
        if entry.dims == ("iteration",)
    }
    field, policy = run["mean_field"].values, run["common_policy"].values.astype(np.float64)
    logs = np.log(policy, out=np.zeros_like(policy), where=policy > 0.0)
    entropy = -(policy * logs).sum(axis=-1) / np.log(policy.shape[-1])
    for name, values in (
        ("policy_entropy", (field * entropy).sum(axis=1)),
        ("fullest", np.sort(field, axis=1)[:, -FULLEST:].sum(axis=1)),
    ):
        kept[name] = xr.DataArray(values.astype(np.float32), dims="iteration")
    kept["cpu_seconds"] = xr.DataArray(run.attrs["cpu_seconds"])
    return xr.Dataset(kept, {"iteration": run["iteration"]}, run.attrs)
