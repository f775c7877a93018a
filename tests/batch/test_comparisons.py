"""Comparisons: their plan, their runs, and their files."""

import json

import numpy as np
import pytest
from conftest import run
from project import ROOT

from mfgcore._base.errors import ConfigurationError, RunFileError
from mfgcore.batch import comparisons
from mfgcore.pipeline import configuration
from mfgcore.runs.datasets import save

SMALL = {
    "title": "Two by two",
    "trials": 2,
    "parameters": {
        "game": "diffuse",
        "grid_size": 3,
        "agents": 4,
        "iterations": 3,
        "transitions": 30,
        "waiting_transitions": 0,
        "replay_cycles": 2,
        "evaluation_interval": 2,
        "sampled_exploitability": False,
    },
    "scenarios": {"calm": {}, "failing, half": {"failure_probability": 0.5, "trials": 1}},
    "settings": {"paper": {}, "C=1": {"communication_rounds": 1, "only": ["calm"]}},
    "variants": {"alone": {"architecture": "independent"}, "all": {"architecture": "networked"}},
}


@pytest.fixture
def config():
    shipped = configuration.read([ROOT / path for path in configuration.CONFIG_FILES])
    return shipped | {"comparisons": {"small": json.loads(json.dumps(SMALL))}, "seed": 3}


def test_a_comparison_has_its_runs_and_joins_them(config, tmp_path):
    jobs = comparisons.jobs(config, "small")
    assert list(jobs) == [("calm", "paper"), ("failing_half", "paper"), ("calm", "C=1")]
    paths = []
    for (scenario, setting), labels in jobs.items():
        planned = comparisons.runs(config, "small", *labels)
        paths.append(tmp_path / f"{scenario}-{setting}.nc")
        save(comparisons.compare(planned), paths[-1])
    joined = comparisons.join(paths, config, "small")
    assert dict(joined.sizes) == {
        "scenario": 2,
        "setting": 2,
        "variant": 2,
        "trial": 2,
        "iteration": 3,
    }
    one = comparisons.runs(config, "small", "calm", "C=1")["all", 1]
    assert (one.communication_rounds, one.trial, one.seed, one.name) == (1, 1, 3, "small")
    simulated = run(one)
    place = {"scenario": "calm", "setting": "C=1", "variant": "all", "trial": 1}
    there = joined.sel(place)
    expected = np.float32(simulated.records["discounted_return"])
    assert there["discounted_return"].values.tolist() == expected.tolist()
    field = np.array(simulated.records["mean_field"])
    fullest = [np.sort(row)[-4:].sum() for row in field]
    np.testing.assert_allclose(there["fullest"], fullest, rtol=1e-6)
    # everybody begins with the uniform policy, of the largest entropy
    np.testing.assert_allclose(joined["policy_entropy"].sel(place)[0], 1.0, rtol=1e-6)
    # a scenario of one trial, a setting that it has not
    returns = joined["discounted_return"].sel(scenario="failing, half")
    assert np.isfinite(returns.sel(setting="paper", trial=0)).all()
    assert np.isnan(returns.sel(setting="paper", trial=1)).all()
    assert np.isnan(returns.sel(setting="C=1")).all()
    assert joined.attrs["runs"] == 10

    config["comparisons"]["small"]["parameters"]["agents"] = 5
    with pytest.raises(RunFileError, match="made with other parameters"):
        comparisons.join(paths, config, "small")


def test_bad_comparisons_are_refused_in_one_line(config):
    small = config["comparisons"]["small"]
    with pytest.raises(ConfigurationError, match="did you mean 'small'"):
        comparisons.jobs(config, "smal")
    small["settings"]["C=1"]["only"] = ["clam"]
    with pytest.raises(ConfigurationError, match=r"C=1\.only: .*did you mean 'calm'"):
        comparisons.jobs(config, "small")
    small["settings"] = {"a b": {}, "a_b": {}}
    with pytest.raises(ConfigurationError, match="two settings are called 'a_b'"):
        comparisons.jobs(config, "small")
    small["scenarios"]["calm"]["failure_probability"] = 2
    with pytest.raises(ConfigurationError, match=r"comparisons\.small, calm, a b: failure_prob"):
        comparisons.runs(config, "small", "calm", "a b")


def test_the_shipped_comparisons_can_be_run(config):
    shipped = configuration.read([ROOT / path for path in configuration.CONFIG_FILES])
    for name in comparisons.names(shipped):
        comparison = shipped["comparisons"][name]
        for part in (
            comparison,
            *comparison["scenarios"].values(),
            *comparison["settings"].values(),
        ):
            part["trials"] = 1
        for labels in comparisons.jobs(shipped, name).values():
            assert comparisons.runs(shipped, name, *labels)
