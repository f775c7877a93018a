"""The configuration, its schema and the parameters that they are made from."""

import copy
import itertools
import math
import re

import pytest
from project import ROOT

from mfgcore import ConfigurationError, Experiment
from mfgcore.experiment.components import BY_NETWORK
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


def runs_of(config, name, group="experiments"):
    return configuration.design(config, group, name).runs


def test_the_shipped_configurations_are_valid(schema, paper):
    configuration.check(paper, schema)
    for name in configuration.names(paper, "comparisons"):
        assert runs_of(paper, name, "comparisons")
    preview = [*configuration.CONFIG_FILES, "config/preview.yaml"]
    configuration.check(configuration.read([ROOT / path for path in preview]), schema)


def test_the_paper_scale_is_that_of_table_1(paper):
    for name, trials in (("fig1", 10), ("fig6", 4)):
        assert len(runs_of(paper, name)) == 3 * trials
    run = runs_of(paper, "fig1")["networked", 9]
    assert (run.agents, run.iterations, run.failure_probability) == (200, 150, 0.5)
    assert run.resolved_scenario == "disturbed"
    run = runs_of(paper, "fig4")["independent", 0]
    assert (run.agents, run.final_agents, run.population_change_at, run.iterations) == (
        25,
        200,
        40,
        100,
    )


def test_a_title_takes_its_numbers_from_the_experiment(schema, paper):
    preview = configuration.read([ROOT / "config/preview.yaml"], {"experiments": {"fig5": None}})
    for over, count, joining in (
        ({}, 6, "175 agents join at iteration 100"),
        (preview, 5, "25 agents join at iteration 80"),
    ):
        config = configuration.read([ROOT / path for path in configuration.CONFIG_FILES], over)
        planned = configuration.check(config, schema)
        titles = [each.title for (group, _), each in planned.items() if group == "experiments"]
        assert titles[0] == "Figure 1. Agree on a single target: 50% of the updates fail"
        assert titles[2] == f"Figure 3. Agree on a single target: {joining}"
        assert len(titles) == count
    config["experiments"] = dict.fromkeys(config["experiments"])
    with pytest.raises(ConfigurationError, match="experiments: all are null"):
        configuration.check(config, schema)


def test_what_is_ones_own_stands_alone_and_null_leaves_out(schema, paper):
    mine = {"game": "agree", "trials": 1}
    ablation = {"title": "Mine", "factors": {"discount": [0.5, 0.9]}}
    for given, expected, n_ablations in (
        ({"experiments": {"fig1": None}}, ["fig2", "fig3", "fig4", "fig5", "fig6"], 19),
        ({"experiments": {"fig1": {"trials": 3}}}, list(paper["experiments"]), 19),
        ({"experiments": {"mine": mine}}, ["mine"], 19),
        ({"experiments": {"mine": mine, "fig1": None, "fig2": {}}}, ["fig2", "mine"], 19),
        ({"ablations": {"experiments": {"mine": ablation}}}, list(paper["experiments"]), 1),
    ):
        planned = configuration.check(configuration.combine(paper, given), schema)
        assert [name for group, name in planned if group == "experiments"] == expected
        assert sum(group == "ablations" for group, _ in planned) == n_ablations


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"experiments": {"fgi1": None}}, "experiments: null leaves out what is shipped: unknown"),
        ({"experiments": {"fgi1": None}}, "name 'fgi1'; did you mean 'fig1'?"),
        ({"ablations": {"experiments": {"radus": None}}}, "did you mean 'radius'?"),
        ({"experiments": {"fg1": {"agents": 5}}}, "'trials' is missing; did you mean 'fig1'?"),
        ({"ablations": {"experiments": {"radus": {}}}}, "is missing; did you mean 'radius'?"),
    ],
)
def test_a_misspelt_name_of_an_experiment(schema, paper, given, expected):
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
    sizes = {"agents", "final_agents", "population_change_at", "iterations", "trials"}
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
        ("factors.architecture", [], "factors.architecture: [] is not"),
        ("factors.architecture", ["centralized"], "unknown architecture 'centralized'; did you"),
        ("factors", 3, "factors: 3 is not of type object"),
        ("figure", {"metrics": 1}, "figure: {'metrics': 1} is not of type"),
        ("experiments.fig1.factors", {"discont": [1, 2]}, "fig1.factors: unknown parameter 'disco"),
        ("experiments.fig1.factors", {"discount": [0.5, 3]}, "fig1.factors: discount: 3 is not"),
        (
            "experiments.fig1.factors",
            {"exact_return": {"a": {}}},
            "exact_return: is what is measur",
        ),
        ("experiments.fig1.factors", {"a b": [1]}, "factors: 'a b' is not a plain name"),
        ("experiments.fig1.factors", {"x": {"a": {"gama": 1}}}, "factors.x.a: unknown key 'gama'"),
        ("experiments.fig1.keep", "all", "experiments.fig1.keep: 'all' is not one of runs, summar"),
        ("ablations.experiments.rounds.game", "agre", "rounds.game: unknown game 'agre'"),
        ("parameters.gamma", 0.9, "parameters: unknown key 'gamma'"),
        ("parameters.seed", 1, "parameters: unknown key 'seed'"),
        ("parameters.discount", True, "parameters.discount: True is not a number"),
        ("parameters.grid_size", 8.5, "parameters.grid_size: 8.5 is not a whole number"),
        ("parameters.boundary", "round", "boundary: unknown boundary 'round' (known: wall, torus)"),
        ("experiments.fig1.trials", 0, "experiments.fig1.trials: 0 is not >= 1"),
        ("experiments.fig1.trial", 0, "did you mean 'trials'?"),
        ("experiments.fig1.game", "agre", "experiments.fig1.game: unknown game 'agre'; did you"),
        (
            "experiments.fig3.departure_state",
            3,
            "fig3, architecture = centralised: departure_state: 3 is not",
        ),
        ("experiments", {}, "experiments: {} is not"),
        ("output.figures", "../up", "output.figures: '../up' is not"),
        ("output.figures", "/tmp", "output.figures: '/tmp' is not"),
        ("output.place", "x", "output: unknown key 'place'"),
        ("experiments.fig1", [], "experiments.fig1: [] is not"),
        ("experiments.fig1.title", "{agnets}", "fig1.title: unknown field 'agnets'; did you mean"),
        (
            "experiments.fig1.title",
            "at {population_change_at}",
            "null does not fit {population_change_at}",
        ),
        ("experiments.fig1.title", "{agents:>99999}", "200 does not fit {agents:>99999}"),
        ("experiments.fig1.title", "{game:.0%}", "agree does not fit {game:.0%}"),
        ("paramters", {}, "unknown key 'paramters'; did you mean 'parameters'?"),
        ("experiments.a\nb", {"game": "agree", "trials": 1}, "experiments: 'a\\nb' is not a plain"),
        ("experiments.ab\n", {"game": "agree", "trials": 1}, "experiments: 'ab\\n' is not a plain"),
        ("ablations.experiments.ab\n", None, "ablations.experiments: 'ab\\n' is not a plain name"),
        ("output.results", "ab\n", "output.results: 'ab\\n' is not of the form"),
        ("scaling.agents", [], "scaling.agents: [] is not a list whose length is at least 1"),
        ("scaling.agents", [2, 2], "scaling.agents: [2, 2] is not a list of different values"),
        ("equilibria.agents", [1], "equilibria.agents"),
        ("equilibria.games", [], "equilibria.games"),
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
    independent = Experiment(game="agree", architecture="independent").effective_parameters()
    networked = Experiment(game="agree").effective_parameters()
    by_network = set(BY_NETWORK) | {"communication_radius", "diagonal", "failed_score"}
    assert set(networked) - set(independent) == by_network
    by_return = Experiment(game="agree", score_rule="highest_return").effective_parameters()
    assert set(by_return) - set(networked) == {"score_steps", "score_temperature"}
    assert "arrival_timing" not in networked
    assert (
        "arrival_timing"
        in Experiment(game="agree", final_agents=300, population_change_at=5).effective_parameters()
    )
    online = Experiment(game="agree", algorithm="online").effective_parameters()
    assert "replay_cycles" not in online
    assert "td_learning_rate_offset" in online


def test_what_is_relevant_makes_the_same_experiment_again():
    for experiment in (
        Experiment(game="agree", failure_probability=0.5),
        Experiment(
            game="cluster", final_agents=300, population_change_at=5, architecture="centralised"
        ),
        Experiment(game="diffuse", algorithm="online", sampled_exploitability=False),
    ):
        again = Experiment(**experiment.effective_parameters())
        assert again.effective_parameters() == experiment.effective_parameters()


def test_the_scenario_follows_from_what_is_given():
    failing, grown = {"failure_probability": 0.0}, {"final_agents": 300, "population_change_at": 5}
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
        ("solvers", "of the workflow"),
        ("ablation_radius", "would be that of ablations.experiments.radius"),
        ("fig1_exact", "its figure 'fig1_exact' would be that of experiments.fig1"),
        ("fig2_mean_field", "would be that of experiments.fig2"),
    ],
)
def test_names_that_collide_with_figures_of_the_workflow_are_refused(schema, paper, name, expected):
    paper["experiments"][name] = dict(paper["experiments"]["fig1"])
    with pytest.raises(ConfigurationError, match=re.escape(expected)):
        configuration.check(paper, schema)


def test_an_experiment_may_vary_several_factors(schema, paper):
    factors = {"discount": [0.5, 0.9], "communication_radius": [0, 1.0]}
    paper["ablations"]["experiments"]["two"] = {"title": "Two", "factors": factors}
    design = configuration.check(paper, schema)["ablations", "two"]
    assert list(design.coordinates) == ["architecture", *factors, "trial"]
    run = design.runs["networked", 0.5, 1.0, 3]
    assert (run.discount, run.communication_radius, run.trial) == (0.5, 1.0, 3)
    assert design.baseline == {"discount": 0.9, "communication_radius": 0.2}
    assert len(set(design.files.values())) == len(design.runs)


def test_equal_runs_of_ablations_are_one_file_and_others_are_not(schema, paper):
    planned = configuration.check(paper, schema)
    designs = [each for (group, _), each in planned.items() if group == "ablations"]
    by_file = {}
    for design in designs:
        for key, path in design.files.items():
            by_file.setdefault(path, set()).add(design.runs[key])
    assert all(len(runs) == 1 for runs in by_file.values())
    assert len(by_file) < sum(len(design.runs) for design in designs)


@pytest.mark.parametrize("name", ["mean_field", "simulate", "manifest", "explorer", "exact", "all"])
def test_names_of_rules_are_names_like_others(schema, paper, name):
    paper["experiments"][name] = dict(paper["experiments"]["fig1"])
    assert ("experiments", name) in configuration.check(paper, schema)


@pytest.mark.parametrize(("parameter", "values"), [("iterations", [2, 3]), ("grid_size", [4, 5])])
def test_figures_of_several_sizes_are_refused_before_any_run(schema, paper, parameter, values):
    sizes = {"title": "Sizes", "factors": {parameter: values}}
    paper["ablations"]["experiments"]["sizes"] = sizes
    said = f"^ablations.experiments.sizes.factors: .*{parameter} change"
    with pytest.raises(ConfigurationError, match=said):
        configuration.check(paper, schema)
    sizes["figure"] = None  # the dataset alone
    assert configuration.check(paper, schema)["ablations", "sizes"].figures == ()


@pytest.mark.parametrize(
    "title",
    ["half a pair: \ud800", "a\n.. include:: /etc/passwd", "</script><script>", "<!--", "\0"],
)
def test_a_title_that_would_be_more_than_a_text_is_refused(schema, paper, title):
    for place in ("experiments", "ablations.experiments"):
        changed = copy.deepcopy(paper)
        section = (changed if place == "experiments" else changed["ablations"])["experiments"]
        name = next(iter(section))
        section[name]["title"] = title
        with pytest.raises(ConfigurationError, match=rf"^{place}.{name}.title: .* printable text"):
            configuration.check(changed, schema)


def test_values_that_no_path_can_have_get_a_digest_for_a_folder(paper):
    factors = {"game_settings": [{"attraction": 1}, {"attraction": 2, "noise": [0, 1, 0]}]}
    factors["architecture"] = ["independent"]
    paper["ablations"]["experiments"]["t"] = {"game": "beach_bar", "factors": factors}
    paths = configuration.design(paper, "ablations", "t").files.values()
    folders = {path.split("/")[2] for path in paths}
    assert len(folders) == 2
    assert all(re.fullmatch(r"[\w.-]+", folder) for folder in folders)


ALIASES = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{letter}: &{letter} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, letter in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("output:\n  seed: 010", "line 2: output.seed: '010' can be read in two ways"),
        ("seed: 1:30", "line 1: seed: '1:30' can be read in two ways"),
        ("a: [1, {b: 1e-3}]", "line 1: a.1.b: '1e-3' can be read in two ways"),
        ("a: 1\n\nb: yes", "line 3: b: 'yes' can be read in two ways"),
        ("a: 2001-10-01", "line 1: a: '2001-10-01' can be read in two ways"),
        ("on: 1", "'on' can be read in two ways"),
        ("seed: 1\nb: 2\nseed: 3", "line 3: seed: is given twice"),
        (ALIASES, "holds more than 100,000 values"),
        ("a: &a [*a]", "holds more than 100,000 values"),
        ("__use_yte__: true", "__use_yte__ is not allowed: snakemake would run it"),
        ("a: !!python/object:os.system x", "line 1: could not determine a constructor"),
        ("a: 2001-13-01", "'2001-13-01' can be read in two ways"),
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
    path.write_text("a: &a {b: 1_000, c: 0x1F}\nd: {<<: *a, e: .inf, f: ~}\ng: 'yes'\nh: 1.5e+3\n")
    shared = {"b": 1000, "c": 31}
    found = read_yaml(path)
    assert found == {"a": shared, "d": shared | {"e": math.inf, "f": None}, "g": "yes", "h": 1500.0}


def test_an_experiment_of_any_group_may_keep_summaries(schema, paper):
    """Its runs are many, and planned where they are asked for."""
    paper["experiments"]["fig1"] |= {"keep": "summaries", "factors": {"discount": [0.5, 0.9]}}
    assert ("experiments", "fig1") not in configuration.check(paper, schema)
    design = configuration.design(paper, "experiments", "fig1")
    assert list(design.files.values()) == [
        f"experiments/fig1/{name}.nc" for name in ("centralised", "independent", "networked")
    ]
    assert len(design.part("networked").runs) == 2 * 10
