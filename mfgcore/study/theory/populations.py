"""Populations with given policies, and the exact expectations of their rewards."""

import math

import numpy as np

from mfgcore import kernels
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState


def place(experiment, policies, policy_index, trial):
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
    Population
    """
    cells = experiment.n_states
    states = experiment.random_streams.integers("initial_states", trial, policy_index.size, cells)
    return Population(states, policy_index, policies)


def walk(experiment, policies, policy_index, trial):
    """The population of :func:`place` ready for steps; RolloutState."""
    generators = experiment.random_streams.action_generators("actions", trial, policy_index.size)
    population = place(experiment, policies, policy_index, trial)
    return RolloutState.of(
        population, experiment.make_game(), experiment.entropy_weight, generators
    )


def random_policies(n_policies, n_states, n_actions, concentration, seed=0):
    """Policies drawn from a Dirichlet distribution; a small concentration makes them peaked."""
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(n_actions, concentration), (n_policies, n_states))


def expected_rewards(game, mean_field, n_agents, visitor=None):
    """Expected reward of an agent in every cell, among others that share a policy.

    They move independently, so the number of others in cell s is binomial: no limit of many
    agents is needed.

    Parameters
    ----------
    game : Game
    mean_field : (n_states,) float64
        Stationary distribution of each of the others.
    n_agents : int
    visitor : (n_states,) float64, optional
        Stationary distribution of one of the others that has a policy of its own.

    Returns
    -------
    (n_states,) float64
    """
    n_others = n_agents - 1 if visitor is None else n_agents - 2
    counts = np.arange(n_others + 1)
    log_factorial = np.array([math.lgamma(n + 1) for n in counts])
    log_choose = log_factorial[-1] - log_factorial - log_factorial[::-1]
    logs = log_choose + np.log(mean_field)[:, None] * counts
    logs += np.log1p(-mean_field)[:, None] * (n_others - counts)
    rewards = game.reward_table(n_agents)
    without = (np.exp(logs) * rewards[:, 1 : n_others + 2]).sum(axis=1)
    if visitor is None:
        return without
    with_visitor = (np.exp(logs) * rewards[:, 2 : n_others + 3]).sum(axis=1)
    return (1.0 - visitor) * without + visitor * with_visitor


def policy_entropies(policy, entropy_weight):
    """Entropy bonus h(pi(s)); (n_states,) float64."""
    return kernels.policy_tables(policy[None], entropy_weight)["entropy"][0]
