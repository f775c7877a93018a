"""Runs that start from given policies and states."""

import dataclasses
import json

import numpy as np
import pytest

import mfgcore
from mfgcore import ConfigurationError, Experiment, cli, simulate, sweep
from mfgcore.experiment.initial_policies import GIVEN, read_policies
from mfgcore.experiment.parameter_spec import first_difference, identity
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.pipeline.configuration import located
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.simulation import Simulation

SMALL = {
    "game": "agree",
    "agents": 5,
    "grid_size": 4,
    "iterations": 3,
    "transitions": 150,
    "steps_per_transition": 1,
    "replay_cycles": 3,
}
STATES, ACTIONS = 16, 5


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run whose policies all differ, as a file."""
    path = tmp_path_factory.mktemp("ended") / "run.nc"
    mfgcore.save(simulate(Experiment(**SMALL, architecture="independent")), path)
    return path


def policies_of(simulation):
    population = simulation.population
    return population.policies[population.policy_index]


def drawn(n):
    return np.random.default_rng(1).dirichlet(np.ones(ACTIONS), (n, STATES))


def test_a_run_goes_on_from_the_policies_of_another(ended):
    policies, digest = read_policies(str(ended))
    experiment = Experiment(**SMALL, initial_policy=str(ended))
    assert experiment.initial_policy_digest == digest
    assert np.array_equal(policies_of(Simulation(experiment)), policies)


@pytest.mark.parametrize(("agents", "rows"), [(3, [0, 1, 2]), (7, [0, 1, 2, 3, 4, 0, 1])])
def test_populations_of_other_sizes_take_them_in_turn(ended, agents, rows):
    policies, _ = read_policies(str(ended))
    experiment = Experiment(**SMALL | {"agents": agents}, initial_policy=str(ended))
    assert np.array_equal(policies_of(Simulation(experiment)), policies[rows])


def test_one_policy_is_that_of_all():
    policy = drawn(1)[0]
    found = policies_of(Simulation(Experiment(**SMALL), policies=policy))
    assert np.array_equal(found, np.broadcast_to(policy, found.shape))


def test_an_array_is_as_good_as_its_file(tmp_path):
    path = tmp_path / "policies.npy"
    np.save(path, drawn(5))
    of_file = simulate(Experiment(**SMALL, initial_policy=str(path)))
    of_array = simulate(Experiment(**SMALL), policies=drawn(5))
    for name in of_file:
        if name not in ("cpu_seconds", "wall_seconds"):
            assert of_file[name].equals(of_array[name]), name
    configuration = json.loads(of_array.attrs["configuration"])
    digest = json.loads(of_file.attrs["configuration"])["initial_policy_digest"]
    assert configuration["initial_policy"] == GIVEN
    assert configuration["initial_policy_digest"] == digest


def test_the_uniform_policy_changes_nothing():
    as_usual = simulate(Experiment(**SMALL))
    given = simulate(Experiment(**SMALL), policies=uniform_policy(STATES, ACTIONS))
    assert as_usual["policy"].equals(given["policy"])
    assert as_usual["discounted_return"].equals(given["discounted_return"])


def test_states_are_where_agents_start():
    states = np.array([3, 3, 0, 15, 7])
    simulation = Simulation(Experiment(**SMALL), states=states)
    assert np.array_equal(simulation.population.states, states)
    assert simulation.experiment.initial_policy_digest is not None
    other = Simulation(Experiment(**SMALL), states=states[::-1])
    assert other.experiment.initial_policy_digest != simulation.experiment.initial_policy_digest


def test_who_arrives_starts_as_before(ended):
    growing = {"final_agents": 8, "population_change_at": 1, "architecture": "independent"}
    simulation = Simulation(Experiment(**SMALL, **growing, initial_policy=str(ended)))
    simulation.step()
    simulation.step()
    # those who came last have not learned yet
    uniform = uniform_policy(STATES, ACTIONS)
    assert (policies_of(simulation)[5:] == uniform).all()


def test_a_run_that_was_interrupted_goes_on_with_the_same_bits(ended, tmp_path):
    experiment = Experiment(**SMALL, initial_policy=str(ended))
    whole = simulate(experiment)
    kept = tmp_path / "run.checkpoint"

    class Interrupted(Exception):
        pass

    def interrupt(simulation):
        if simulation.iteration == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        simulate(experiment, progress=interrupt, checkpointer=Checkpointer(kept, 0.0))
    resumed = simulate(experiment, checkpointer=Checkpointer(kept, 0.0))
    assert whole["policy"].equals(resumed["policy"])


def test_the_digest_is_what_a_run_depends_on(ended, tmp_path):
    other = tmp_path / "elsewhere.nc"
    other.write_bytes(ended.read_bytes())
    one, same = (Experiment(**SMALL, initial_policy=str(path)) for path in (ended, other))
    assert first_difference(*(each.effective_parameters() for each in (one, same))) is None
    assert identity(one.effective_parameters()) == identity(same.effective_parameters())
    usual = Experiment(**SMALL).effective_parameters()
    assert first_difference(usual, one.effective_parameters()).startswith("initial_policy")
    assert "initial_policy_digest" not in usual


def test_a_file_that_has_changed_is_refused(tmp_path):
    path = tmp_path / "policies.npy"
    np.save(path, drawn(1))
    experiment = Experiment(**SMALL, initial_policy=str(path))
    np.save(path, drawn(2))
    with pytest.raises(ConfigurationError, match=r"initial_policy: .*has changed"):
        dataclasses.replace(experiment)


def test_sweeps_vary_it(ended, tmp_path):
    path = tmp_path / "policies.npy"
    np.save(path, drawn(1))
    files = [str(ended), str(path)]
    found = sweep(Experiment(**SMALL), initial_policy=files, cores=1)
    assert found.sizes["initial_policy"] == 2
    first = found["discounted_return"].isel(iteration=0).values
    assert first[0] != first[1]


def test_paths_are_relative_to_the_configuration(tmp_path):
    (tmp_path / "eq.nc").touch()
    config = {"parameters": {"initial_policy": "eq.nc"}}
    found = located(config, [tmp_path])["parameters"]["initial_policy"]
    assert (tmp_path / "eq.nc").samefile(found)


def test_the_command_line_takes_it(ended, tmp_path):
    path = tmp_path / "next.nc"
    options = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items()]
    assert cli.main(["run", *options, f"--initial-policy={ended}", "--output", str(path)]) in (
        0,
        None,
    )
    configuration = json.loads(mfgcore.load(path).attrs["configuration"])
    assert configuration["initial_policy"] == str(ended)


def not_a_sum(policies):
    policies[0, 3] *= 1.1
    return policies


def negative(policies):
    policies[0, 3, :2] = -0.1, policies[0, 3, :2].sum() + 0.1
    return policies


def not_finite(policies):
    policies[0, 3, 0] = np.nan
    return policies


@pytest.mark.parametrize(
    "policies",
    [
        not_a_sum(drawn(1)),
        negative(drawn(1)),
        not_finite(drawn(1)),
        drawn(1)[:, :-1],
        drawn(1)[..., :-1],
        drawn(1)[None],
        drawn(1)[0, 0],
        drawn(1)[:0],
        "uniform",
        [[1.0, 2.0], [3.0]],
        object(),
        drawn(1).astype(complex),
    ],
)
def test_policies_that_are_none_are_refused_in_one_line(policies):
    with pytest.raises(ConfigurationError, match=r"policies") as found:
        simulate(Experiment(**SMALL), policies=policies)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "states", [[0, 1], [0, 1, 2, 3, 16], [0, 1, 2, 3, -1], [0.0] * 5, "a", [[0] * 5], [True] * 5]
)
def test_states_that_are_none_are_refused_in_one_line(states):
    with pytest.raises(ConfigurationError, match=r"states") as found:
        simulate(Experiment(**SMALL), states=states)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"game: agree\n", b"\x89HDF\r\n\x1a\nnothing", b"\x93NUMPYnothing", None],
)
def test_files_that_hold_none_are_refused_in_one_line(content, tmp_path):
    path = tmp_path / "policies"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^initial_policy: ") as found:
        Experiment(**SMALL, initial_policy=str(path))
    assert "\n" not in str(found.value)
    assert str(found.value).count("initial_policy") == 1


def test_datasets_without_one_runs_policies_are_refused(ended, tmp_path):
    path = tmp_path / "several.nc"
    run = mfgcore.load(ended)
    run[["policy"]].expand_dims(trial=2).to_netcdf(path)
    with pytest.raises(ConfigurationError, match="of a single run"):
        Experiment(**SMALL, initial_policy=str(path))
    run[["mean_field"]].to_netcdf(tmp_path / "without.nc")
    with pytest.raises(ConfigurationError, match="'policy'"):
        Experiment(**SMALL, initial_policy=str(tmp_path / "without.nc"))


def test_what_contradicts_is_refused(ended):
    with pytest.raises(ConfigurationError, match="initial_policy_digest"):
        Experiment(**SMALL, initial_policy_digest="a")
    with pytest.raises(ConfigurationError, match="policies: not allowed"):
        simulate(Experiment(**SMALL, initial_policy=str(ended)), policies=drawn(1))
    given = {"initial_policy": GIVEN, "initial_policy_digest": "a"}
    with pytest.raises(ConfigurationError, match="again"):
        simulate(Experiment(**SMALL, **given))
    with pytest.raises(ConfigurationError, match="not a"):
        simulate(Experiment(**SMALL, **given), policies=drawn(1))
