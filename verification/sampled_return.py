"""The sampled return of a shared policy against its exact expectation for N agents."""

import math

import numpy as np
from report import Report

from mfgcore import Experiment
from mfgcore.agents.rollout import rollout
from mfgcore.meanfield import stationary_distribution
from mfgcore.metrics.sampled import discounted_return
from mfgcore.study.theory.populations import (
    expected_rewards,
    policy_entropies,
    random_policies,
    walk,
)

TRIALS = 40


def exact_return(experiment, policy):
    """E[R + h] over the stationary distribution, divided by 1 - gamma."""
    game = experiment.make_game()
    mean_field = stationary_distribution(policy, game)
    rewards = expected_rewards(game, mean_field, experiment.agents)
    entropies = policy_entropies(policy, experiment.entropy_weight)
    return (mean_field * (rewards + entropies)).sum() / (1.0 - experiment.discount)


def main():
    report = Report("Sampled return of a shared policy")
    for game in ("cluster", "agree", "diffuse"):
        for n_agents in (5, 50):
            experiment = Experiment(game=game, agents=n_agents)
            policy = random_policies(1, 64, 5, 1.0, seed=n_agents)
            lengths = (
                experiment.make("algorithm"),
                experiment.transitions,
                experiment.steps_per_transition,
            )
            returns = []
            for trial in range(TRIALS):
                population = walk(experiment, policy, np.zeros(n_agents, dtype=np.int32), trial)
                rollout(population, *lengths)  # forget the uniform start
                rewards = rollout(population, *lengths).population_rewards / n_agents
                returns.append(
                    discounted_return(rewards, experiment.discount, experiment.return_horizon)
                )
            report.errors_apart(
                f"{game}, N = {n_agents}",
                np.mean(returns),
                exact_return(experiment, policy[0]),
                np.std(returns, ddof=1) / math.sqrt(TRIALS),
            )
    report.end()


if __name__ == "__main__":
    main()
