"""Policy improvement: from Q-functions to policies (Def. 3.2).

A policy improvement is a function of the learners' policies and Q-functions,
(n_learners, n_states, n_actions) float64 each, that returns their new policies.
"""

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import explained
from mfgcore.experiment.components import POLICY_IMPROVEMENTS
from mfgcore.meanfield.policies import policies_of, state_distances

SMALLEST = np.finfo(np.float64).tiny


@POLICY_IMPROVEMENTS.register
def mirror_ascent(
    policies: np.ndarray,
    q_values: np.ndarray,
    *,
    policy_learning_rate: float,
    entropy_weight: float,
    entropy_gap: float | None,
    max_entropy: float,
) -> np.ndarray:
    """Policy mirror ascent (Def. 3.2): argmax_u <u, Q(s, .)> + h(u) - ||u - pi(s)||^2 / (2 eta)."""
    least_entropy = -1.0
    if entropy_gap is not None and entropy_weight > 0.0:
        least_entropy = (max_entropy - entropy_gap) / entropy_weight
    rows = np.arange(len(policies), dtype=np.int32)
    return kernels.mirror_ascent(
        policies, rows, q_values, policy_learning_rate, entropy_weight, least_entropy
    )


@POLICY_IMPROVEMENTS.register
def softmax(
    policies: np.ndarray, q_values: np.ndarray, *, softmax_temperature: float
) -> np.ndarray:
    """Boltzmann policies: pi(a|s) ~ exp(Q(s, a) / tau)."""
    return policies_of(q_values / softmax_temperature)


@POLICY_IMPROVEMENTS.register
def online_mirror_descent(
    policies: np.ndarray, q_values: np.ndarray, *, policy_learning_rate: float
) -> np.ndarray:
    """Online mirror descent (Perolat et al. 2022): pi'(a|s) ~ pi(a|s) exp(eta Q(s, a))."""
    logits = kernels.log(np.maximum(policies, SMALLEST))
    return policies_of(logits + policy_learning_rate * q_values)


@explained
def policy_change(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far policies moved: sigma (Alg. 1, line 11) and the tie-breaking total (App. C).

    For old and new ones, (n, n_states, n_actions), the sup over states of the 1-norm of the change
    of pi(s), in [0, 2], and its sum over states; (n,) float64 each.
    """
    by_state = state_distances(new, old)
    return by_state.max(axis=1), by_state.sum(axis=1)
