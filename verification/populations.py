"""Populations with given policies, for the checks."""

import numpy as np

from mfgcore import kernels, streams
from mfgcore.population import Walk


def walk(experiment, policies, policy_index, trial):
    """A population at uniform random cells that follows given policies.

    Parameters
    ----------
    experiment : Experiment
    policies : (n_policies, n_states, n_actions) float64
    policy_index : (n_agents,) int32
    trial : int
        Number of the random streams.

    Returns
    -------
    Walk
    """
    n_agents = policy_index.size
    game = experiment.make_game()
    thresholds, entropies = kernels.policy_tables(policies, experiment.entropy_weight)
    return Walk(
        states=streams.integers(experiment, "initial_states", trial, n_agents, game.grid.n_states),
        policy_index=policy_index,
        thresholds=thresholds,
        entropies=entropies,
        next_state=game.grid.next_state(),
        rewards=game.reward_table(n_agents),
        generators=streams.action_generators(experiment, "actions", trial, n_agents),
    )


def random_policies(n_policies, n_states, n_actions, concentration, seed=0):
    """Rows drawn from a Dirichlet distribution; a small concentration makes them peaked."""
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(n_actions, concentration), (n_policies, n_states))
