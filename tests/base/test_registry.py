"""What has a name: one registry for all kinds, and metrics as one entry with its computation."""

import dataclasses
import re

import numpy as np
import pytest
from conftest import run, small
from make_tables import metric_table

import mfgcore
from mfgcore import ConfigurationError, Experiment
from mfgcore.agents.algorithms import ALGORITHMS
from mfgcore.agents.architectures import ARCHITECTURES, Architecture
from mfgcore.agents.networks import NETWORKS
from mfgcore.agents.scenarios import SCENARIOS
from mfgcore.agents.scores import SCORE_RULES
from mfgcore.games import GAMES
from mfgcore.metrics import definitions as metrics
from mfgcore.metrics.definitions import METRICS, Metric

REGISTRIES = (ARCHITECTURES, ALGORITHMS, GAMES, METRICS, NETWORKS, SCENARIOS, SCORE_RULES)
CHOSEN = {
    "game": GAMES,
    "architecture": ARCHITECTURES,
    "scenario": SCENARIOS,
    "algorithm": ALGORITHMS,
    "network": NETWORKS,
    "score_rule": SCORE_RULES,
}


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_an_unknown_name_is_answered_with_the_nearest(registry):
    nearest = next(iter(registry))
    with pytest.raises(ConfigurationError) as error:
        registry[nearest + "x"]
    assert f"unknown {registry.kind} '{nearest}x'; did you mean '{nearest}'?" in str(error.value)


@pytest.mark.parametrize("key", CHOSEN)
def test_a_parameter_that_is_a_name_knows_its_registry(key):
    name = next(iter(CHOSEN[key]))
    with pytest.raises(ConfigurationError, match=f"{key}: unknown .* did you mean '{name}'"):
        Experiment(**{"game": "agree", key: name + "x"})
    assert CHOSEN[key].help(name) in mfgcore.experiment.parameters.parameters()[key].describe()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"communication": "networks"}, "unknown value 'networks'; did you mean 'network'?"),
        ({"learners": "half"}, "learners: 'half' is not a whole number >= 1, or a share"),
        ({"learners": 0}, "learners: 0 is not"),
        ({"learners": 1.5}, "learners: 1.5 is not"),
        ({"learners": True}, "learners: True is not"),
    ],
)
def test_an_architecture_of_values_that_no_code_reads_is_refused(values, message):
    with pytest.raises(ConfigurationError, match=message):
        Architecture(**{"learners": 1.0, "communication": "none", **values})


def test_what_an_entry_needs_must_be_a_parameter(register):
    register(SCORE_RULES, "mine", lambda context, *, grid_sice: None)
    with pytest.raises(ConfigurationError, match="unknown parameter 'grid_sice'; did you"):
        Experiment(game="agree", score_rule="mine").effective_parameters()


def test_an_experiment_can_be_given_a_disturbance_afterwards():
    undisturbed = Experiment(game="agree")
    assert undisturbed.resolved_scenario == "none"
    failing = dataclasses.replace(undisturbed, failure_probability=0.5)
    assert failing.resolved_scenario == "disturbed"
    growing = dataclasses.replace(failing, final_agents=300, population_change_at=5)
    assert growing.resolved_scenario == "disturbed"
    with pytest.raises(ConfigurationError, match=r"failure_probability: 0\.5 is not allowed"):
        dataclasses.replace(undisturbed, scenario="none", failure_probability=0.5)


# ------------------------------------------------------------------------------- metrics


def test_a_metric_is_one_entry_and_its_computation(register, tmp_path):
    def occupied(moment):
        return (moment.rollout.mean_field > 0).sum()

    def best(moment):
        return moment.population.policies.max(axis=(0, 2))

    register(METRICS, "occupied", Metric(occupied, "visited cells", "by anybody", dtype=np.int64))
    over = ("iteration", "state")
    surest = Metric(best, "largest probability", "of any action", over, asked_by="exact_metrics")
    register(METRICS, "surest", surest)
    experiment = small()
    simulated = run(experiment)
    assert simulated.records["occupied"] == [9, 9, 9, 9]
    mfgcore.save(mfgcore.simulate(experiment), tmp_path / "run.nc")
    dataset = mfgcore.load(tmp_path / "run.nc")
    assert dataset["occupied"].dtype == np.int64
    assert dataset["occupied"].attrs["comment"] == "by anybody; measured every iteration"
    assert dataset["surest"].dims == ("iteration", "state")
    np.testing.assert_array_equal(dataset["surest"].notnull().all("state"), [1, 0, 1, 0])
    assert "| `surest` | iteration, state | largest probability: of any action |" in metric_table()
    collected = mfgcore.collect([tmp_path / "run.nc"], [experiment])
    assert collected["occupied"].dims == ("architecture", "trial", "iteration")
    dataset["surest"][2] = np.nan
    mfgcore.save(dataset, tmp_path / "run.nc", overwrite=True)
    with pytest.raises(mfgcore.RunFileError, match="surest is not finite"):
        mfgcore.collect([tmp_path / "run.nc"], [experiment])


def test_a_whole_number_cannot_be_missing():
    with pytest.raises(ValueError, match="floats"):
        Metric(len, "", "", dtype=np.int64, asked_by="exact_metrics")


def test_every_metric_says_what_it_is():
    for entry in METRICS.values():
        assert entry.long_name
        assert entry.meaning
    assert metrics.label("policy_divergence") == "Policy divergence"


def test_help_explains_every_parameter():
    explained = mfgcore.Experiment.__doc__
    for key, described in mfgcore.experiment.parameters.parameters().items():
        paragraph = re.search(rf"(?ms)^{key} : .*?(?=^\w)", explained)[0]
        assert " ".join(described.describe().split()) in " ".join(paragraph.split())
