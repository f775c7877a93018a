"""The configuration, its schema and the parameters that they are made from."""

import copy
import itertools
import math
import re

import pytest
from project import ROOT

from mfgcore import ConfigurationError, Experiment
from mfgcore.agents.architectures import BY_NETWORK
from mfgcore.experiment.experiment import defaults, make_experiment, parameters
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import read_yaml


@pytest.fixture(scope="module")
def schema():
    return configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")


@pytest.fixture(scope="module")
def shipped():
    return configuration.read([ROOT / path for path in configuration.CONFIG_FILES])


@pytest.fixture
def paper(shipped):
    return copy.deepcopy(shipped)


def test_the_shipped_configurations_are_valid(schema, paper):
    configuration.check(paper, schema)
    preview = [*configuration.CONFIG_FILES, "config/preview.yaml"]
    configuration.check(configuration.read([ROOT / path for path in preview]), schema)


def test_the_paper_scale_is_that_of_table_1(paper):
    for name, trials in (("fig1", 10), ("fig6", 4)):
        runs = configuration.runs(paper, name)
        assert len(runs) == 3 * trials
    run = configuration.runs(paper, "fig1")["networked", 9]
    assert (run.agents, run.iterations, run.failure_probability) == (200, 150, 0.5)
    assert run.resolved_scenario == "disturbed"
    run = configuration.runs(paper, "fig4")["independent", 0]
    assert (run.agents, run.agents_after, run.change_at, run.iterations) == (25, 200, 40, 100)


def test_a_title_takes_its_numbers_from_the_experiment(schema, paper):
    preview = configuration.read([ROOT / "config/preview.yaml"], {"experiments": {"fig5": None}})
    for over, count, joining in (
        ({}, 6, "175 agents join at iteration 100"),
        (preview, 5, "25 agents join at iteration 80"),
    ):
        config = configuration.read([ROOT / path for path in configuration.CONFIG_FILES], over)
        planned, _ = configuration.check(config, schema)
        titles = [configuration.title(config, name, runs) for name, runs in planned.items()]
        assert titles[0] == "Figure 1. Agree on a single target: 50% of the updates fail"
        assert titles[2] == f"Figure 3. Agree on a single target: {joining}"
        assert len(titles) == count
    config["experiments"] = dict.fromkeys(config["experiments"])
    with pytest.raises(ConfigurationError, match="experiments: all are null"):
        configuration.check(config, schema)


def test_what_is_ones_own_stands_alone_and_null_leaves_out(schema, paper):
    mine = {"game": "agree", "trials": 1}
    study = {"title": "Mine", "parameter": "discount", "values": [0.5, 0.9]}
    for given, expected, studies in (
        ({"experiments": {"fig1": None}}, ["fig2", "fig3", "fig4", "fig5", "fig6"], 19),
        ({"experiments": {"fig1": {"trials": 3}}}, list(paper["experiments"]), 19),
        ({"experiments": {"mine": mine}}, ["mine"], 19),
        ({"experiments": {"mine": mine, "fig1": None, "fig2": {}}}, ["fig2", "mine"], 19),
        ({"ablations": {"studies": {"mine": study}}}, list(paper["experiments"]), 1),
    ):
        planned = configuration.check(configuration.combine(paper, given), schema)
        assert list(planned[0]) == expected
        assert len(planned[1]) == studies


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"experiments": {"fgi1": None}}, "experiments: null leaves out what is shipped: unknown"),
        ({"experiments": {"fgi1": None}}, "name 'fgi1'; did you mean 'fig1'?"),
        ({"ablations": {"studies": {"radus": None}}}, "did you mean 'radius'?"),
        ({"experiments": {"fg1": {"agents": 5}}}, "'trials' is missing; did you mean 'fig1'?"),
        ({"ablations": {"studies": {"radus": {}}}}, "is missing; did you mean 'radius'?"),
    ],
)
def test_a_misspelt_name_of_an_experiment_or_study(schema, paper, given, expected):
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        configuration.check(configuration.combine(paper, given), schema)


def test_the_configuration_says_no_other_default_than_the_code(paper):
    default = defaults()
    assert {key: default[key] for key in paper["parameters"]} == paper["parameters"]


def test_the_preview_has_the_learning_rates_radius_and_games_of_the_paper():
    preview = read_yaml(ROOT / "config/preview.yaml")
    changed = set(preview["parameters"]) | {
        key for experiment in preview["experiments"].values() for key in experiment
    }
    changed |= set(preview["ablations"]["parameters"])
    sizes = {"agents", "agents_after", "change_at", "iterations", "trials"}
    assert changed <= sizes | {"replay_cycles"}


def test_every_parameter_says_what_it_is():
    for parameter in parameters().values():
        assert parameter.help
        assert parameter.source


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("seed", -1, "seed: -1 is not a whole number >= 0"),
        ("seed", "one", "seed: 'one' is not"),
        ("architectures", [], "architectures: [] is not"),
        ("architectures", ["centralized"], "architectures.0: unknown architecture 'centralized'; "),
        ("ablations.studies.rounds.parameter", "round", "parameter: unknown parameter 'round'"),
        ("ablations.studies.rounds.game", "agre", "studies.rounds.game: unknown game 'agre'"),
        ("parameters.gamma", 0.9, "parameters: unknown key 'gamma'"),
        ("parameters.seed", 1, "parameters: unknown key 'seed'"),
        ("parameters.discount", True, "parameters.discount: True is not a number"),
        ("parameters.grid_size", 8.5, "parameters.grid_size: 8.5 is not a whole number"),
        ("parameters.boundary", "round", "boundary: unknown boundary 'round' (known: wall, torus)"),
        ("experiments.fig1.trials", 0, "experiments.fig1.trials: 0 is not >= 1"),
        ("experiments.fig1.trial", 0, "did you mean 'trials'?"),
        ("experiments.fig1.game", "agre", "experiments.fig1.game: unknown game 'agre'; did you"),
        ("experiments.fig3.leave_state", 3, "fig3.leave_state: 3 is not allowed: leavers 'random'"),
        ("experiments", {}, "experiments: {} is not"),
        ("output.figures", "../up", "output.figures: '../up' is not"),
        ("output.figures", "/tmp", "output.figures: '/tmp' is not"),
        ("output.place", "x", "output: unknown key 'place'"),
        ("experiments.fig1", [], "experiments.fig1: [] is not"),
        ("experiments.fig1.title", "{agnets}", "fig1.title: unknown field 'agnets'; did you mean"),
        ("experiments.fig1.title", "at {change_at}", "null does not fit {change_at}"),
        ("experiments.fig1.title", "{agents:>99999}", "200 does not fit {agents:>99999}"),
        ("experiments.fig1.title", "{game:.0%}", "agree does not fit {game:.0%}"),
        ("paramters", {}, "unknown key 'paramters'; did you mean 'parameters'?"),
        ("experiments.a\nb", {"game": "agree", "trials": 1}, "experiments: 'a\\nb' is not a plain"),
        ("experiments.ab\n", {"game": "agree", "trials": 1}, "experiments: 'ab\\n' is not a plain"),
        ("ablations.studies.ab\n", None, "ablations.studies: 'ab\\n' is not a plain name"),
        ("output.results", "ab\n", "output.results: 'ab\\n' is not of the form"),
        ("scaling.agents", [], "scaling.agents: [] is not a list whose length is at least 1"),
        ("scaling.agents", [2, 2], "scaling.agents: [2, 2] is not a list of different values"),
        (
            "parameters.entropy_weight",
            1e308,
            "weight: 1e+308 is not a number >= 0 and <= 1,000,000",
        ),
        ("experiments.fig1.title", "x" * 121, "x' is not a text whose length is at most 120"),
    ],
)
def test_a_mistake_is_named_with_its_key(schema, paper, path, value, expected):
    *folders, key = path.split(".")
    place = paper
    for folder in folders:
        place = place[folder]
    place[key] = value
    with pytest.raises(ConfigurationError) as error:
        configuration.check(paper, schema)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_key_is_named(schema, paper):
    del paper["experiments"]["fig2"]["trials"]
    with pytest.raises(ConfigurationError, match=r"experiments.fig2: key 'trials' is missing"):
        configuration.check(paper, schema)
    with pytest.raises(ConfigurationError, match="game: missing"):
        make_experiment(agents=3)


def test_parameters_that_play_no_part_are_left_out():
    independent = Experiment(game="agree", architecture="independent").relevant()
    networked = Experiment(game="agree").relevant()
    by_network = set(BY_NETWORK) | {"communication_radius", "diagonal", "failed_score"}
    assert set(networked) - set(independent) == by_network
    by_return = Experiment(game="agree", score_rule="highest_return").relevant()
    assert set(by_return) - set(networked) == {"score_steps", "score_temperature"}
    assert "arrivals" not in networked
    assert "arrivals" in Experiment(game="agree", agents_after=300, change_at=5).relevant()
    online = Experiment(game="agree", algorithm="online").relevant()
    assert "replay_cycles" not in online
    assert "learning_rate_offset" in online


def test_what_is_relevant_makes_the_same_experiment_again():
    for experiment in (
        Experiment(game="agree", failure_probability=0.5),
        Experiment(game="cluster", agents_after=300, change_at=5, architecture="centralised"),
        Experiment(game="diffuse", algorithm="online", sampled_exploitability=False),
    ):
        again = Experiment(**experiment.relevant())
        assert again.relevant() == experiment.relevant()


def test_the_scenario_follows_from_what_is_given():
    failing, grown = {"failure_probability": 0.0}, {"agents_after": 300, "change_at": 5}
    assert Experiment(game="agree", **failing).resolved_scenario == "disturbed"
    assert Experiment(game="agree", **grown).resolved_scenario == "disturbed"


def test_the_return_horizon_is_132_at_the_papers_discount():
    assert Experiment(game="agree").return_horizon == 132
    assert Experiment(game="agree", discount=0.0).return_horizon == 1
    with pytest.raises(ConfigurationError, match="no longer counts in the return"):
        Experiment(game="agree", discount=0.999999)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claims", "figure 'claims' would be figure 'claims' of the workflow"),
        ("scaling", "of the workflow"),
        ("ablation_radius", "would be the figure of ablation 'radius'"),
        ("fig1_exact", "its figure 'fig1_exact' would be that of experiment 'fig1'"),
        ("fig2_mean_field", "would be that of experiment 'fig2'"),
    ],
)
def test_names_that_collide_with_figures_of_the_workflow_are_refused(schema, paper, name, expected):
    paper["experiments"][name] = dict(paper["experiments"]["fig1"])
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        configuration.check(paper, schema)


def test_a_study_may_vary_two_parameters(schema, paper):
    study = {"title": "Two", "parameter": "discount", "values": [0.5, 0.9]}
    study |= {"second_parameter": "communication_radius", "second_values": [0, 1.0]}
    paper["ablations"]["studies"]["two"] = study
    _, planned = configuration.check(paper, schema)
    assert list(planned["two"]) == ["0.5, 0", "0.5, 1.0", "0.9, 0", "0.9, 1.0"]
    _, runs = planned["two"]["0.5, 1.0"]
    run = runs["networked", 0]
    assert (run.discount, run.communication_radius) == (0.5, 1.0)
    described = configuration.describe_ablation(paper, "two")
    assert described["varied"] == "discount, communication_radius"
    assert described["baseline"] == "0.9, 0.2"
    assert described["coordinates"]["communication_radius"] == ["0", "1.0", "0", "1.0"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"second_parameter": "radius"}, "studies.two.second_parameter: unknown parameter 'radi"),
        ({"second_parameter": "agents"}, "two: key 'second_values' is missing, as there is 'sec"),
        ({"second_values": [1, 2]}, "two: key 'second_parameter' is missing, as there is 'second"),
        (
            {"second_parameter": "discount", "second_values": [0.1, 0.2]},
            "second_parameter: 'discount' is the first parameter already",
        ),
        (
            {"second_parameter": "agents", "second_values": [5, "x"]},
            "studies.two, discount, agents = 0.5, 'x': agents: 'x' is not a whole number",
        ),
        ({"second_parameter": "grid_size", "second_values": [4, 5]}, "changes the number of"),
    ],
)
def test_a_mistake_in_a_study_of_two_parameters(schema, paper, given, expected):
    study = {"title": "Two", "parameter": "discount", "values": [0.5, 0.9]} | given
    paper["ablations"]["studies"]["two"] = study
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        configuration.check(paper, schema)


@pytest.mark.parametrize("name", ["mean_field", "simulate", "manifest", "explorer", "exact", "all"])
def test_names_of_rules_are_names_like_others(schema, paper, name):
    paper["experiments"][name] = dict(paper["experiments"]["fig1"])
    assert name in configuration.check(paper, schema)[0]


@pytest.mark.parametrize(("parameter", "values"), [("iterations", [2, 3]), ("grid_size", [4, 5])])
def test_a_study_of_sizes_is_refused_before_any_run(schema, paper, parameter, values):
    study = {"title": "Sizes", "parameter": parameter, "values": values}
    paper["ablations"]["studies"]["sizes"] = study
    with pytest.raises(
        ConfigurationError, match=f"^ablations.studies.sizes.parameter: {parameter} "
    ):
        configuration.check(paper, schema)


@pytest.mark.parametrize(
    "title",
    ["half a pair: \ud800", "a\n.. include:: /etc/passwd", "</script><script>", "<!--", "\0"],
)
def test_a_title_that_would_be_more_than_a_text_is_refused(schema, paper, title):
    for place in ("experiments", "ablations.studies"):
        changed = copy.deepcopy(paper)
        section = (
            changed["experiments"] if place == "experiments" else changed["ablations"]["studies"]
        )
        name = next(iter(section))
        section[name]["title"] = title
        with pytest.raises(ConfigurationError, match=rf"^{place}.{name}.title: .* printable text"):
            configuration.check(changed, schema)


def test_values_that_no_path_can_have_get_a_digest_for_a_folder(paper):
    study = {"title": "T", "parameter": "game_settings", "game": "beach_bar"}
    study["values"] = ["attraction=1", "attraction=2 noise=0,1,0"]
    paper["ablations"]["studies"]["t"] = study | {"architectures": ["independent"]}
    folders = [folder for folder, _ in configuration.ablation(paper, "t").values()]
    assert len(set(folders)) == 2
    assert all(re.fullmatch(r"[\w.-]+", folder) for folder in folders)


ALIASES = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{letter}: &{letter} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, letter in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("output:\n  seed: 010", "line 2: output.seed: can be read as 10 or as 8; write it so"),
        ("seed: 1:30", "line 1: seed: can be read as '1:30' or as 90"),
        ("a: [1, {b: 1e-3}]", "line 1: a.1.b: can be read as 0.001 or as '1e-3'"),
        ("a: 1\n\nb: yes", "line 3: b: can be read as 'yes' or as True"),
        ("on: 1", "can be read as ['on'] or as [True]"),
        ("seed: 1\nb: 2\nseed: 3", 'cannot be read: line 3: found duplicate key "seed"'),
        (ALIASES, "holds more than 100,000 values"),
        ("a: &a [*a]", "holds more than 100,000 values"),
        ("__use_yte__: true", "__use_yte__ is not allowed: snakemake would run it"),
        ("a: !!python/object:os.system x", "line 1: could not determine a constructor"),
        ("a: 2001-13-01", "cannot be read: month must be in 1..12"),
        ("a: " + "[" * 3000 + "]" * 3000, "cannot be read: maximum recursion depth exceeded"),
        ("- 1", "holds no keys and values"),
        ("", "holds no keys and values"),
    ],
)
def test_a_file_that_yaml_1_1_and_1_2_read_differently_is_refused(tmp_path, text, expected):
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_yaml(path)
    assert expected in str(refused.value)
    assert "own.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_both_read_alike_is_read(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("a: &a {b: 1_000, c: 0x1F}\nd: {<<: *a, e: .inf, f: ~}\ng: 'yes'\n")
    shared = {"b": 1000, "c": 31}
    assert read_yaml(path) == {"a": shared, "d": shared | {"e": math.inf, "f": None}, "g": "yes"}
