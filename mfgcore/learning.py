"""Learning: from transitions to Q-values (Def. 3.1) and from these to a policy (Def. 3.2)."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mfgcore import kernels, meanfield
from mfgcore.games import ACTIONS


@dataclass(frozen=True)
class Algorithm:
    """How a learner comes to its Q-function.

    Parameters
    ----------
    skipped : callable of Experiment
        Number of an iteration's first transitions that are not used.
    learn : callable or None
        ``learn(experiment, transitions, q_values, generators)`` changes the Q-functions of the
        learners in place; for shapes see :func:`mfgcore.kernels.replay_td`. None: the Q-function
        is computed from the model, and no transition is used.
    needs : tuple of str
        Parameters of the experiment that some other algorithm does not read.
    """

    skipped: Callable
    learn: Callable | None
    needs: tuple


def _replay(experiment, transitions, q_values, generators):
    kernels.replay_td(
        transitions, q_values, generators, experiment.replay_cycles, experiment.learning_rate,
        experiment.discount,
    )  # fmt: skip


def _online(experiment, transitions, q_values, generators):
    rates = np.full(transitions.shape[1], experiment.learning_rate)
    if experiment.learning_rate_offset is not None:
        # transition m of the iteration; the first one used may be number 1 (D6)
        m = np.arange(transitions.shape[1]) + (experiment.transitions - transitions.shape[1])
        offset = experiment.learning_rate_offset
        rates *= offset / (offset + m)
    kernels.online_td(transitions, q_values, rates, experiment.discount)


ALGORITHMS = {
    # Alg. 2: a transition is kept if m > W, strictly
    "replay": Algorithm(
        lambda experiment: experiment.waiting_transitions + 1,
        _replay,
        ("initial_q_value", "learning_rate", "waiting_transitions", "replay_cycles"),
    ),
    # Alg. 1: each transition is used once, as it comes. Nothing reads the Q-function before the
    # iteration's last transition, so they may as well be used all at its end.
    "online": Algorithm(
        lambda experiment: 0,
        _online,
        ("initial_q_value", "learning_rate", "learning_rate_offset"),
    ),
    # What both would do without sampling error: the Q-function of each learner's policy against
    # the mean field of the population's policies, computed (D22).
    "exact": Algorithm(lambda experiment: 0, None, ()),
}


def estimate_q_values(experiment, transitions, generators, threads=1):
    """Estimate every learner's Q-function from its transitions.

    Parameters
    ----------
    experiment : Experiment
    transitions : (n_learners, n) of :data:`mfgcore.kernels.TRANSITION`
        Reordered in place.
    generators : (n_learners, 4, 16) uint32
        Shuffle streams; changed in place.
    threads : int
        Threads to share the learners among. The result does not depend on it.

    Returns
    -------
    (n_learners, n_states * n_actions) float64
    """
    n_learners = transitions.shape[0]
    n_pairs = experiment.grid_size**2 * len(ACTIONS)
    start = experiment.initial_q_value
    q_values = np.full((n_learners, n_pairs), experiment.max_q_value if start is None else start)
    learn = ALGORITHMS[experiment.algorithm].learn

    def learn_part(part):
        if part.stop > part.start:
            learn(experiment, transitions[part], q_values[part], generators[part])

    edges = np.linspace(0, n_learners, threads + 1).astype(int)
    parts = [slice(start, stop) for start, stop in itertools.pairwise(edges)]
    if threads == 1:
        learn_part(parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(learn_part, parts))
    return q_values


def exact_q_values(experiment, policies, policy_index, own):
    """Compute what :func:`estimate_q_values` estimates.

    Parameters
    ----------
    experiment : Experiment
    policies, policy_index
        Those of the population, which make the mean field; see
        :class:`mfgcore.population.Population`.
    own : (n_learners, n_states, n_actions) float64
        The learners' policies.

    Returns
    -------
    (n_learners, n_states * n_actions) float64
    """
    game = experiment.make_game().seen_by(len(policy_index))
    mean_field = meanfield.joint_mean_field(policies, game, policy_index=policy_index)
    q_values = [
        meanfield.action_values(
            policy,
            mean_field,
            game,
            discount=experiment.discount,
            entropy_weight=experiment.entropy_weight,
        )
        for policy in own
    ]
    return np.array(q_values).reshape(len(own), experiment.grid_size**2 * len(ACTIONS))


def improve_policies(experiment, policies, policy_index, q_values):
    """The policy mirror ascent step of every learner (Def. 3.2).

    Parameters
    ----------
    experiment : Experiment
    policies : (n_policies, n_states, n_actions) float64
    policy_index : (n_learners,) int32
        Present policy of each learner.
    q_values : (n_learners, n_states * n_actions) float64

    Returns
    -------
    (n_learners, n_states, n_actions) float64
    """
    least_entropy = -1.0
    if experiment.entropy_gap is not None and experiment.entropy_weight > 0.0:
        least_entropy = (
            experiment.max_entropy - experiment.entropy_gap
        ) / experiment.entropy_weight
    return kernels.mirror_ascent(
        policies,
        policy_index,
        q_values.reshape(-1, *policies.shape[1:]),
        experiment.policy_step_size,
        experiment.entropy_weight,
        least_entropy,
    )


def policy_change(old, new):
    """How far policies moved: sigma (Alg. 1, line 11) and the tie-breaking total (App. C).

    Parameters
    ----------
    old, new : (n, n_states, n_actions) float64

    Returns
    -------
    largest : (n,) float64
        sup over states of the 1-norm of the change of pi(s), in [0, 2].
    total : (n,) float64
        Its sum over states.
    """
    by_state = np.abs(new - old).sum(axis=2)
    return by_state.max(axis=1), by_state.sum(axis=1)
