"""Tables of what the workflow costs, before it is run."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mfgcore._base.files import StrPath
from mfgcore.batch import cost
from mfgcore.experiment.experiment import Experiment
from mfgcore.pipeline.configuration import (
    CONFIG_FILES,
    GROUPS,
    check,
    combine,
    design,
    load_schema,
    names,
    read,
)


def estimate(files: list[StrPath], cores: int) -> list[str]:
    """Runs, CPU time and memory of each group of experiments, as tables in lines of text.

    Parameters
    ----------
    files : list of path
        Configurations that override the workflow's own, which is read in the current folder.
    cores : int
        To share among the runs.

    Raises
    ------
    ConfigurationError
        If a configuration cannot be read or is wrong.
    """
    config = combine(read(CONFIG_FILES), read(files))
    designs = check(config, load_schema("workflow/schemas/config.schema.yaml"))
    lines = []
    for group in GROUPS:
        known, named = set(), {}
        for name in names(config, group):
            made = designs.get((group, name)) or design(config, group, name)
            # equal runs are in one file, and counted once
            runs = {made.files.get(key, key): run for key, run in made.runs.items()}
            named[name] = _alike(run for path, run in runs.items() if path not in known)
            known |= {*made.files.values()}
        lines += ["", *_table(group.removesuffix("s"), named, cores)]
    return lines[1:]


def _alike(runs: Iterable[Experiment]) -> list[tuple[Experiment, int]]:
    """Runs that differ in their trial alone: the first of them, and their number."""
    found: dict[Any, list[Experiment]] = {}
    for run in runs:
        found.setdefault(dataclasses.replace(run, trial=0), []).append(run)
    return [(trials[0], len(trials)) for trials in found.values()]


def _table(kind: str, named: dict[str, Any], cores: int) -> Iterator[str]:
    """The table of what runs cost: named lists of pairs of :func:`_alike`."""
    yield f"{kind:<24}{'runs':>6}{'CPU min':>10}{'largest run, MB':>18}"
    total = longest = 0.0
    for name, experiments in named.items():
        seconds = [cost.run_seconds(experiment) for experiment, _ in experiments]
        megabytes = max((cost.run_megabytes(each) for each, _ in experiments), default=0.0)
        trials = [number for _, number in experiments]
        together = sum(np.multiply(seconds, trials))
        yield f"{name:<24}{sum(trials):>6}{together / 60:>10.1f}{megabytes:>18.0f}"
        total += together
        longest = max(longest, *seconds, 0.0)
    wall = max(total / cores, longest)
    yield f"all: {total / 60:.1f} CPU minutes, about {wall / 60:.1f} minutes on {cores} core(s)"
