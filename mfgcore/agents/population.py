"""The population: the state of every agent, and who follows which policy."""

from dataclasses import dataclass

import numpy as np

from mfgcore.meanfield.policies import policy_distances, uniform_policy


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
