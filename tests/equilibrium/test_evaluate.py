"""What N agents do: played, enumerated, and by the kernels; and what is refused."""

import numpy as np
import pytest
import xarray as xr
from conftest import small
from random_inputs import random_policies

import mfgcore
from mfgcore import ConfigurationError, RunFileError, meanfield
from mfgcore.agents.population import Population as KernelPopulation
from mfgcore.agents.rollout import RolloutState, rollout
from mfgcore.equilibrium import play
from mfgcore.equilibrium.evaluate import interval
from mfgcore.equilibrium.play import Population, Walk
from mfgcore.experiment.random_streams import RandomStreams
from mfgcore.games import GAMES, Game
from mfgcore.games import register as game_of_ones_own

SEEDS = range(50)
ALIKE = 1e-9  # standard error of trials that are all alike
LARGEST_Z = 4.5  # of some 200 numbers: by chance in one of 700 such tests
WEIGHTS = {"discount": 0.7, "entropy_weight": 0.05}


def garnet(seed, coupled=False, **given):
    return GAMES["garnet"](
        states=2 + seed % 2,
        n_actions=2 + seed // 2 % 2,
        branching=2,
        game_seed=seed,
        coupling=0.1 if coupled else 0.0,
        interaction=("potential", "cyclic")[seed // 4 % 2],
        **given,
    )


def compared(found, sampled, enumerated):
    """Differences of what is played and enumerated, and their standard errors."""
    error = np.diff(found[f"{sampled}_interval"].values)[..., 0] / 2.0 / 1.972  # of 200 trials
    return (found[sampled] - found[enumerated]).values, error


def deviations_of(found, sampled, enumerated):
    """Differences in standard errors, where there is one."""
    apart, error = compared(found, sampled, enumerated)
    return apart[error > ALIKE] / error[error > ALIKE]


@pytest.fixture(scope="module")
def played():
    """Small random games: an evaluation of each, with the policies."""
    found = []
    for seed in SEEDS:
        rng, coupled = np.random.default_rng(seed), seed % 5 == 0
        game, n_agents = garnet(seed, coupled), 2 + seed // 3 % 2
        shape = (game.n_states, len(game.actions))
        policies = rng.dirichlet(np.ones(shape[1]), (n_agents, shape[0]))
        if seed % 4 == 0:
            policies = policies[0]
        start = {"start": "initial"} if seed % 3 == 0 else {"burn_in": 5}
        found.append(
            mfgcore.evaluate(policies, game, n_agents, trials=200, seed=seed, **start, **WEIGHTS)
        )
    return found


@pytest.mark.parametrize(
    ("sampled", "enumerated"),
    [("sampled_return", "enumerated_return"), ("nash_gap", "enumerated_nash_gap")],
)
def test_what_is_played_is_what_is_enumerated(played, sampled, enumerated):
    found = np.concatenate([deviations_of(each, sampled, enumerated) for each in played])
    assert len(played) >= 50 and np.abs(found).max() < LARGEST_Z
    assert 0.8 < found.std() < 1.2 and abs(found.mean()) < 0.25


@pytest.mark.parametrize(
    ("sampled", "enumerated"),
    [("sampled_return", "enumerated_return"), ("nash_gap", "enumerated_nash_gap")],
)
def test_what_no_trial_has_shown_is_rare(played, sampled, enumerated):
    """There intervals have no width: it has a chance of 5/200, and an effect of a whole return."""
    most = 5 / 200 / (1.0 - WEIGHTS["discount"])
    for each in played:
        apart, error = compared(each, sampled, enumerated)
        assert (np.abs(apart[error <= ALIKE]) < most).all()


def test_a_planted_error_is_found(played):
    """The test above is worth something."""
    wrong = [each.assign(enumerated_return=each["enumerated_return"] + 0.1) for each in played]
    found = [deviations_of(each, "sampled_return", "enumerated_return") for each in wrong]
    assert np.abs(np.concatenate(found)).max() > 2.0 * LARGEST_Z


def test_the_best_deterministic_response_is_one_without_entropy():
    """Without entropy no response to one's own state is better than all deterministic ones."""
    for seed in range(12):
        game = garnet(seed)
        rng = np.random.default_rng(seed)
        policy = rng.dirichlet(np.ones(len(game.actions)), game.n_states)
        weights = {"discount": 0.8, "entropy_weight": 0.0}
        found = mfgcore.evaluate(policy, game, 2, trials=2, burn_in=5, **weights)
        best = found["enumerated_deterministic_gain"].values
        assert (best >= found["enumerated_nash_gap"].values - 1e-9).all() and (best >= -1e-9).all()


def test_two_agents_by_hand(own_games):
    """Both always change places between two states, and are paid for being apart."""

    @game_of_ones_own
    class Apart(Game):
        """Be where the other is not."""

        n_states = 2
        actions = ("stay", "switch")

        def next_states(self):
            return np.array([[0, 1], [1, 0]], dtype=np.int32)[:, :, None]

        def rewards(self, mean_fields):
            return np.repeat(1.0 - mean_fields[..., None], 2, axis=-1)

    weights = {"discount": 0.5, "entropy_weight": 0.0}
    switch = np.array([[0.0, 1.0], [0.0, 1.0]])
    found = mfgcore.evaluate(switch, Apart(), 2, trials=400, burn_in=3, **weights)
    # apart in half of the trials: 1/2 in every step, and 0 in the others
    assert found["enumerated_return"].item() == pytest.approx(0.5)
    # who stays is apart in every other step: 1/2 (1/2 + 1/8 + ...) or 1/2 (1/4 + 1/16 + ...)
    assert found["enumerated_nash_gap"].item() == pytest.approx(0.0)
    assert found["sampled_return"].item() == pytest.approx(0.5)  # given what the other does
    assert found["exact_return"].item() == pytest.approx(1.0)  # half of many others are there


@pytest.mark.parametrize("coupled", [False, True])
def test_agents_that_are_counted_walk_as_those_that_are_not(coupled, monkeypatch):
    game, agents = garnet(3, coupled, floor=0.3), np.array([20, 7])
    policies = np.random.default_rng(0).dirichlet(np.ones(len(game.actions)), (2, game.n_states))
    weights = {"trials": 400, "start": "initial", **WEIGHTS}
    each = {}
    for crowd in (0, 1000):
        monkeypatch.setattr(play, "CROWD", crowd)
        each[crowd] = mfgcore.evaluate(policies, game, counts=agents, **weights)
    for name in ("sampled_return", "nash_gap", "mean_field_distance"):
        one, other = (np.diff(each[crowd][f"{name}_interval"].values)[..., 0] for crowd in each)
        apart = np.abs(each[0][name].values - each[1000][name].values)
        assert (apart <= 1.2 * np.hypot(one, other) + 1e-12).all(), name


def test_nobody_is_lost_on_the_way():
    game = GAMES["four_rooms"]()
    policies = random_policies(np.random.default_rng(0), 3, game.n_states, len(game.actions))
    agents = np.array([1, 30, 5000])
    starts = np.full((3, game.n_states), 1.0 / game.n_states)
    population = Population(game, policies, agents, starts, 0.9, 0.0, 10)
    walk = Walk(population, 4, np.random.default_rng(0))
    for _ in range(30):
        walk.step()
        assert (walk.counts.sum(axis=1) == agents.sum()).all() and (walk.counts >= 0).all()
        ones = np.ones((4, 3, game.n_states))
        np.testing.assert_array_equal(walk.sums(ones), np.broadcast_to(agents, (4, 3)))


@pytest.mark.parametrize("name", ["beach_bar", "diffuse", "sis_epidemic"])
def test_the_kernels_pay_the_same(name):
    """What the simulator's agents are paid, in the long run, and what is said here."""
    game, n_agents, n_steps, weight = GAMES[name](), 12, 40_000, 0.05
    policy = np.random.default_rng(1).dirichlet(np.ones(len(game.actions)), game.n_states)
    if name == "sis_epidemic":  # or else it dies out
        game = GAMES[name](from_outside=0.5)
    streams = RandomStreams(1, "test", 0)
    states = streams.sample_initial_states("initial_states", 0, n_agents, game)
    crowd = KernelPopulation(states, np.zeros(n_agents, dtype=np.int32), policy[None])
    generators = streams.action_generators("actions", 0, n_agents)
    state = RolloutState.of(crowd, game, weight, generators)
    algorithm = small().make("algorithm")
    rollout(state, algorithm, 1000, 1)
    rewards = rollout(state, algorithm, n_steps, 1).population_rewards / n_agents
    means = rewards.reshape(40, -1).mean(axis=1) / (1.0 - 0.8)
    found = mfgcore.evaluate(
        policy, game, n_agents, trials=400, burn_in=200, discount=0.8, entropy_weight=weight
    )
    error = np.hypot(means.std(ddof=1) / 40**0.5, np.diff(found["sampled_return_interval"]) / 3.9)
    assert np.abs(means.mean() - found["sampled_return"].item()) < 4.0 * error.item()


def test_exact_values_are_those_of_the_populations_metrics():
    game = GAMES["diffuse"](grid_size=3)
    policies = random_policies(np.random.default_rng(0), 3, 9, 5)
    found = mfgcore.evaluate(policies, game, counts=[2, 1, 4], trials=2, burn_in=1, **WEIGHTS)
    index = np.repeat(np.arange(3), [2, 1, 4])
    shares = found["agents"] / 7
    for ending, seen in (("", game), ("_of_n", game.for_population(7))):
        metrics = meanfield.population_metrics(policies, seen, policy_index=index, **WEIGHTS)
        gap = (shares * found[f"exact_exploitability{ending}"]).sum()
        assert gap == pytest.approx(metrics.exploitability, abs=1e-11)
        value = (shares * found[f"exact_return{ending}"]).sum()
        assert value == pytest.approx(metrics.discounted_return)


def test_the_more_agents_the_smaller_the_gap_of_an_equilibrium():
    equilibrium = mfgcore.solve("beach_bar", entropy_weight=0.1)
    few, many = (mfgcore.evaluate(equilibrium, agents=n, trials=50) for n in (5, 100_000))
    assert few["nash_gap_interval"].values[0, 0] > 1e-3
    assert abs(many["nash_gap"].item()) < 1e-4
    assert many["mean_field_distance"] < few["mean_field_distance"] / 50


def test_equal_policies_are_one_whoever_follows_them():
    game = garnet(1)
    policy = np.full((game.n_states, len(game.actions)), 1.0 / len(game.actions))
    given = {"trials": 3, "burn_in": 2, **WEIGHTS}
    one = mfgcore.evaluate(policy, game, 4, **given)
    for others in (
        mfgcore.evaluate([policy] * 4, game, **given),
        mfgcore.evaluate([policy] * 2, game, counts=[3, 1], **given),
    ):
        xr.testing.assert_identical(others.drop_attrs(), one.drop_attrs())
    assert one.attrs["start"] == "stationary" and one.attrs["burn_in"] == 0


def test_blocks_of_policies_change_nothing(monkeypatch):
    policies = random_policies(np.random.default_rng(0), 7, 10, 3)
    given = {"trials": 3, "burn_in": 2, "discount": 0.5}
    whole = mfgcore.evaluate(policies, "beach_bar", **given)
    monkeypatch.setattr(play, "AT_ONCE", 200)
    xr.testing.assert_allclose(mfgcore.evaluate(policies, "beach_bar", **given), whole)


def test_the_worst_off_agent_is_the_one_that_gains_most():
    game = GAMES["beach_bar"]()
    best = mfgcore.solve(game)["policy"].values
    lazy = np.tile([0.0, 1.0, 0.0], (game.n_states, 1))
    found = mfgcore.evaluate([best, lazy], game, counts=[30, 3], trials=50)
    assert found["worst_policy"] == 1
    assert found["largest_nash_gap"] == found["nash_gap"][1] > found["nash_gap"][0]


def test_runs_and_equilibria_are_evaluated_from_their_files(tmp_path):
    experiment = small(exact_metrics=False)
    given = {"trials": 2, "burn_in": 3}
    for dataset, agents in ((mfgcore.simulate(experiment), None), (mfgcore.solve(experiment), 6)):
        mfgcore.save(dataset, tmp_path / "file.nc", overwrite=True)
        of_file = mfgcore.evaluate(tmp_path / "file.nc", agents=agents, **given)
        of_dataset = mfgcore.evaluate(dataset, experiment, agents=agents, **given)
        xr.testing.assert_identical(of_file.drop_attrs(), of_dataset.drop_attrs())
        assert of_file["agents"].sum() == experiment.agents
        assert of_file.attrs["discount"] == experiment.discount
        mfgcore.save(of_file, tmp_path / "evaluation.nc", overwrite=True)
        for name in of_file.data_vars:
            assert of_file[name].attrs["long_name"], name
        assert "lower bound" in of_file["nash_gap"].attrs["long_name"]


def test_an_interval_holds_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(size=(5, 4000))
    low, high = interval(samples).T
    assert np.mean((low < 0.0) & (high > 0.0)) == pytest.approx(0.95, abs=0.015)


def test_a_file_of_a_game_that_has_changed_is_refused(tmp_path, own_games):
    def kind(cost):
        class Changing(GAMES["contraction"]):
            """Another contraction."""

            switching_cost: float = cost

            def rewards(self, mean_fields):
                return super().rewards(mean_fields) * cost / 10.0

        return game_of_ones_own(Changing)

    mfgcore.save(mfgcore.solve(kind(10.0)()), tmp_path / "eq.nc")
    assert mfgcore.evaluate(tmp_path / "eq.nc", agents=2, trials=2)["agents"] == 2
    kind(5.0)
    with pytest.raises(RunFileError, match=r"eq\.nc") as error:
        mfgcore.evaluate(tmp_path / "eq.nc", agents=2)
    assert len(str(error.value).splitlines()) == 1 and "changing" in str(error.value)


UNIFORM = np.full((10, 3), 1.0 / 3.0)
ROW = np.where(np.arange(10)[:, None] == 4, 0.5, UNIFORM)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"policies": np.full((9, 3), 1 / 3)}, ("policies", "(9, 3)")),
        ({"policies": np.full(3, 1 / 3)}, ("policies", "(3,)")),
        ({"policies": np.full((2, 2, 10, 3), 1 / 3)}, ("policies", "(2, 2, 10, 3)")),
        ({"policies": np.full((4, 10, 5), 0.2)}, ("policies", "(4, 10, 5)")),
        ({"policies": np.empty((0, 10, 3))}, ("policies",)),
        ({"policies": ROW}, ("policies", "row")),
        ({"policies": -UNIFORM}, ("policies", "row")),
        ({"policies": np.where(ROW == 0.5, np.nan, ROW)}, ("policies", "row")),
        ({"policies": np.where(ROW == 0.5, np.inf, ROW)}, ("policies", "row")),
        ({"policies": 3}, ("policies", "3")),
        ({"policies": None}, ("policies",)),
        ({"policies": object()}, ("policies", "object")),
        ({"policies": [["stay"]]}, ("policies", "stay")),
        ({"policies": "nowhere.nc"}, ("nowhere.nc",)),
        ({"policies": xr.Dataset()}, ("policies",)),
        ({"game": None}, ("game", "missing")),
        ({"game": "beach"}, ("game", "beach")),
        ({"game": "two_bars"}, ("policies", "(10, 3)")),
        ({"agents": None}, ("agents", "missing")),
        ({"agents": 1}, ("agents", "1")),
        ({"agents": 0}, ("agents", "0")),
        ({"agents": 10**10}, ("agents", "10000000000")),
        ({"agents": 2.5}, ("agents", "2.5")),
        ({"policies": UNIFORM[None], "agents": None}, ("agents", "1")),
        ({"policies": np.stack([UNIFORM] * 3)}, ("agents", "5", "3")),
        ({"policies": np.stack([UNIFORM] * 2), "counts": [2, 2]}, ("agents", "5", "4")),
        ({"policies": np.stack([UNIFORM] * 2), "counts": [5]}, ("counts", "[5]")),
        ({"policies": np.stack([UNIFORM] * 2), "counts": [0, 5]}, ("counts", "[0, 5]")),
        ({"policies": np.stack([UNIFORM] * 2), "counts": [2.5, 2.5]}, ("counts", "2.5")),
        ({"policies": np.stack([UNIFORM] * 2), "counts": [-1, 6]}, ("counts", "-1")),
        ({"counts": "all"}, ("counts", "all")),
        ({"start": "random"}, ("start", "random")),
        ({"burn_in": -1}, ("burn_in", "-1")),
        ({"trials": 1}, ("trials", "1")),
        ({"trials": "many"}, ("trials", "many")),
        ({"seed": -1}, ("seed", "-1")),
        ({"discount": 1.0}, ("discount", "1.0")),
        ({"discount": float("nan")}, ("discount", "nan")),
        ({"entropy_weight": -1.0}, ("entropy_weight", "-1.0")),
        ({"grid_size": 3}, ("grid_size",)),
        ({"game_settings": {"bar": 3}}, ("game_settings", "bar")),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(arguments, named):
    given = {"policies": UNIFORM, "game": "beach_bar", "agents": 5, "trials": 2} | arguments
    with pytest.raises((ConfigurationError, RunFileError)) as error:
        mfgcore.evaluate(**given)
    said = str(error.value)
    assert len(said.splitlines()) == 1 and all(word in said for word in named), said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"game": "two_bars"}, ("game", "beach_bar")),
        ({"game": GAMES["beach_bar"](states=12)}, ("game", "beach_bar")),
        ({"states": 5}, ("states",)),
        ({"agents": None}, ("agents",)),
        ({"counts": [2, 3]}, ("counts", "[2, 3]")),
    ],
)
def test_an_equilibrium_is_evaluated_in_its_own_game(arguments, named):
    equilibrium = mfgcore.solve("beach_bar", iterations=2)
    with pytest.raises(ConfigurationError) as error:
        mfgcore.evaluate(**{"policies": equilibrium, "agents": 5, "trials": 2} | arguments)
    said = str(error.value)
    assert len(said.splitlines()) == 1 and all(word in said for word in named), said


def test_a_run_says_how_many_agents_it_has():
    dataset = mfgcore.simulate(small(exact_metrics=False))
    for wrong in ({"agents": 7}, {"counts": [6]}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            mfgcore.evaluate(dataset, **wrong)
    dataset.attrs["fingerprint"] = "0" * 16
    with pytest.raises(RunFileError, match="other code"):
        mfgcore.evaluate(dataset)


def test_a_million_agents_take_ten_thousand_steps_in_two_minutes():
    uniform = np.full((10, 3), 1.0 / 3.0)
    found = mfgcore.evaluate(uniform, "beach_bar", agents=10**6, trials=2, discount=0.9973)
    assert found.attrs["horizon"] > 10_000 and found.attrs["cpu_seconds"] < 120.0
