"""The population: the state of every agent, and who follows which policy."""

from dataclasses import dataclass

import numpy as np

from mfgcore._base.arguments import explained


@dataclass
class Population:
    """Agents' cells and policies; every policy is stored once, however many follow it.

    Parameters
    ----------
    states : (n_agents,) int32
        Cell of each agent.
    policy_index : (n_agents,) int32
        Row of `policies` that each agent follows.
    policies : (n_policies, n_states, n_actions) float64
    """

    states: np.ndarray
    policy_index: np.ndarray
    policies: np.ndarray

    def snapshot(self) -> "Population":
        """The population as it is now; its policies are never changed in place."""
        return Population(self.states.copy(), self.policy_index.copy(), self.policies)

    @property
    def size(self) -> int:
        """Number of agents N."""
        return self.states.size

    def add(self, states: np.ndarray) -> None:
        """Add agents with the uniform policy pi_max at the given cells; ``(n,) int32``."""
        uniform = uniform_policy(*self.policies.shape[1:])[None]
        known = np.flatnonzero((self.policies == uniform).all(axis=(1, 2)))
        if known.size == 0:
            known = np.array([len(self.policies)])
            self.policies = np.concatenate((self.policies, uniform))
        self.states = np.concatenate((self.states, states))
        self.policy_index = np.concatenate(
            (self.policy_index, np.full(states.size, known[0], dtype=np.int32))
        )

    def keep(self, agents: np.ndarray) -> None:
        """Let all others leave; ``(n,) int64``, the numbers of those that stay, in order."""
        self.states = self.states[agents]
        self.policy_index = self.policy_index[agents]

    def forget_unused(self) -> None:
        """Drop the policies that nobody follows."""
        used, index = np.unique(self.policy_index, return_inverse=True)
        self.policies = np.ascontiguousarray(self.policies[used])
        self.policy_index = index.astype(np.int32)

    def policy_divergence(self) -> float:
        """(1/N) sum_i sup_s ||pi^1(s) - pi^i(s)||_1, pi^1 being agent 0's (Sec. 3.2, 4.1)."""
        distances = policy_distances(self.policies, self.policies[self.policy_index[0]])
        return float(distances[self.policy_index].mean())

    def most_common(self) -> tuple[int, int]:
        """Row of the policy that most agents follow, among equals the first agent's; and by how
        many it is followed.
        """
        followers = np.bincount(self.policy_index)[self.policy_index]
        first = int(followers.argmax())
        return int(self.policy_index[first]), int(followers[first])


@explained
def state_distances(policies: np.ndarray, others: np.ndarray) -> np.ndarray:
    """||pi(s) - other(s)||_1 in every state.

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
    """sup_s ||pi(s) - reference(s)||_1 of every policy pi (Sec. 3.2).

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
    """pi_max: every action equally likely everywhere; (n_states, n_actions) float64."""
    return np.full((n_states, n_actions), 1.0 / n_actions)
