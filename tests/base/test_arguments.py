"""What users call, called with what is given by mistake: it works, or a line says why not."""

import importlib
import inspect
import re

import numpy as np
import pytest
import xarray as xr
from conftest import run as simulated
from conftest import small
from project import ROOT
from worlds import world

import mfgcore
from mfgcore import ConfigurationError, Experiment, MfgcoreError
from mfgcore._base.arguments import checked
from mfgcore._base.errors import shorten
from mfgcore.agents import algorithms, architectures, networks, population, scenarios
from mfgcore.agents import random_streams as streams
from mfgcore.agents.population import Walk
from mfgcore.batch.collect import measured
from mfgcore.batch.design import Design
from mfgcore.experiment.experiment import parameters
from mfgcore.pipeline import configuration
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.simulation import Simulation
from mfgcore.study.claims.judging import CLAIMS

# judging takes seconds, and what is drawn other tests look at
LEFT = r"plotting\.(curves|style|heat_maps)\..*|games\.model\.register|.*\.to_markdown|.*\.judge"

LEFT += r"|study\.generality_figures\..*|study\.generality\.(pool|predict)"
LEFT += r"|study\.readings_figures\..*|study\.readings\.(?!judge_readings)\w+"


class Odd:
    """Nothing can be made of it, not even its repr."""

    def __repr__(self):
        raise RuntimeError("no\nrepr")


WRONG = (
    None, 3, -1, 1.5, True, "x", "two\nlines\u2028and more", "", object(), Odd(), [], {}, (), b"x",
    np.array(["a", "b"]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1j]),
    np.datetime64("2020-01-01"), xr.Dataset(), [None], {"x": None}, print,
)  # fmt: skip


def public():
    """What the reference lists, by its name without that of the package."""
    text = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    for module, names in re.findall(
        r"\.\. (?:auto|current)module:: (\S+)\n(.*?)```", text, re.DOTALL
    ):
        for name in re.findall(r"(?m)^   (\w+)$", names):
            each = getattr(importlib.import_module(module), name)
            where = f"{each.__module__}.{name}".removeprefix("mfgcore.")
            called = not inspect.isclass(each) and inspect.signature(each).parameters
            if called and not re.fullmatch(LEFT, where):
                yield where, each


PUBLIC = dict(public())


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """Arguments that fit each of them, by name."""
    folder = tmp_path_factory.mktemp("valid")
    experiment = small(iterations=2)
    game = experiment.make_game()
    run = mfgcore.simulate(experiment)
    path = folder / "run.nc"
    mfgcore.save(run, path)
    (folder / "edges.txt").write_text("0 1\n")
    (folder / "a.yaml").write_text("a: 1\n")
    for name in ("Snakefile", "manifest.json"):
        (folder / name).write_text(name)
    config = configuration.read([ROOT / name for name in configuration.CONFIG_FILES])
    schema = configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    evidence = world()
    fig = evidence.experiments["fig3"]
    policies = np.full((2, game.n_states, 5), 0.2)
    field = np.full(game.n_states, 1.0 / game.n_states)
    weights = {"discount": 0.5, "entropy_weight": 0.01}
    simulation = Simulation(experiment)
    update = mfgcore.agents.scores.Update(
        experiment, 0, np.arange(6, dtype=np.int32), np.ones(6), np.ones(6), simulation.population,
        game, streams.action_generators(experiment, "actions", 0, 6),
    )  # fmt: skip
    walk = Walk.of(simulation.population, game, 0.01, update.generators)
    design = Design("run", {"architecture": ["networked"]}, {("networked", 0): experiment})
    joined = mfgcore.batch.collect.summarise_runs(design)
    stream = {"experiment": experiment, "purpose": "actions", "iteration": 0, "n_agents": 3}
    named = {"config": config, "group": "experiments", "name": "fig1"}
    fitting = {
        "simulation.simulate": {
            "experiment": experiment, "threads": 1, "progress": print, "checkpointer": None,
            "limit": 1e12,
        },
        "datasets.save": {"dataset": run, "path": folder / "again.nc"},
        "datasets.load": {"path": path, "kind": "run"},
        "batch.collect.collect": {"runs": [run], "experiments": [experiment]},
        "batch.sweep.sweep": {
            "experiment": experiment, "cores": 1, "cache": None, "progress": False, "seed": [1],
        },
        "table.own_fields": {"game": type(game)},
        "experiment.code_of": {"experiments": [experiment]},
        "experiment.make_experiment": {"game": "agree", "agents": 3},
        "checkpoint.save": {
            "simulation": simulation, "path": folder / "c.npz", "seconds": (1.0, 2.0)
        },
        "checkpoint.restore": {"simulation": simulation, "path": folder / "c.npz"},
        "datasets.to_dataset": {"simulation": simulated(experiment)},
        "datasets.state_coordinates": {"game": game},
        "datasets.describe": {"dataset": run},
        "datasets.make_and_save": {
            "path": folder / "other.nc", "make": lambda: run, "check": print, "kind": "run"
        },
        "datasets.configuration": {"dataset": run},
        "datasets.check_made": {"name": "x", "dataset": run, "kind": "run"},
        "batch.collect.collect_files": {"paths": [path], "design": design},
        "batch.collect.join": {"design": design, "pieces": {("networked", 0): measured(run)}},
        "batch.collect.measured": {"run": run},
        "batch.collect.summary": {"run": run},
        "batch.collect.summarise_runs": {"design": design, "progress": None},
        "batch.collect.check_part": {"whose": "x", "dataset": joined, "design": design},
        "batch.collect.load_current": {"path": path, "expected": experiment, "outdated": True},
        "batch.collect.run_to_file": {
            "path": folder / "made.nc", "experiment": experiment, "threads": 1, "progress": None,
            "checkpointer": Checkpointer(folder / "made.nc.checkpoint"), "limit": 1e12,
        },
        "batch.collect.check_run": {"whose": "x", "dataset": run, "experiment": experiment},
        "pipeline.configuration.read": {
            "paths": [folder / "a.yaml"], "config": {}, "words": ["b=1"]
        },
        "pipeline.configuration.located": {"config": {"a": 1}, "folders": ["."]},
        "pipeline.configuration.load_schema": {
            "path": ROOT / "workflow/schemas/config.schema.yaml"
        },
        "pipeline.configuration.check": {"config": config, "schema": schema},
        "pipeline.configuration.figures": named,
        "pipeline.configuration.import_files": {"config": config},
        "pipeline.configuration.names": {"config": config, "group": "experiments"},
        "pipeline.configuration.design": named,
        "batch.design.reference": {"run": experiment},
        "pipeline.configuration.combine": {"shipped": config, "given": {"seed": 1}},
        "batch.design.expand": {"make": small, "factors": {"agents": [2, 3]}, "trials": 1},
        "batch.design.combinations": {"factors": {"agents": [2, 3]}},
        "batch.design.levels": {"factor": "agents", "given": [2, 3]},
        "batch.design.sets_of": {"level": {"agents": 3}},
        "batch.design.plain": {"value": 1},
        "batch.design.said": {"factors": {"agents": [2, 3]}, "labels": (2,)},
        "table.disturbances": {},
        "table.with_parameters": {"docstring": "x"},
        "table.read_by": {"values": vars(experiment) | {"scenario": "none"}},
        "pipeline.yaml_files.read_yaml": {"path": folder / "a.yaml"},
        "pipeline.yaml_files.parse_yaml": {"text": "1", "name": "x"},
        "games.model.in_one_line": {"name": "x"},
        "networks.graph": {"n_agents": 3, "edges": [(0, 1)]},
        "networks.parts": {"links": networks.graph(3, [(0, 1)])},
        "networks.neighbour_cells": {"game": game, "radius": 0.5, "diagonal": "cells"},
        "networks.edge_list": {
            "experiment": small(
                network="edge_list", edges=str(folder / "edges.txt"), disconnected=True
            )
        },
        "edges.read_edges": {"path": str(folder / "edges.txt")},
        "edges.pairs": {"edges": [(0, 1)], "n_agents": 3},
        "edges.beyond": {"number": 3, "n_agents": 3},
        "edges.keep": {"contents": {"x": b""}},
        "networks.check_edges": {"path": str(folder / "edges.txt"), "expected": None},
        "scenarios.random": {"experiment": experiment, "states": np.arange(3)},
        "scenarios.nearest": {
            "experiment": small(agents_after=3, change_at=1, leavers="nearest", leave_state=0),
            "states": np.arange(3),
        },
        "learning.improve_policies": {
            "experiment": experiment, "policies": policies,
            "policy_index": np.zeros(2, dtype=np.int32),
            "q_values": np.zeros((2, game.n_states * 5)),
        },
        "learning.policy_change": {"old": policies, "new": policies},
        "population.state_distances": {"policies": policies, "others": policies},
        "population.policy_distances": {"policies": policies, "reference": policies[0]},
        "population.uniform_policy": {"n_states": 3, "n_actions": 2},
        "population.rollout": {
            "experiment": experiment, "walk": walk, "skipped": 4, "deviator": None,
            "learners": np.arange(2, dtype=np.int32), "population": True,
        },
        "streams.words": stream | {"n_words": 2},
        "streams.integers": stream | {"n": 2},
        "streams.starts": stream | {"game": game},
        "metrics.metric": {"long_name": "x"},
        "metrics.label": {"name": "exact_return"},
        "meanfield.stationary_distribution": {"policy": policies, "game": game},
        "meanfield.joint_mean_field": {
            "policies": policies, "game": game, "policy_index": np.zeros(4, dtype=int)
        },
        "meanfield.policy_value": {
            "policy": policies[0], "mean_field": field, "game": game, **weights
        },
        "meanfield.action_values": {
            "policy": policies[0], "mean_field": field, "game": game, **weights
        },
        "meanfield.best_response": {
            "mean_field": field, "game": game, **weights, "start": policies[0]
        },
        "meanfield.exploitability": {"policy": policies[0], "game": game, **weights},
        "meanfield.population_metrics": {
            "policies": policies, "game": game, **weights, "policy_index": None
        },
        "statistics.interquartile_mean": {"values": np.arange(4.0)},
        "statistics.last_iterations": {"n_iterations": 10},
        "statistics.bootstrap": {
            "strata": [np.arange(3.0)], "generator": np.random.default_rng(0), "level": 0.95,
            "resamples": 100,
        },
        "statistics.generator_of": {"seed": 1, "name": "x"},
        "statistics.widened_tail": {"n": 3, "student": 2.0},
        "statistics.summarise": {"dataset": fig, "metrics": ["exact_return"]},
        "statistics.summarise_ablation": {
            "dataset": fig.expand_dims(setting=["1"]), "generator": np.random.default_rng(0)
        },
        "plotting.statistics.by_setting": {"dataset": fig.expand_dims(agents=[1])},
        "explorer.write_page": {"experiments": [], "path": folder / "page.html"},
        "explorer.describe": {"title": "x", "dataset": mfgcore.collect([run], [experiment])},
        "layout.layout_of": {"dataset": run},
        "layout.names_of": {"dataset": run},
        "layout.cells_of": {"dataset": run},
        "layout.turns_of": {"dataset": run},
        "claims.judging.claim": {"name": "C0", "source": "", "kind": "central", "quantity": ""},
        "claims.judging.judge_one": {
            "each": next(iter(CLAIMS.values())), "evidence": evidence, "seed": 1
        },
        "claims.judging.by_group": {"judged": []},
        "claims.evidence.as_experiment": {
            "dataset": evidence.comparisons["agents"], "scenario": "agree", "setting": "N=50"
        },
        "claims.measures.at_a_glance": {"evidence": evidence},
        "claims.measures.paired": {"first": np.arange(3.0), "second": np.arange(3.0)},
        "generality.measure": {"datasets": {}},
        "generality.mean_distance": {
            "parameters": {"game": "agree", "network": "ring", "agents": 10, "neighbours": 2},
            "n_trials": 1,
        },
        "generality.correlation": {
            "clusters": [np.random.default_rng(0).random((4, 2))] * 3,
            "generator": np.random.default_rng(0),
        },
        "readings.judge_readings": {
            "dataset": evidence.comparisons["readings"], "settings": {}, "seed": 1
        },
        "pipeline.ro_crate.write_crate": {
            "path": folder / "crate.json", "snakefile": folder / "Snakefile",
            "configuration": {"seed": 1}, "experiments": {}, "manifest": folder / "manifest.json",
        },
        "pipeline.init.write_study": {
            "folder": folder / "study", "workflow": ROOT / "workflow/Snakefile"
        },
    }  # fmt: skip
    by_argument = {
        "experiment": experiment, "dataset": fig, "metric": "discounted_return", "update": update,
        "architecture": "networked", "first": "networked", "second": "independent", "share": 0.9,
        "sign": 1.0, "after": 10, "other": "independent", "start": None, "simulation": simulation,
    }  # fmt: skip
    for name, function in PUBLIC.items():
        if name not in fitting:
            wanted = inspect.signature(function).parameters
            known = by_argument | (stream if name.startswith("streams") else {})
            if name == "claims.measures.mean_between":
                known = known | {"first": 1, "last": 5}
            if name.startswith("metrics."):
                continue
            fitting[name] = {key: known[key] for key in wanted}
    return fitting


# made of many files, which other tests make
OF_FILES = {
    "batch.collect.collect_files",
    "pipeline.ro_crate.write_crate",
    "generality.measure",
    "readings.judge_readings",
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what comes of it, which is NaN
@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_given_by_mistake_is_taken_or_refused_in_one_line(
    name, valid, tmp_path, monkeypatch
):
    if name not in valid:
        assert name.startswith("metrics.")
        pytest.skip("takes what the package alone makes")
    monkeypatch.chdir(tmp_path)  # "x" is a path, too
    if name not in OF_FILES:
        PUBLIC[name](**valid[name])
    for key in valid[name]:
        for wrong in WRONG:
            try:
                PUBLIC[name](**valid[name] | {key: wrong})
            except MfgcoreError as error:
                assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: mfgcore.simulate("agree"), "experiment: 'agree' is not an Experiment"),
        (lambda: mfgcore.meanfield.exact.exploitability("x", None, discount=0, entropy_weight=0),
         "policy: 'x' is not an array of numbers"),
        (lambda: mfgcore.collect(3, 4), "runs: 3 is not a list, each a path, or a Dataset"),
        (lambda: mfgcore.load(3), "path: 3 is not a path"),
        (lambda: mfgcore.save("x", 3), "dataset: 'x' is not a Dataset"),
        (lambda: mfgcore.sweep(small(), progress=2), "progress: 2 is not true or false"),
        (lambda: Simulation(small(), "2"), "threads: '2' is not a whole number"),
        (lambda: mfgcore.runs.checkpoint.Checkpointer(3), "path: 3 is not a path"),
        (lambda: networks.Links("x", [0]), "first_neighbour: 'x' is not an array of"),
        (lambda: scenarios.Scenario(0.5, 3), "failure_probability: 0.5 is not a function"),
        (lambda: algorithms.Algorithm("x", 1, print), "skipped: 'x' is not a whole number"),
        (lambda: architectures.Architecture(1, "nobody"), "learners: 1 is not a text"),
        (lambda: networks.NETWORKS.add(3, print), "name: 3 is not a text"),
        (lambda: population.uniform_policy(-1, 2),
         "uniform_policy(n_states=-1, n_actions=2): ValueError: negative dimensions"),
        (lambda: streams.words(small(), "action", 0, 1, 1),
         "unknown purpose 'action'; did you mean 'actions'?"),
    ],
)  # fmt: skip
def test_the_line_names_the_argument(call, line):
    with pytest.raises(ConfigurationError) as refused:
        call()
    assert str(refused.value).startswith(line)


def test_a_function_is_as_it_was_and_takes_numbers_of_numpys():
    @checked
    def function(
        a: int, b: "float | None" = None, *others: str, key: np.ndarray = (), **more: bool
    ):
        """What it does."""
        return a, b, others, key, more

    assert function.__doc__ == "What it does."
    assert list(inspect.signature(function).parameters) == ["a", "b", "others", "key", "more"]
    a, b, others, key, more = function(
        np.uint8(3), np.float16(0.5), np.str_("x"), key=[1, 2], yes=np.bool_(True)
    )
    assert [type(each) for each in (a, b, others[0], key, more["yes"])] == [
        int, float, str, np.ndarray, bool,
    ]  # fmt: skip
    for arguments, named in (((1, "x"), {}), ((1, 2.0, 3), {}), ((True,), {}), ((1,), {"yes": 1})):
        with pytest.raises(ConfigurationError):
            function(*arguments, **named)
    with pytest.raises(TypeError, match="missing"):
        function()
    with pytest.raises(ConfigurationError, match=r"key: .* is not an array of numbers"):
        function(1, key=np.ma.masked_equal([1.0, 2.0], 2.0))


NUMPYS = [
    (kind, 1) for kind in "bhilqBHILQ"
] + [("e", 0.5), ("f", 0.5), ("d", 0.5), ("g", 0.5)]  # fmt: skip


@pytest.mark.parametrize("made", [lambda value, kind: np.dtype(kind).type(value), np.array])
def test_values_of_numpys_become_pythons_own(made):
    for kind, value in NUMPYS:
        key = "discount" if value == 0.5 else "seed"
        found = getattr(small(**{key: made(value, kind)}), key)
        assert (type(found), found) == (type(value), value)
        dataset = mfgcore.sweep(
            small(iterations=1), progress=False, cores=1, **{key: [made(value, kind)]}
        ) if kind in "eQ" else None  # fmt: skip
        if dataset is not None:
            assert dataset[key].values.tolist() == [value]
    experiment = small(
        game=made("agree", "U5"), name=made("mine", "U4"), exact_metrics=made(True, "?")
    )
    assert type(experiment.game) is type(experiment.name) is str
    assert experiment.exact_metrics is True
    assert "np." not in repr(experiment)


@pytest.mark.parametrize("key", ["seed", "discount", "game", "exact_metrics", "name", "edges"])
def test_what_is_no_parameter_is_refused_in_one_line(key):
    for value in (
        1j, np.complex64(1), np.datetime64("2020"), np.timedelta64(1), np.void(b"ab"),
        np.array([1]), np.array([["a", "b"], ["c", "d"]]), b"x",
        np.bytes_(b"x"), object(), Odd(), [], {},
        np.random.SeedSequence(3), 10**5000, float("nan"), np.float32("inf"),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError) as refused:
            small(**{key: value})
        assert str(refused.value).startswith(f"{key}: ")
        assert len(str(refused.value).splitlines()) == 1


def test_an_error_is_one_line_whatever_it_is_made_of():
    breaks = [
        "\n",
        "\r",
        "\r\n",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x1d",
        "\x1e",
        "\x85",
        "\u2028",
        "\u2029",
    ]
    for kind in (MfgcoreError, ConfigurationError, mfgcore.RunFileError, mfgcore.NumericalError):
        assert str(kind(f"a{'b'.join(breaks)}c")).splitlines() == ["a b b b b b b b b b b c"]
    for value in (np.eye(3), np.random.SeedSequence(3), Odd(), "a\u2028b", xr.Dataset(), 10**5000):
        assert len(shorten(value).splitlines()) == 1
        assert len(shorten(value)) <= 80


def some_value(parameter, rng):
    """A value that a parameter can have, near its lowest one if it is a number."""
    if parameter.optional and rng.random() < 0.3:
        return None
    if parameter.choices is not None:
        return str(rng.choice([*parameter.choices]))
    low = float(parameter.bounds[1:].split(",")[0]) if parameter.bounds else 0.0
    numbers = {bool: rng.random() < 0.5, int: int(low + rng.integers(5)), float: low + rng.random()}
    return numbers.get(parameter.type, parameter.example or "a-name")


def test_what_an_experiment_is_called_can_be_written_again():
    rng, seen = np.random.default_rng(11), 0
    described = {key: each for key, each in parameters().items() if not key.startswith("edges")}
    for _ in range(600):
        keys = rng.choice([*described], rng.integers(6), replace=False)
        values = {key: some_value(described[key], rng) for key in keys}
        try:
            experiment = Experiment(**{"game": "agree"} | values)
        except ConfigurationError:
            continue
        seen += 1
        assert eval(repr(experiment)) == experiment
        assert len(repr(experiment)) <= 60 + 50 * len(values)
    assert seen > 100
    assert repr(Experiment(game="agree", agents=200)) == "Experiment(game='agree')"


def test_what_an_experiment_with_a_file_is_called_can_be_written_again(tmp_path):
    path = tmp_path / "links.txt"
    path.write_text("0 1")
    experiment = small(agents=2, network="edge_list", edges=str(path))
    assert eval(repr(experiment)) == experiment
