"""The data behind the claims report were made after the protocol, and by the present code."""

import datetime
import functools
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from project import ROOT, tracked

from mfgcore.pipeline import configuration
from mfgcore.runs.datasets import load
from mfgcore.runs.simulation import Simulation
from mfgcore.study import keep_data
from mfgcore.study.claims import FIGURES

DATA = tracked("docs/gallery/data/*.nc")
METRICS = (
    "discounted_return",
    "policy_divergence",
    "distinct_policies",
    "exact_exploitability",
    "exact_return",
    "useful_share",
)
PROTOCOLS = {  # by folder of the data: the protocol, and what configures its runs
    "data": ("docs/protocol.md", "config/confirmatory.yaml"),
    "law": ("docs/protocol_law.md", "config/law.yaml"),
    "cooperation": ("docs/protocol_cooperation.md", "config/cooperation.yaml"),
}
ITERATIONS = 2  # the first ones


def git(*arguments):
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def written(protocol):
    """The commit that brought a protocol: its hash and its time."""
    found = git("log", "--diff-filter=A", "--format=%H %cI", "--", protocol)
    if not found.stdout.strip():
        pytest.skip("there is no history here, or not all of it")
    commit, moment = found.stdout.split()[-2:]
    return commit, datetime.datetime.fromisoformat(moment)


@functools.cache
def configured(path):
    paths = [*configuration.CONFIG_FILES, path]
    return configuration.read([ROOT / each for each in paths])


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_the_runs_were_started_after_the_protocol_was_written(path):
    commit, moment = written(PROTOCOLS[path.parent.name][0])
    with xr.open_dataset(path) as dataset:
        about = dataset.attrs
    assert datetime.datetime.fromisoformat(about["started"]) > moment
    for made_by in {about["commit"], *about.get("commits", about["commit"]).split(", ")}:
        done = git("merge-base", "--is-ancestor", commit, made_by)
        assert done.returncode == 0, (made_by, done.stderr)


def last_run(config, path, dataset):
    """An experiment whose run is kept, the last trial of the first setting; what was kept."""
    group = "experiments" if "architecture" in dataset.dims else "comparisons"
    runs = configuration.design(config, group, path.stem).runs
    first = next(iter(runs))[:-2]
    *labels, trial = [key for key in runs if group == "experiments" or key[:-2] == first][-1]
    dims = max((values.dims for values in dataset.values()), key=len)
    place = dict(zip(dims, (*labels, trial), strict=False))
    return runs[(*labels, trial)], dataset.sel(**place)


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_the_code_of_today_makes_them(path):
    config = configured(PROTOCOLS[path.parent.name][1])
    with xr.open_dataset(path) as dataset:
        experiment, kept = last_run(config, path, dataset.load())
    simulation = Simulation(experiment)
    for _ in range(ITERATIONS):
        simulation.step()
    for name in set(METRICS) & set(kept):
        made = np.array(simulation.records[name], dtype=np.float32)[:ITERATIONS]
        assert np.array_equal(made, kept[name].values[:ITERATIONS], equal_nan=True), name


@pytest.mark.parametrize("name", FIGURES)
def test_the_code_of_today_makes_the_mean_fields(name):
    fields = keep_data.read_fields(name)["mean_field"]
    assert fields.sizes["iteration"] == keep_data.SNAPSHOTS
    runs = configuration.design(configured("config/confirmatory.yaml"), "experiments", name).runs
    for architecture in fields["architecture"].values:
        simulation = Simulation(runs[str(architecture), 0])
        simulation.step()
        kept = fields.sel(architecture=architecture, trial=0, iteration=0)
        assert np.array_equal(simulation.records["mean_field"][0], kept)


def test_there_are_kept_data():
    assert Path(ROOT / "docs/gallery/data/theory.json").exists()
    assert len(DATA) >= 4


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_they_are_experiments_like_others(path):
    assert load(path, kind="experiment").attrs["runs"] > 0
