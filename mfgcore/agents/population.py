"""The population: where everybody is, and who follows which policy."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import explained
from mfgcore.meanfield.policies import policy_distances, uniform_policy

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment
    from mfgcore.games import Game


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


@dataclass
class Walk:
    """A population on the move: what the stepping kernels need, made once an iteration.

    Parameters
    ----------
    states : (n_agents,) int32
        Changed in place by the steps.
    policy_index : (n_agents,) int32
    tables : (n_policies, n_states) of `mfgcore.kernels.policy_row`
        The policies as made by `mfgcore.kernels.policy_tables`.
    next_states : (n_states, n_actions, n_next_states) int32
    next_state_thresholds : (n_states, n_actions, n_next_states - 1) int32 or None
        None: there is one outcome, or its probabilities depend on the mean field.
    rewards : (n_states, n_agents + 1) float64 or None
        None: they depend on more than the cell and the number of agents there.
    generators : (4, n_agents) uint32
        Action streams; changed in place.
    game : object, optional
        The kernels call it for what is None above.
    """

    states: np.ndarray
    policy_index: np.ndarray
    tables: np.ndarray
    next_states: np.ndarray
    next_state_thresholds: np.ndarray | None
    rewards: np.ndarray | None
    generators: np.ndarray
    game: object = None

    @classmethod
    def of(
        cls, population: "Population", game: "Game", entropy_weight: float, generators: np.ndarray
    ) -> "Walk":
        """Make a population ready for steps, which change its states.

        Parameters
        ----------
        population : Population
        game : Game
        entropy_weight : float
            lambda of the paper.
        generators : (4, n_agents) uint32

        Returns
        -------
        Walk
        """
        next_states = np.require(game.next_states(), np.int32, ("C", "A"))
        thresholds = None
        if next_states.shape[2] > 1 and not game.mean_field_dynamics:
            probabilities = np.require(game.transition_probabilities(), np.float64, ("C", "A"))
            thresholds = kernels.next_state_thresholds(probabilities)
        return cls(
            states=population.states,
            policy_index=population.policy_index,
            tables=kernels.policy_tables(population.policies, entropy_weight),
            next_states=next_states,
            next_state_thresholds=thresholds,
            rewards=game.reward_table(population.size),
            generators=generators,
            game=game,
        )

    def copy(self) -> "Walk":
        """The same walk from here, which moves on its own."""
        return dataclasses.replace(
            self, states=self.states.copy(), generators=self.generators.copy()
        )

    def with_deviator(self, agent: int, generators: np.ndarray) -> "Walk":
        """Copy the walk, with one agent on a row of its own: the last of the copy's tables.

        Parameters
        ----------
        agent : int
        generators : (4, n_agents) uint32
            Action streams of the copy.

        Returns
        -------
        Walk
            Steps of the copy and another policy in its last row leave this walk as it is.
        """
        n_policies, n_states = self.tables.shape
        # not np.concatenate, which would leave the padding of the rows out
        tables = np.empty((n_policies + 1, n_states), self.tables.dtype)
        tables[:-1], tables[-1] = self.tables, self.tables[self.policy_index[agent]]
        policy_index = self.policy_index.copy()
        policy_index[agent] = n_policies
        return dataclasses.replace(
            self,
            states=self.states.copy(),
            policy_index=policy_index,
            tables=tables,
            generators=generators,
        )

    def arguments(self) -> dict[str, Any]:
        """The arguments that the stepping kernels share, by name."""
        return vars(self)


@dataclass(frozen=True)
class Observations:
    """What one iteration's learning steps showed; None for what was not asked for.

    Parameters
    ----------
    population_rewards : (n_steps,) float64
        Sum of r + h over the agents at each step.
    deviator_rewards : (n_steps,) float64
        r + h of the deviating agent.
    transitions : (n_learners, n) of `mfgcore.kernels.TRANSITION`
    mean_field : (n_states,) float64
        Empirical distribution of the population, averaged over the steps.
    """

    population_rewards: Any
    deviator_rewards: Any
    transitions: np.ndarray | None
    mean_field: Any


@explained
def rollout(
    experiment: "Experiment",
    walk: "Walk",
    n_discarded: int | None,
    learners: np.ndarray | None = None,
    deviator: int | None = None,
    population: bool = True,
) -> Observations:
    """Take an iteration's M_pg * M_td learning steps (Alg. 2, lines 5-13).

    Parameters
    ----------
    experiment : Experiment
    walk : Walk
        Its states and generators move on.
    n_discarded : int or None
        Number of first transitions that are not kept; None: none is.
    learners : (n_learners,) int32, optional
        Agents that record transitions.
    deviator : int, optional
        Agent whose rewards are recorded apart.
    population : bool
        Whether the population's rewards and its mean field are wanted: without them the steps
        take two thirds of the time.

    Returns
    -------
    Observations
    """
    n_steps = experiment.learning_steps
    rewards = np.empty(n_steps) if population else None
    own_rewards = None if deviator is None else np.empty(n_steps)
    occupancy = np.zeros(len(walk.next_states), dtype=np.int64) if population else None
    transitions = None
    if n_discarded is None:
        learners = None
    if learners is not None:
        transitions = np.empty((learners.size, experiment.kept_transitions), kernels.TRANSITION)
    kernels.step_population(
        **walk.arguments(),
        n_steps=n_steps,
        population_rewards=rewards,
        occupancy=occupancy,
        deviator=deviator or 0,
        deviator_rewards=own_rewards,
        learners=learners,
        transitions=transitions,
        interval=experiment.steps_per_transition,
        n_discarded=n_discarded or 0,
        reward_after_move=experiment.reward_time == "after_move",
    )
    mean_field = None if occupancy is None else occupancy / (n_steps * walk.states.size)
    return Observations(rewards, own_rewards, transitions, mean_field)
