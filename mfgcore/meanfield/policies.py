"""Policies as arrays: the uniform one, distances, entropies, checks."""

import math
from collections import Counter
from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError
from mfgcore.games import Game

ROW_SUM_TOLERANCE = 1e-9


def policies_of(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits over the last axis, of the same bits on every processor; as they are."""
    weights = kernels.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / np.cumsum(weights, axis=-1)[..., -1:]


@explained
def state_distances(policies: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distances ||pi(s) - other(s)||_1 of policies in every state.

    Parameters
    ----------
    policies, others : (n_policies, n_states, n_actions) float64

    Returns
    -------
    (n_policies, n_states) float64
    """
    distances = np.empty(policies.shape[:2])
    # a part at a time, which stays in the caches: at 100,000 agents a difference takes 256 MB
    for first in range(0, len(policies), 256):
        part = slice(first, first + 256)
        np.abs(policies[part] - others[part]).sum(axis=2, out=distances[part])
    return distances


@explained
def policy_distances(policies: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Distances sup_s ||pi(s) - reference(s)||_1 of policies (Sec. 3.2).

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
    reference : (n_states, n_actions) float64

    Returns
    -------
    (n_policies,) float64
    """
    return state_distances(policies, np.broadcast_to(reference, policies.shape)).max(axis=1)


@explained
def uniform_policy(n_states: int, n_actions: int) -> np.ndarray:
    """Uniform policy pi_max, all actions equally likely; (n_states, n_actions) float64."""
    return np.full((n_states, n_actions), 1.0 / n_actions)


def policy_entropies(policies: np.ndarray, entropy_weight: float) -> np.ndarray:
    """Regularisers h(pi(s)) of policies; (n_policies, n_states) float64."""
    return kernels.policy_tables(policies, entropy_weight)["entropy"]


def distinct_policies(
    policies: np.ndarray, policy_index: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct policies of a population and the share of the agents that follows each."""
    if policy_index is None:
        policy_index = np.arange(len(policies))
    policy_index = np.asarray(policy_index)
    if (
        policy_index.ndim != 1
        or policy_index.size == 0
        or policy_index.dtype.kind not in "iu"
        or policy_index.min() < 0
        or policy_index.max() >= len(policies)
    ):
        raise ConfigurationError(
            f"policy_index: is not one row of the {len(policies)} policies for each agent"
        )
    followers: Counter[bytes] = Counter()
    for row, n_agents in enumerate(np.bincount(policy_index).tolist()):
        if n_agents:
            followers[policies[row].tobytes()] += n_agents
    distinct = np.frombuffer(b"".join(followers)).reshape(-1, *policies.shape[1:])
    return distinct, np.array(list(followers.values())) / policy_index.size


def checked_policies(
    policies: Any,
    game: Game,
    discount: float = 0.0,
    entropy_weight: float = 0.0,
    one: bool = False,
    name: str = "policies",
) -> np.ndarray:
    """Policies of a game, checked; C-ordered (n, n_states, n_actions) float64.

    `name` is what messages call them.

    Raises
    ------
    ConfigurationError
        If they are of another shape, or no distributions; or if a weight is out of bounds.
    """
    if not 0.0 <= discount < 1.0:
        raise ConfigurationError(f"discount: {discount!r} is not >= 0 and < 1")
    if not 0.0 <= entropy_weight < math.inf:
        raise ConfigurationError(f"entropy_weight: {entropy_weight!r} is not a number >= 0")
    given = np.shape(policies)
    policies = np.ascontiguousarray(policies, dtype=np.float64)
    if policies.ndim == 2:
        policies = policies[None]
    shape = (game.n_states, len(game.actions))
    if policies.ndim != 3 or policies.shape[1:] != shape or (one and policies.shape[0] != 1):
        wanted = shape if one else ("n_policies", *shape)
        raise ConfigurationError(f"{name}: shape {given} is not {wanted}")
    if policies.shape[0] == 0:
        raise ConfigurationError(f"{name}: there is none")
    if not kernels.are_distributions(policies, ROW_SUM_TOLERANCE):
        wrong = [
            not kernels.are_distributions(row, ROW_SUM_TOLERANCE)
            for each in policies
            for row in each
        ]
        policy, state = divmod(wrong.index(True), shape[0])
        raise ConfigurationError(
            f"{name}: a row is not a distribution over the actions: policy {policy}, state {state}"
        )
    return policies
