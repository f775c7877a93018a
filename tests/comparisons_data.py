"""Made-up datasets of comparisons, of the shape of those that are run."""

import copy
import functools
import json
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

CONFIG = Path(__file__).parents[1] / "config"
METRICS = ("discounted_return", "exact_return", "exact_exploitability", "population_size")


@functools.cache
def shipped(name):
    return yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8"))


def planned(name):
    """A comparison of config/comparisons.yaml, its parameters over those of config.yaml; dict."""
    config, comparisons = copy.deepcopy((shipped("config"), shipped("comparisons")))
    found = comparisons["comparisons"]
    parameters = config["parameters"] | found["parameters"] | found[name].get("parameters", {})
    return found[name] | {"parameters": parameters}


def made_up(name, returns, noise=0.1, exploitability=None, seed=1, but=()):
    """A dataset of a comparison.

    `returns(scenario, setting, variant, k, parameters)` are the returns at iterations k, without
    noise, and `exploitability` likewise; `but` are settings that are left out.
    """
    plan, rng = planned(name), np.random.default_rng(seed)
    settings = {key: own for key, own in plan["settings"].items() if key not in but}
    found, configurations = {}, {}
    for scenario, event in plan["scenarios"].items():
        for setting, own in settings.items():
            if scenario not in own.get("only", plan["scenarios"]):
                continue
            given = [part["trials"] for part in (event, own) if "trials" in part]
            trials = min(given, default=plan["trials"])
            for variant, last in plan["variants"].items():
                parameters = plan["parameters"] | event | own | last
                for key in ("trials", "only"):
                    parameters.pop(key, None)
                k = np.arange(parameters["iterations"])
                place = scenario, setting, variant
                configurations["|".join(place)] = parameters
                values = returns(*place, k, parameters) + noise * rng.normal(size=(trials, k.size))
                gap = 1.0 if exploitability is None else exploitability(*place, k, parameters)
                gap = np.where(
                    k % parameters["evaluation_interval"] == 0,
                    gap + noise * rng.normal(size=(trials, k.size)),
                    np.nan,
                )
                size = np.full((trials, k.size), parameters["agents"])
                found[place] = values, values, gap, size
    names = list(plan["scenarios"]), list(settings), list(plan["variants"])
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
