"""Designs: factors, their levels, the runs of all combinations, and the datasets of these."""

import copy
import importlib
import json

import numpy as np
import pytest
import xarray as xr
from conftest import run, small
from project import ROOT

import mfgcore
from mfgcore._base.errors import ConfigurationError, RunFileError
from mfgcore.batch.collect import collect_files, join, load_current, measured, summarise_runs
from mfgcore.batch.design import Design, combinations, expand, levels
from mfgcore.pipeline import configuration
from mfgcore.runs.datasets import save

SMALL = {
    "title": "Two by two",
    "trials": 2,
    "game": "diffuse",
    "grid_size": 3,
    "agents": 4,
    "iterations": 3,
    "transitions": 30,
    "burn_in": 0,
    "replay_cycles": 2,
    "evaluation_interval": 2,
    "sampled_exploitability": False,
    "factors": {
        "scenario": {"calm": {}, "failing, half": {"failure_probability": 0.5, "trials": 1}},
        "setting": {
            "paper": {},
            "C=1": {"communication_rounds": 1, "only": {"scenario": ["calm"]}},
        },
        "variant": {
            "alone": {"architecture": "independent"},
            "all": {"architecture": "networked"},
        },
    },
}


@pytest.fixture
def config():
    shipped = configuration.read([ROOT / path for path in configuration.CONFIG_FILES])
    group = {"keep": "summaries", "experiments": {"small": copy.deepcopy(SMALL)}}
    return shipped | {"comparisons": group, "seed": 3}


def designed(config):
    return configuration.design(config, "comparisons", "small")


def test_levels_restrict_themselves():
    factors = {
        "game": ["agree", "diffuse"],
        "size": {"small": {"agents": 2}, "large": {"agents": 9, "trials": 1}, "none": None},
        "more": {"no": {}, "yes": {"agents": 5, "only": {"game": ["agree"], "size": ["small"]}}},
    }
    found = {labels: (sets, trials) for labels, sets, trials in combinations(factors)}
    assert len(found) == 2 * 2 + 1
    assert found["agree", "small", "yes"] == ({"game": "agree", "agents": 5}, None)
    assert found["diffuse", "large", "no"] == ({"game": "diffuse", "agents": 9}, 1)
    runs = expand(small, factors, trials=3)
    assert len(runs) == 3 * 3 + 2 * 1
    assert runs["agree", "small", "yes", 2].trial == 2
    assert len(expand(small, factors)) == len(found)


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({"agnts": [1, 2]}, "unknown parameter 'agnts'; did you mean 'agents'?"),
        ({"agents": []}, "agents: there is no level"),
        ({"agents": [2, 2]}, "agents: 2 is there twice"),
        ({"agents": [2, "x"]}, "agents: 'x' is not a whole number"),
        ({"size": {"one": None}}, "size: there is no level"),
        ({"size": {"one": {"only": {"gam": ["x"]}}}}, "size.one.only: unknown factor 'gam'"),
        (
            {"size": {"one": {"only": {"way": ["rihgt"]}}}, "way": {"right": {}}},
            "size.one.only.way: unknown level 'rihgt'; did you mean 'right'?",
        ),
        ({"agents": [2], "size": {"a": {"discount": 3.0}}}, "agents = 2, size = a: discount: 3.0"),
    ],
)
def test_a_mistake_in_a_factor_is_one_line(factors, said):
    with pytest.raises(ConfigurationError) as refused:
        expand(small, factors)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_values_are_labels_and_texts_where_one_is_none():
    assert list(levels("discount", [0, 0.5])) == [0.0, 0.5]
    assert list(levels("initial_q_value", [1, None])) == ["1.0", "null"]


def test_summaries_have_a_dimension_for_each_factor_and_hold_what_was_run(config, tmp_path):
    design = designed(config)
    assert [path.split("/", 2)[2] for path in design.files.values()] == [
        "calm/paper.nc",
        "calm/C=1.nc",
        "failing_half/paper.nc",
    ]
    paths = []
    for number, labels in enumerate(design.files):
        paths.append(tmp_path / f"{number}.nc")
        save(summarise_runs(design.part(*labels)), paths[-1])
    joined = collect_files(paths, design)
    dims = ("scenario", "setting", "variant", "trial", "iteration")
    assert joined["discounted_return"].dims == dims
    assert joined["discounted_return"].dtype == np.float32
    assert dict(joined.sizes) == dict.fromkeys(dims, 2) | {"iteration": 3}
    one = design.runs["calm", "C=1", "all", 1]
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
    assert joined.attrs["runs"] == len(design.runs) == 10
    assert json.loads(joined.attrs["configurations"])["calm|C=1|all"]["communication_rounds"] == 1

    save(joined, tmp_path / "joined.nc")
    assert load_current(tmp_path / "joined.nc", design).equals(joined)
    config["comparisons"]["experiments"]["small"]["agents"] = 5
    with pytest.raises(RunFileError, match="made with agents = 4, expected 5"):
        collect_files(paths, designed(config))
    with pytest.raises(RunFileError, match="made with agents = 4, expected 5"):
        load_current(tmp_path / "joined.nc", designed(config))
    found = load_current(tmp_path / "joined.nc", designed(config), outdated=True)
    assert found.attrs["outdated"] == "made with agents = 4, expected 5"


def test_runs_of_several_factors_are_those_of_a_sweep():
    factors = {"architecture": ["networked", "independent"], "discount": [0.5, 0.8]}
    runs = expand(small, factors, trials=2)
    design = Design("run", factors, runs, baseline={"discount": 0.8})
    joined = join(design, {key: measured(mfgcore.simulate(each)) for key, each in runs.items()})
    assert joined["exact_return"].dims == (*factors, "trial", "iteration")
    assert joined["mean_field"].dims == (*factors, "trial", "iteration", "state")
    assert joined["discount"].attrs["baseline"] == 0.8
    swept = mfgcore.sweep(small(), **factors, trial=[0, 1], cores=1, progress=False)
    for name in ("exact_return", "mean_field", "distinct_policies"):
        assert joined[name].dtype == swept[name].dtype
        xr.testing.assert_equal(joined[name].drop_attrs(), swept[name].drop_attrs())


def test_bad_comparisons_are_refused_in_one_line(config):
    small = config["comparisons"]["experiments"]["small"]
    with pytest.raises(ConfigurationError, match="did you mean 'small'"):
        configuration.design(config, "comparisons", "smal")
    small["factors"]["setting"] = {"a b": {}, "a_b": {}}
    with pytest.raises(ConfigurationError, match="two levels are called 'a_b'"):
        designed(config)
    small["factors"]["scenario"]["calm"]["failure_probability"] = 2
    said = r"^comparisons\.experiments\.small, scenario = calm, setting = a b, .*: failure_prob"
    with pytest.raises(ConfigurationError, match=said):
        designed(config)


def test_a_translated_comparison_has_every_array_that_it_had(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    translate = importlib.import_module("translate_data").translate
    runs = expand(small, {"setting": {"a": {}, "b": {"agents": 3}}}, trials=1)
    dataset = summarise_runs(Design("x", {"setting": ["a", "b"]}, runs))
    path = tmp_path / "old.nc"
    with monkeypatch.context() as patched:
        patched.setattr("mfgcore.runs.datasets.KINDS", ("run", "comparison"))
        save(dataset.assign_attrs(kind="comparison"), path)
    assert translate(path) and not translate(path)
    found = mfgcore.load(path, kind="experiment")
    assert found.equals(dataset)
    assert found.attrs["configurations"] == dataset.attrs["configurations"]


def test_a_translation_renames_parameters_and_changes_no_array(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    translate = importlib.import_module("translate_data").translate
    planned = [small(trial=trial) for trial in (0, 1)]
    dataset = mfgcore.collect([mfgcore.simulate(each) for each in planned], planned)
    old = {"agents_after": 3, "normalisation": "earned", "evaluation_moves": False, "seed": 1}
    save(dataset.assign_attrs(configuration=json.dumps(old)), tmp_path / "old.nc")
    assert translate(tmp_path / "old.nc") and not translate(tmp_path / "old.nc")
    found = mfgcore.load(tmp_path / "old.nc", kind="experiment")
    assert json.loads(found.attrs["configuration"]) == {
        "final_agents": 3,
        "normalisation": "attainable",
        "evaluate_on_copy": True,
        "seed": 1,
    }
    assert found.equals(dataset)
