"""Random arguments of kernels, and copies of arguments to compare two versions of one."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mfgcore import kernels
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState
from mfgcore.games import Game

seeds = st.integers(0, 2**32 - 1)


def copies(arguments):
    """Of a list of arguments, or of those by name."""
    if isinstance(arguments, dict):
        return dict(zip(arguments, copies(arguments.values()), strict=True))
    return [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]


def assert_equal_arguments(one, other):
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = one.values(), other.values()
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def random_generators(rng, *shape):
    return rng.integers(0, 2**32, shape, dtype=np.uint32)


def random_policies(rng, *shape):
    """Rows of every kind: anything, with zeros, deterministic, next to deterministic, uniform."""
    u = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    kind = rng.integers(0, 5, shape[:-1])
    sharp = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    some = u * (rng.random(shape) < 0.5) + 1e-9 * sharp
    u[kind == 1] = (some / some.sum(-1, keepdims=True))[kind == 1]
    u[kind == 2] = sharp[kind == 2]
    near = sharp + 10.0 ** -rng.integers(9, 300, shape).astype(float)
    u[kind == 3] = (near / near.sum(-1, keepdims=True))[kind == 3]
    u[kind == 4] = 1.0 / shape[-1]
    return u


@dataclass(frozen=True, eq=False)
class RandomGame(Game):
    """Any finite game: what depends on the mean field does so by the share in another cell.

    `move_coupling` 0: moves do not depend on the mean field. `table` None: rewards depend on the
    action too.
    """

    reachable: np.ndarray
    alone: np.ndarray
    crowded: np.ndarray
    payments: np.ndarray
    move_coupling: float
    table: np.ndarray | None

    name = "random"
    n_states = property(lambda self: self.reachable.shape[0])
    actions = property(lambda self: tuple(map(str, range(self.reachable.shape[1]))))

    @property
    def mean_field_dynamics(self):
        return self.move_coupling > 0.0

    def next_states(self):
        return self.reachable

    def transition_probabilities(self, mean_field=None):
        if mean_field is None:
            return self.alone
        weight = self.move_coupling * np.roll(mean_field, 1)[:, None, None]
        return (1.0 - weight) * self.alone + weight * self.crowded

    def rewards(self, mean_fields):
        share = mean_fields[..., None]
        return (self.payments + share * np.roll(share, 1, axis=-2)) / 2.0

    def reward_table(self, n_agents):
        return self.table


def random_game(
    rng, n_agents, n_states, n_actions, n_next_states=1, move_coupling=0.0, tabled=True
):
    pairs = n_states, n_actions
    return RandomGame(
        rng.integers(0, n_states, (*pairs, n_next_states), dtype=np.int32),
        random_policies(rng, *pairs, n_next_states),
        random_policies(rng, *pairs, n_next_states),
        rng.random(pairs),
        move_coupling if n_next_states > 1 else 0.0,
        rng.random((n_states, n_agents + 1)) if tabled else None,
    )


def random_walk(rng, n_agents, n_states, n_actions, n_policies, *game):
    """What the stepping kernels share: any tables, any cells, a game of :func:`random_game`."""
    policies = random_policies(rng, n_policies, n_states, n_actions)
    population = Population(
        rng.integers(0, n_states, n_agents, dtype=np.int32),
        rng.integers(0, n_policies, n_agents, dtype=np.int32),
        policies,
    )
    game = random_game(rng, n_agents, n_states, n_actions, *game)
    return RolloutState.of(population, game, 0.01, random_generators(rng, 4, n_agents)).arguments()


def random_links(rng, n_agents, n_states, weighted, failing):
    """Links of any kind between any groups, as the kernels take them; weighted go both ways."""
    graph = rng.random() < 0.5
    n_groups = int(rng.integers(1, n_agents + 3)) if graph else n_states
    linked = rng.random((n_groups, n_groups)) < rng.choice([0.0, 0.1, 0.4, 1.0])
    if weighted or rng.random() < 0.7:
        linked |= linked.T
    linked |= np.eye(n_groups, dtype=bool)
    found = {
        "first_neighbour": np.concatenate(([0], linked.sum(axis=1).cumsum())).astype(np.int32),
        "neighbours": np.nonzero(linked)[1].astype(np.int32),
        "groups": rng.integers(0, n_groups, n_agents, dtype=np.int32) if graph else None,
        "seed": int(rng.integers(0, 2**64, dtype=np.uint64)),
        "drop_threshold": int(rng.choice([1, 2**52, 2**53])) if failing else 0,
    }
    weights = 1.0 / (1.0 + np.arange(n_agents))
    return found | {"link_weights": weights if weighted else None}


def random_transitions(rng, n_learners, n, n_pairs):
    transitions = np.zeros((n_learners, n), dtype=kernels.TRANSITION)
    transitions["reward"] = rng.random((n_learners, n))
    transitions["pair"] = rng.integers(0, n_pairs, (n_learners, n))
    transitions["next_pair"] = rng.integers(0, n_pairs, (n_learners, n))
    return transitions
