"""Games and policies of other libraries, read from objects with their interfaces.

`make crosscheck` reads those of the libraries themselves.
"""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import mfgcore
from mfgcore import ConfigurationError, meanfield
from mfgcore.bridges import bench_mfg, mfglib
from mfgcore.games import GAMES, register

WEIGHTS = {"discount": 0.8, "entropy_weight": 0.05}


class Environment:
    """A game of ours as MFGLib has it: (t, L) to arrays, next states first."""

    def __init__(self, game, horizon=3, shape=None):
        self.game, self.T = game, horizon
        self.n_states, self.n_actions = game.n_states, len(game.actions)
        self.S, self.A = shape or (self.n_states,), (self.n_actions,)
        self.mu0 = np.full(self.S, 1.0 / self.n_states)

    def field(self, masses):
        return np.asarray(masses).reshape(self.n_states, -1).sum(axis=1)

    def reward(self, time, masses):
        found = 3.0 * self.game.mean_field_rewards(self.field(masses)) - 1.0
        return found.reshape(*self.S, *self.A)

    def prob(self, time, masses):
        return (
            dense(self.game, self.field(masses))
            .transpose(2, 0, 1)
            .reshape(*self.S, *self.S, *self.A)
        )


class Suite:
    """A game of ours as Bench-MFG has it: numbers by state, action and noise."""

    def __init__(self, game):
        self.game, self.next = game, game.next_states()
        self.N_states, self.N_actions = game.n_states, len(game.actions)
        self.noise_prob = game.transition_probabilities()[0, 0]
        self.stationary_mean_field = np.full(game.n_states, 1.0 / game.n_states)

    def reward(self, mean_field, state, action):
        return self.game.mean_field_rewards(mean_field)[state, action]

    def transition(self, mean_field, state, action, noise):
        return self.next[state, action, noise]


def dense(game, mean_field):
    given = (mean_field,) if game.mean_field_dynamics else ()
    moves = np.zeros((game.n_states, len(game.actions), game.n_states))
    chances = game.transition_probabilities(*given)
    for place in np.ndindex(chances.shape):
        moves[place[0], place[1], game.next_states()[place]] += chances[place]
    return moves


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """As much of torch as is used, so that it need not be installed."""
    fake = SimpleNamespace(as_tensor=np.asarray, get_default_dtype=lambda: np.float64)
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setattr(mfglib, "require", lambda extra: None)


@pytest.mark.parametrize("name", ["beach_bar", "two_bars", "rock_paper_scissors", "sis_epidemic"])
def test_a_game_that_is_read_is_the_game(name):
    game = GAMES[name]()
    read = [mfglib.game_from(Environment(game), reward_range=(-1.0, 2.0))]
    if not game.mean_field_dynamics:
        read.append(bench_mfg.game_from(Suite(game), reward_range=(0.0, 1.0)))
    rng = np.random.default_rng(0)
    for each in read:
        assert each.mean_field_dynamics == game.mean_field_dynamics
        for _ in range(3):
            policy = rng.dirichlet(np.ones(len(game.actions)), game.n_states)
            field = meanfield.stationary_distribution(policy, game)
            np.testing.assert_allclose(
                meanfield.stationary_distribution(policy, each), field, atol=1e-9
            )
            expected = meanfield.policy_value(policy, field, game, **WEIGHTS)
            found = meanfield.policy_value(policy, field, each, **WEIGHTS)
            np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_game_that_is_read_is_solved_and_evaluated():
    game = bench_mfg.game_from(Suite(GAMES["two_bars"]()))
    equilibrium = mfgcore.solve(game)
    assert equilibrium.attrs["converged"] == 1
    found = mfgcore.evaluate(equilibrium, game, agents=5, trials=3)
    assert found["agents"] == 5
    with pytest.raises(mfgcore.RunFileError, match="cannot be made"):
        mfgcore.evaluate(equilibrium, agents=5)  # nobody knows it by its name


def test_a_registered_game_of_another_library_can_be_learned(own_games):
    @register
    class OfASuite(bench_mfg.BenchMFGGame):
        """Two bars, as Bench-MFG has it."""

        def environment(self):
            return Suite(GAMES["two_bars"]())

    given = {"agents": 4, "iterations": 2, "transitions": 60, "replay_cycles": 2}
    experiment = mfgcore.Experiment(game="of_a_suite", architecture="independent", **given)
    assert np.isfinite(mfgcore.simulate(experiment)["discounted_return"]).all()


def test_policies_go_there_and_back():
    environment = Environment(GAMES["diffuse"](grid_size=2), shape=(2, 2))
    policy = np.random.default_rng(0).dirichlet(np.ones(5), 4)
    theirs = np.broadcast_to(policy.reshape(2, 2, 5), (4, 2, 2, 5)).copy()
    np.testing.assert_allclose(mfglib.policy_from(theirs, environment), policy)
    theirs[2] = 0.2
    np.testing.assert_allclose(mfglib.policy_from(theirs, environment, time=2), 0.2)
    with pytest.raises(ConfigurationError, match="time"):
        mfglib.policy_from(theirs, environment)


def changed(**methods):
    environment = Environment(GAMES["beach_bar"]())
    for name, function in methods.items():
        setattr(environment, name, function)
    return environment


RISING = changed(reward=lambda t, L: np.full((10, 3), 1.0 * t))
TURNING = changed(prob=lambda t, L: np.roll(np.eye(10), t, 0)[:, :, None].repeat(3, 2))
CROWDED = changed(reward=lambda t, L: np.broadcast_to(L.sum(axis=0), (10, 3)))
LATE = changed(reward=lambda t, L: np.full((10, 3), 1.0 * (t == 3)))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: mfglib.game_from(RISING), ("rewards", "time", "t = 1")),
        (lambda: mfglib.game_from(LATE), ("rewards", "time", "t = 3")),
        (lambda: mfglib.game_from(TURNING), ("moves", "time")),
        (lambda: mfglib.game_from(CROWDED), ("rewards", "actions")),
        (lambda: mfglib.game_from(3), ("environment", "'T'")),
        (lambda: mfglib.game_from(Suite(GAMES["two_bars"]())), ("environment", "'T'")),
        (lambda: bench_mfg.game_from(None), ("environment", "N_states")),
        (lambda: mfglib.game_from(changed(), (0.0, 0.1)), ("rewards()", "[0, 1]")),
        (lambda: mfglib.game_from(changed(), (1.0, 0.0)), ("reward_range",)),
        (lambda: mfglib.policy_from(np.ones((3, 3)), changed()), ("policy", "(3, 3)")),
        (lambda: mfglib.policy_from(np.full((4, 10, 3), 1 / 3), changed(), 4), ("time", "4")),
        (lambda: mfglib.policy_to(np.ones((3, 3)), changed()), ("policy", "(3, 3)")),
    ],
)
def test_what_cannot_be_read_is_one_line(call, named):
    with pytest.raises(ConfigurationError) as error:
        call()
    said = str(error.value)
    assert len(said.splitlines()) == 1 and all(word in said for word in named), said
