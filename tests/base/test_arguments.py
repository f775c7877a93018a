"""What users call, called with what is given by mistake: it works, or a line says why not."""

import collections.abc
import inspect
import os
import types
import typing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import run as simulated
from conftest import small
from project import ROOT
from public import public_callables
from worlds import world

import mfgcore
from mfgcore import ConfigurationError, Experiment, MfgcoreError
from mfgcore._base import arguments
from mfgcore._base.arguments import checked
from mfgcore._base.errors import shorten
from mfgcore.agents import algorithms, architectures, networks, population, scenarios
from mfgcore.agents.rollout import RolloutState
from mfgcore.agents.scores import ScoringContext
from mfgcore.batch.design import Design
from mfgcore.experiment.experiment import parameters
from mfgcore.games import Game
from mfgcore.pipeline import configuration
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.simulation import Simulation
from mfgcore.study.claims.judging import CLAIMS


class Odd:
    """Nothing can be made of it, not even its repr."""

    def __repr__(self):
        raise RuntimeError("no\nrepr")


WRONG = (
    None,
    3,
    -1,
    1.5,
    True,
    "x",
    "two\nlines\u2028and more",
    "",
    object(),
    Odd(),
    [],
    {},
    (),
    b"x",
    np.array(["a", "b"]),
    np.array([[1.0, 2.0], [3.0, 4.0]]),
    np.array([1j]),
    np.datetime64("2020-01-01"),
    xr.Dataset(),
    [None],
    {"x": None},
    print,
)

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"


def is_checked(each):
    """Whether a function, or a class, is decorated by `checked` or `explained`."""
    layers = [each.__init__ if isinstance(each, type) else each]
    while hasattr(layers[-1], "__wrapped__"):
        layers.append(layers[-1].__wrapped__)
    return any(getattr(layer, "__globals__", None) is vars(arguments) for layer in layers)


CLASSES = {name.rpartition(".")[2]: each for name, each in public_callables().items()}
# decorated are functions that users call; the others take what the package itself has made
CHECKED = {name: each for name, each in public_callables().items() if is_checked(each)}


def by_type(folder):
    """A value of each type that an annotation names."""
    experiment = small(iterations=2)
    game, simulation = experiment.make_game(), simulated(experiment)
    generators = experiment.random_streams.action_generators("actions", 0, 6)
    values = [
        1,
        0.5,
        True,
        "x",
        b"x",
        np.arange(3.0),
        experiment,
        mfgcore.simulate(experiment),
        world(),
        simulation,
        simulation.population,
        networks.graph(3, [(0, 1)]),
        next(iter(CLAIMS.values())),
        Design("x", {}, {(): experiment}),
        np.random.default_rng(0),
        pd.DataFrame(),
        Checkpointer(folder / "run.nc.checkpoint"),
        RolloutState.of(simulation.population, game, 0.01, generators),
        ScoringContext(
            0,
            np.arange(6, dtype=np.int32),
            np.ones(6),
            np.ones(6),
            np.zeros((2, 0)),
            simulation.population,
            simulation.population,
            simulation.q_values,
            None,
            None,
            game,
            generators,
            0.01,
        ),
    ]
    found = {type(value): value for value in values} | {Game: game, type: type(game)}
    return found | {
        collections.abc.Callable: print,
        typing.Any: 1,
        object: 1,
        Path: folder / "a.yaml",
        os.PathLike: folder / "a.yaml",
    }


def by_name(folder, typed):
    """Values of arguments by their names, if annotations do not tell, and in some functions.

    These are named by any part of their whole names; what is last is taken first.
    """
    run, evidence = typed[xr.Dataset], next(v for v in typed.values() if hasattr(v, "experiments"))
    policies, rng = np.full((2, typed[Game].n_states, 5), 0.2), np.random.default_rng(0)
    everywhere = {
        "policies": policies,
        "others": policies,
        "old": policies,
        "new": policies,
        "policy": policies[0],
        "reference": policies[0],
        "mean_field": policies[0, :, 0] * 5 / 9,
        "policy_index": np.zeros(2, dtype=np.int32),
        "q_values": np.zeros((2, policies[0].size)),
        "edges": [(0, 1)],
        "n_agents": 3,
        "n": 3,
        "states": np.arange(3),
        "purpose": "actions",
        "kind": "run",
        "architecture": "networked",
        "first": "networked",
        "second": "independent",
        "metric": "exact_return",
        "metrics": ["exact_return"],
        "config": configuration.read([ROOT / name for name in configuration.CONFIG_FILES]),
        "schema": configuration.load_schema(SCHEMA),
    }
    path = folder / "run.nc"
    mfgcore.save(run, path)
    for name, text in {"a.yaml": "a: 1\n", "edges.txt": "0 1\n"}.items():
        (folder / name).write_text(text)
    edges = str(folder / "edges.txt")
    fig, compared = evidence.experiments["fig3"], evidence.comparisons["agents"]
    return {
        "": everywhere,
        "design": {"name": "fig1", "group": "experiments"},
        "figures": {"name": "fig1", "group": "experiments"},
        "levels": {"factor": "discount", "given": [0.5]},
        "expand": {"make": lambda **sets: typed[Experiment], "factors": {"discount": [0.5]}},
        "label": {"name": "exact_return"},
        "statistics": {"dataset": fig},
        "measures": {"dataset": fig},
        "units": {"dataset": fig},
        "as_experiment": {"dataset": compared, "scenario": "agree", "setting": "N=50"},
        "runs": {"scenario": "agree", "setting": "N=50"},
        "load_schema": {"path": SCHEMA},
        "explorer": {"dataset": mfgcore.collect([run], [typed[Experiment]]), "experiments": []},
        "summarise_levels": {"dataset": fig.expand_dims(setting=["1"])},
        "Algorithm": {"q_values": print},
        "Architecture": {"learners": 1.0, "communication": "network"},
        "collect": {"runs": [run]},
        "read_by": {"values": vars(typed[Experiment]) | {"scenario": "none"}, "by_network": True},
        "mean_distance": {
            "parameters": {
                "game": "agree",
                "network": "ring",
                "agents": 10,
                "nearest_neighbours": 2,
            }
        },
        "evaluate": {"policies": policies, "game": typed[Game], "trials": 2},
        "solve": {"game": typed[Game], "iterations": 2},
        "lines": {"dataset": mfgcore.solve(typed[Game], iterations=2)},
        "find_game": {"game": "agree", "game_settings": None, "given": {}},
        "sweep": {"cores": 1, "progress": False, "seed": [1]},
        "make_experiment": {"game": "agree", "agents": 3},
        "paired": {"first": np.arange(3.0), "second": np.arange(3.0)},
        "mean_between": {"first": 1, "last": 5},
        "correlation": {"clusters": [rng.random((4, 2))] * 3},
        "save": {"path": "saved.nc"},
        "run_to_file": {"path": "made.nc"},
        "make_and_save": {"path": "made.nc", "make": lambda: run},
        "load": {"path": path},
        "load_current": {"path": path, "expected": typed[Experiment]},
        "read_edges": {"path": edges},
        "write_study": {"folder": "study"},
    }


@pytest.fixture(scope="module")
def fitting(tmp_path_factory):
    """A function: the arguments that a function must be given."""
    folder = tmp_path_factory.mktemp("fitting")
    typed = by_type(folder)
    named = by_name(folder, typed)

    def make(annotation):
        """A value of a type."""
        origin = typing.get_origin(annotation) or annotation
        if origin in typed:
            return typed[origin]
        parts = [each for each in typing.get_args(annotation) if each is not ...]
        if origin in (typing.Union, types.UnionType):  # of a path and a text, the path
            return make(next((each for each in parts if each == os.PathLike[str]), parts[0]))
        inner = [make(each) for each in parts]
        if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
            return dict([inner]) if inner else {}
        if isinstance(origin, type) and issubclass(origin, collections.abc.Iterable):
            return (tuple if origin is tuple else list)(inner)
        return None

    def arguments_of(name):
        function = CHECKED[name]
        given = function.__init__ if isinstance(function, type) else function
        hints = typing.get_type_hints(inspect.unwrap(given), None, CLASSES)
        told = {}
        for part in name.split(".")[1:]:
            told |= named.get(part, {})
        known = inspect.signature(function).parameters.values()
        further = [each for each in known if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        needed = [each.name for each in known if each.default is each.empty and each not in further]
        keys = told if further else {each.name for each in known}
        found = {key: make(hints[key]) for key in needed if key not in told | named[""]}
        found |= {key: named[""][key] for key in needed if key in named[""]}
        return found | {key: told[key] for key in told if key in keys}

    return arguments_of


def outcome(function, given):
    """The kind of error that a call leads to, or None; one of ours is one line."""
    try:
        function(**given)
    except MfgcoreError as error:
        assert len(str(error).splitlines()) == 1
        return MfgcoreError
    except Exception as error:
        return type(error)
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what comes of it, which is NaN
@pytest.mark.parametrize("name", CHECKED)
def test_what_is_given_by_mistake_is_taken_or_refused_in_one_line(
    name, fitting, tmp_path, monkeypatch
):
    """Also of a function that nothing is known of here but its annotations."""
    monkeypatch.chdir(tmp_path)  # "x" is a path, too
    function, given = CHECKED[name], fitting(name)
    allowed = {None, MfgcoreError}
    if any(isinstance(value, pd.DataFrame) for value in given.values()):
        allowed.add(KeyError)  # its columns, which no annotation tells
    known = inspect.signature(function).parameters
    keys = [key for key, each in known.items() if each.kind is not each.VAR_POSITIONAL]
    for key in {*keys, *given}:
        for wrong in WRONG:
            # the name of **options is itself an option that there is not
            unknown = (
                {TypeError} if key in known and known[key].kind is known[key].VAR_KEYWORD else set()
            )
            assert outcome(function, given | {key: wrong}) in allowed | unknown, (key, wrong)


def test_nearly_all_functions_take_what_fits(fitting, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [name for name in CHECKED if "plot" not in name]  # figures need data of their own
    refused = [name for name in names if outcome(CHECKED[name], fitting(name)) is not None]
    assert len(refused) < len(names) / 5, refused


def test_all_functions_that_the_package_exports_check_their_arguments():
    exported = {name: getattr(mfgcore, name) for name in mfgcore.__all__}
    functions = {name: each for name, each in exported.items() if inspect.isfunction(each)}
    assert functions
    assert not [name for name, each in functions.items() if not is_checked(each)]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: mfgcore.simulate("agree"), "experiment: 'agree' is not an Experiment"),
        (
            lambda: mfgcore.meanfield.exact.exploitability("x", None, discount=0, entropy_weight=0),
            "policy: 'x' is not an array of numbers",
        ),
        (lambda: mfgcore.collect(3, 4), "runs: 3 is not a list, each a path, or a Dataset"),
        (lambda: mfgcore.load(3), "path: 3 is not a path"),
        (lambda: mfgcore.save("x", 3), "dataset: 'x' is not a Dataset"),
        (lambda: mfgcore.sweep(small(), progress=2), "progress: 2 is not true or false"),
        (lambda: Simulation(small(), "2"), "threads: '2' is not a whole number"),
        (lambda: mfgcore.runs.checkpoint.Checkpointer(3), "path: 3 is not a path"),
        (lambda: networks.Links("x", [0]), "first_neighbour: 'x' is not an array of"),
        (lambda: scenarios.Scenario(0.5, 3), "failure_probability: 0.5 is not a function"),
        (lambda: algorithms.Algorithm("x", 1, print), ": 'x' is not a whole number"),
        (lambda: architectures.Architecture(1, 2), "communication: 2 is not a text"),
        (lambda: networks.NETWORKS.add(3, print), "name: 3 is not a text"),
        (
            lambda: population.uniform_policy(-1, 2),
            "uniform_policy(n_states=-1, n_actions=2): ValueError: negative dimensions",
        ),
        (
            lambda: small().random_streams.raw_bits("action", 0, 1, 1),
            "unknown purpose 'action'; did you mean 'actions'?",
        ),
    ],
)
def test_the_line_names_the_argument(call, line):
    with pytest.raises(ConfigurationError) as refused:
        call()
    assert line in str(refused.value)


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
        int,
        float,
        str,
        np.ndarray,
        bool,
    ]
    for given, named in (((1, "x"), {}), ((1, 2.0, 3), {}), ((True,), {}), ((1,), {"yes": 1})):
        with pytest.raises(ConfigurationError):
            function(*given, **named)
    with pytest.raises(TypeError, match="missing"):
        function()
    with pytest.raises(ConfigurationError, match=r"key: .* is not an array of numbers"):
        function(1, key=np.ma.masked_equal([1.0, 2.0], 2.0))


NUMPYS = [(kind, 1) for kind in "bhilqBHILQ"] + [("e", 0.5), ("f", 0.5), ("d", 0.5), ("g", 0.5)]


@pytest.mark.parametrize("made", [lambda value, kind: np.dtype(kind).type(value), np.array])
def test_values_of_numpys_become_pythons_own(made):
    for kind, value in NUMPYS:
        key = "discount" if value == 0.5 else "seed"
        found = getattr(small(**{key: made(value, kind)}), key)
        assert (type(found), found) == (type(value), value)
        dataset = (
            mfgcore.sweep(
                small(iterations=1), progress=False, cores=1, **{key: [made(value, kind)]}
            )
            if kind in "eQ"
            else None
        )
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
        1j,
        np.complex64(1),
        np.datetime64("2020"),
        np.timedelta64(1),
        np.void(b"ab"),
        np.array([1]),
        np.array([["a", "b"], ["c", "d"]]),
        b"x",
        np.bytes_(b"x"),
        object(),
        Odd(),
        [],
        {},
        np.random.SeedSequence(3),
        10**5000,
        float("nan"),
        np.float32("inf"),
    ):
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
    growing = Experiment(game="agree", final_agents=300, population_change_at=3)
    assert repr(growing) == "Experiment(game='agree', final_agents=300, population_change_at=3)"


def test_what_an_experiment_with_a_file_is_called_can_be_written_again(tmp_path):
    path = tmp_path / "links.txt"
    path.write_text("0 1")
    experiment = small(agents=2, network="edge_list", edges=str(path))
    assert eval(repr(experiment)) == experiment
