"""Steps of a population, and what an iteration's learning steps show (Alg. 2, lines 5-13)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import explained
from mfgcore.agents.population import Population
from mfgcore.experiment.components import Algorithm
from mfgcore.games import Game


@dataclass
class RolloutState:
    """State of a rollout: what the stepping kernels need, made once an iteration.

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
        cls, population: Population, game: Game, entropy_weight: float, generators: np.ndarray
    ) -> Self:
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
        RolloutState
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

    def copy(self) -> Self:
        """Copy the state; steps of the copy leave this one as it is."""
        return dataclasses.replace(
            self, states=self.states.copy(), generators=self.generators.copy()
        )

    def with_deviator(self, agent: int, generators: np.ndarray) -> Self:
        """Copy the state, with one agent on a row of its own: the last of the copy's tables.

        Parameters
        ----------
        agent : int
        generators : (4, n_agents) uint32
            Action streams of the copy.

        Returns
        -------
        RolloutState
            Steps of the copy and another policy in its last row leave this state as it is.
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
class RolloutResult:
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
    estimate_errors : (n,) float64
        Of each stored transition, the mean over the agents of the squared error of their estimates
        of the average reward.
    """

    population_rewards: Any
    deviator_rewards: Any
    transitions: np.ndarray | None
    mean_field: Any
    estimate_errors: np.ndarray | None = None


@explained
def rollout(
    state: RolloutState,
    algorithm: Algorithm,
    transitions: int,
    steps_per_transition: int,
    *,
    learners: np.ndarray | None = None,
    deviator: int | None = None,
    population: bool = True,
    exchange: Mapping[str, Any] | None = None,
) -> RolloutResult:
    """Take an iteration's M_pg * M_td learning steps (Alg. 2, lines 5-13).

    Parameters
    ----------
    state : RolloutState
        Its states and generators move on.
    algorithm : Algorithm
        Which transitions are kept.
    transitions, steps_per_transition : int
        M_pg and M_td of the paper.
    learners : (n_learners,) int32, optional
        Agents that record transitions.
    deviator : int, optional
        Agent whose rewards are recorded apart.
    population : bool
        Whether the population's rewards and its mean field are wanted: without them the steps
        take two thirds of the time.
    exchange : mapping of str, optional
        How agents pass on their rewards; see :func:`mfgcore.agents.objectives.reward_exchange`.

    Returns
    -------
    RolloutResult
    """
    n_steps = transitions * steps_per_transition
    rewards = np.empty(n_steps) if population else None
    own_rewards = None if deviator is None else np.empty(n_steps)
    occupancy = np.zeros(len(state.next_states), dtype=np.int64) if population else None
    kept = errors = None
    if algorithm.n_discarded is None:
        learners = None
    if learners is not None:
        n_kept = algorithm.kept_transitions(transitions, steps_per_transition)
        kept = np.empty((learners.size, n_kept), kernels.TRANSITION)
        errors = np.empty(n_kept) if exchange else None
    kernels.step_population(
        **state.arguments(),
        n_steps=n_steps,
        population_rewards=rewards,
        occupancy=occupancy,
        deviator=deviator or 0,
        deviator_rewards=own_rewards,
        learners=learners,
        transitions=kept,
        interval=steps_per_transition,
        n_discarded=algorithm.n_discarded or 0,
        reward_after_move=algorithm.reward_after_move,
        estimate_errors=errors,
        **(exchange or {}),
    )
    mean_field = None if occupancy is None else occupancy / (n_steps * state.states.size)
    return RolloutResult(rewards, own_rewards, kept, mean_field, errors)


@explained
def count_visits(pairs: np.ndarray, n_states: int, n_actions: int) -> np.ndarray:
    """How often some state-action pairs, (n_agents, n), are in each state; (n_agents, n_states)."""
    places = pairs // n_actions + n_states * np.arange(len(pairs))[:, None]
    counts = np.bincount(places.ravel(), minlength=n_states * len(pairs))
    return counts.reshape(len(pairs), n_states)
