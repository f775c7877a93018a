"""Made-up datasets of comparisons, of the shape of those that are run."""

import copy
import functools
import json
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

from mfgcore.batch.design import combinations
from mfgcore.pipeline.configuration import OF_AN_EXPERIMENT

CONFIG = Path(__file__).parents[1] / "config"
METRICS = ("discounted_return", "exact_return", "exact_exploitability", "population_size")


@functools.cache
def shipped(name):
    return yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8"))


def planned(name):
    """A comparison of config/comparisons.yaml, its parameters over those of config.yaml; dict."""
    config, comparisons = copy.deepcopy((shipped("config"), shipped("comparisons")))
    group = comparisons["comparisons"]
    found = group["experiments"][name]
    own = {key: value for key, value in found.items() if key not in OF_AN_EXPERIMENT}
    return found | {"parameters": config["parameters"] | group["parameters"] | own}


def made_up(name, returns, noise=0.1, exploitability=None, seed=1, but=()):
    """A dataset of a comparison.

    `returns(scenario, setting, variant, k, parameters)` are the returns at iterations k, without
    noise, and `exploitability` likewise; `but` are settings that are left out.
    """
    plan, rng = planned(name), np.random.default_rng(seed)
    factors = plan["factors"]
    factors["setting"] = {key: own for key, own in factors["setting"].items() if key not in but}
    found, configurations = {}, {}
    for place, sets, trials in combinations(factors):
        parameters, n_trials = plan["parameters"] | sets, trials or plan["trials"]
        k = np.arange(parameters["iterations"])
        configurations["|".join(place)] = parameters
        values = returns(*place, k, parameters) + noise * rng.normal(size=(n_trials, k.size))
        gap = 1.0 if exploitability is None else exploitability(*place, k, parameters)
        gap = np.where(
            k % parameters["evaluation_interval"] == 0,
            gap + noise * rng.normal(size=(n_trials, k.size)),
            np.nan,
        )
        size = np.full((n_trials, k.size), parameters["agents"])
        found[place] = values, values, gap, size
    names = [list(levels) for levels in factors.values()]
    shapes = [values[0].shape for values in found.values()]
    sizes = *map(len, names), *np.max(shapes, axis=0)
    dims = ("scenario", "setting", "variant", "trial", "iteration")
    data = {metric: np.full(sizes, np.nan, dtype=np.float32) for metric in METRICS}
    for place, values in found.items():
        at = tuple(known.index(label) for known, label in zip(names, place, strict=True))
        for metric, own in zip(METRICS, values, strict=True):
            data[metric][at][: own.shape[0], : own.shape[1]] = own
    return xr.Dataset(
        {metric: (dims, values) for metric, values in data.items()},
        dict(zip(dims, (*names, *map(np.arange, sizes[3:])), strict=True)),
        {"configurations": json.dumps(configurations), "title": plan["title"]},
    )
