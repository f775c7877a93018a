"""Learning: from transitions to Q-values (Def. 3.1) and from these to a policy (Def. 3.2)."""

import functools
import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mfgcore import kernels, meanfield
from mfgcore._base.arguments import checked, explained
from mfgcore._base.registry import Registry
from mfgcore.agents.population import Population
from mfgcore.meanfield.policies import state_distances

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment

MOST_THREADS = max(16, os.cpu_count() or 1)

ALGORITHMS = Registry("algorithm")
register = ALGORITHMS.register


@dataclass(frozen=True)
class Lesson:
    """What some learners learn from in an iteration.

    Parameters
    ----------
    transitions : (n_learners, n) of `mfgcore.kernels.TRANSITION`
        Reordered in place; none, where the algorithm uses none.
    generators : (n_learners, 4, 16) uint32
        Shuffle streams; changed in place.
    own : (n_learners, n_states, n_actions) float64
        The learners' policies.
    population : Population
        Whose policies make the mean field.
    threads : int
        Threads to share the learners among. The result does not depend on it.
    """

    transitions: np.ndarray | None
    generators: np.ndarray
    own: np.ndarray
    population: Population
    threads: int = 1


@checked
@dataclass(frozen=True)
class Algorithm:
    """How a learner comes to its Q-function.

    Parameters
    ----------
    n_discarded : int or None
        Number of an iteration's first transitions that are not used; None: none is used.
    replay_cycles : int
        How often each of the others is.
    q_values : callable of Lesson
        Returns the learners' Q-functions, (n_learners, n_states * n_actions) float64.
    """

    n_discarded: int | None
    replay_cycles: int
    q_values: Callable


READ = ("initial_q_value", "learning_rate", "reward_time")  # where Q-functions are learned


@register(*READ, "waiting_transitions", "replay_cycles", "shuffles")
@checked
def replay(experiment: "Experiment") -> Algorithm:
    """Algorithm 2: transitions are stored, and replayed in many shuffled passes."""

    def learn(transitions, q_values, generators):
        kernels.replay_td(
            transitions,
            q_values,
            generators,
            experiment.replay_cycles,
            experiment.learning_rate,
            experiment.discount,
        )

    # a transition is kept if m > W, strictly
    n_discarded = experiment.waiting_transitions + 1
    estimate = functools.partial(_estimate, experiment, learn)
    return Algorithm(n_discarded, experiment.replay_cycles, estimate)


@register(*READ, "learning_rate_offset")
@checked
def online(experiment: "Experiment") -> Algorithm:
    """Algorithm 1: each transition is used once, as it comes."""

    # nothing reads the Q-function before the iteration's last transition, so they may as well be
    # used all at its end
    def learn(transitions, q_values, generators):
        rates = np.full(transitions.shape[1], experiment.learning_rate)
        if experiment.learning_rate_offset is not None:
            # transition m of the iteration; the first one used may be number 1 (D6)
            m = np.arange(transitions.shape[1]) + (experiment.transitions - transitions.shape[1])
            offset = experiment.learning_rate_offset
            rates *= offset / (offset + m)
        kernels.online_td(transitions, q_values, rates, experiment.discount)

    return Algorithm(0, 1, functools.partial(_estimate, experiment, learn))


@register
@checked
def exact(experiment: "Experiment") -> Algorithm:
    """The Q-function is computed from the model: what the others do without sampling error."""

    def q_values(lesson):
        others = lesson.population
        game = experiment.make_game().for_population(others.size)
        mean_field = meanfield.joint_mean_field(
            others.policies, game, policy_index=others.policy_index
        )
        weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
        found = [meanfield.action_values(own, mean_field, game, **weights) for own in lesson.own]
        return np.array(found).reshape(len(found), math.prod(lesson.own.shape[1:]))

    return Algorithm(None, 0, q_values)


def _estimate(experiment, learn, lesson):
    """Q-functions that `learn` changes in place from Q_max, or another start, to what was seen."""
    n_learners = len(lesson.own)
    start = experiment.initial_q_value
    q_values = np.full(
        (n_learners, math.prod(lesson.own.shape[1:])),
        experiment.max_q_value if start is None else start,
    )

    def learn_part(part):
        learn(lesson.transitions[part], q_values[part], lesson.generators[part])

    threads = min(lesson.threads, n_learners, MOST_THREADS)
    edges = np.linspace(0, n_learners, threads + 1).astype(int)
    parts = [slice(*pair) for pair in itertools.pairwise(edges) if pair[0] < pair[1]]
    if threads <= 1:
        list(map(learn_part, parts))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(learn_part, parts))
    return q_values


@explained
def improve_policies(
    experiment: "Experiment", policies: np.ndarray, policy_index: np.ndarray, q_values: np.ndarray
) -> np.ndarray:
    """The policy mirror ascent step of every learner (Def. 3.2).

    Learner i, with the Q-function ``q_values[i]``, (n_states * n_actions,) float64, has followed
    row ``policy_index[i]`` of the policies. Returns (n_learners, n_states, n_actions) float64.
    """
    least_entropy = -1.0
    if experiment.entropy_gap is not None and experiment.entropy_weight > 0.0:
        least = experiment.max_entropy - experiment.entropy_gap
        least_entropy = least / experiment.entropy_weight
    return kernels.mirror_ascent(
        policies,
        policy_index,
        q_values.reshape(-1, *policies.shape[1:]),
        experiment.policy_step_size,
        experiment.entropy_weight,
        least_entropy,
    )


@explained
def policy_change(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far policies moved: sigma (Alg. 1, line 11) and the tie-breaking total (App. C).

    For old and new ones, (n, n_states, n_actions), the sup over states of the 1-norm of the change
    of pi(s), in [0, 2], and its sum over states; (n,) float64 each.
    """
    by_state = state_distances(new, old)
    return by_state.max(axis=1), by_state.sum(axis=1)
