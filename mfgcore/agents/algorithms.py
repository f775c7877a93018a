"""Algorithms: estimates of Q-functions from transitions (Def. 3.1)."""

import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore.agents.population import Population
from mfgcore.experiment.components import ALGORITHMS, Algorithm
from mfgcore.games import Game
from mfgcore.meanfield import action_values, joint_mean_field

MOST_THREADS = max(16, os.cpu_count() or 1)

register = ALGORITHMS.register


@dataclass(frozen=True)
class LearningBatch:
    """What some learners learn from in an iteration.

    Parameters
    ----------
    transitions : (n_learners, n) of `mfgcore.kernels.TRANSITION`
        ``pair`` and ``next_pair``, the numbers ``state * n_actions + action`` of where a transition
        begins and of what is done where it leads, and ``reward``, r + h; reordered in place. None
        where the algorithm uses none.
    generators : (n_learners, 4, 16) uint32
        Shuffle streams; changed in place.
    policies : (n_learners, n_states, n_actions) float64
        The learners' policies.
    population : Population
        Whose policies make the mean field.
    threads : int
        Threads to share the learners among. The result does not depend on it.
    """

    transitions: np.ndarray | None
    generators: np.ndarray
    policies: np.ndarray
    population: Population | None
    threads: int = 1

    def initial_q_values(self, value: float) -> np.ndarray:
        """Q-functions with one value; (n_learners, n_states * n_actions) float64."""
        return np.full((len(self.policies), math.prod(self.policies.shape[1:])), value)


@register
def replay(
    *,
    burn_in: int,
    replay_cycles: int,
    td_learning_rate: float,
    discount: float,
    initial_q_value: float | None,
    max_q_value: float,
    reward_timing: str,
    shuffles: str,
) -> Algorithm:
    """Algorithm 2: transitions are stored, and replayed in many shuffled passes."""
    start = max_q_value if initial_q_value is None else initial_q_value

    def q_values(batch):
        found = batch.initial_q_values(start)

        def learn(part):
            kernels.replay_td(
                batch.transitions[part],
                found[part],
                batch.generators[part],
                replay_cycles,
                td_learning_rate,
                discount,
            )

        return _shared_among_threads(learn, found, batch.threads)

    return Algorithm(
        burn_in + 1,  # a transition is kept if m > W, strictly
        replay_cycles,
        q_values,
        reward_after_move=reward_timing == "after_move",
        shared_shuffles=shuffles == "shared",
    )


@register
def online(
    *,
    transitions: int,
    td_learning_rate: float,
    td_learning_rate_offset: float | None,
    discount: float,
    initial_q_value: float | None,
    max_q_value: float,
    reward_timing: str,
) -> Algorithm:
    """Algorithm 1: each transition is used once, as it comes."""
    start = max_q_value if initial_q_value is None else initial_q_value

    # nothing reads the Q-function before the iteration's last transition, so they may as well be
    # used all at its end
    def q_values(batch):
        found, n = batch.initial_q_values(start), batch.transitions.shape[1]
        rates = np.full(n, td_learning_rate)
        if td_learning_rate_offset is not None:
            # transition m of the iteration; the first one used may be number 1 (D6)
            m = np.arange(n) + (transitions - n)
            rates *= td_learning_rate_offset / (td_learning_rate_offset + m)

        def learn(part):
            kernels.online_td(batch.transitions[part], found[part], rates, discount)

        return _shared_among_threads(learn, found, batch.threads)

    return Algorithm(0, 1, q_values, reward_after_move=reward_timing == "after_move")


@register
def exact(*, game: Game, discount: float, entropy_weight: float) -> Algorithm:
    """The Q-function is computed from the model: what the others do without sampling error."""
    weights = {"discount": discount, "entropy_weight": entropy_weight}

    def q_values(batch):
        others = batch.population
        seen = game.for_population(others.size)
        mean_field = joint_mean_field(others.policies, seen, policy_index=others.policy_index)
        found = [action_values(own, mean_field, seen, **weights) for own in batch.policies]
        return np.array(found).reshape(len(found), math.prod(batch.policies.shape[1:]))

    return Algorithm(None, 0, q_values)


def _shared_among_threads(learn: Any, q_values: np.ndarray, threads: int) -> np.ndarray:
    """Let threads learn the Q-functions of a slice of the learners each, in place; returns them."""
    n_learners = len(q_values)
    threads = min(threads, n_learners, MOST_THREADS)
    edges = np.linspace(0, n_learners, threads + 1).astype(int)
    slices = [slice(*pair) for pair in itertools.pairwise(edges) if pair[0] < pair[1]]
    if threads <= 1:
        list(map(learn, slices))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(learn, slices))
    return q_values
