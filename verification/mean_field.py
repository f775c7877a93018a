"""The empirical mean field against the exact one as N grows: the 1/sqrt(N) law.

At one moment, agents that share a policy are independent draws from the stationary distribution
mu, so the mean of sum_s (mu_N(s) - mu(s))^2 is sum_s mu(s) (1 - mu(s)) / N, for every N.
"""

from pathlib import Path

import matplotlib
import numpy as np
from report import Report

from mfgcore import Experiment
from mfgcore.agents.rollout import rollout
from mfgcore.meanfield import stationary_distribution
from mfgcore.study.theory.populations import random_policies, walk

SIZES = (10, 30, 100, 300, 1000, 3000)
MOMENTS = 200
OUTPUT = Path("results/verification/mean_field.png")


def main():
    report = Report("Empirical mean field as N grows: the mean of sum_s (mu_N(s) - mu(s))^2")
    experiment = Experiment(game="agree", transitions=200, burn_in=0)
    policies = random_policies(1, 64, 5, 0.5, seed=3)
    lengths = experiment.make("algorithm"), 200, experiment.steps_per_transition
    exact = stationary_distribution(policies[0], experiment.make_game())
    variance = (exact * (1.0 - exact)).sum()
    means, errors = [], []
    for n_agents in SIZES:
        found = []
        for trial in range(MOMENTS):
            population = walk(experiment, policies, np.zeros(n_agents, dtype=np.int32), trial)
            rollout(population, *lengths)
            shares = np.bincount(population.states, minlength=64) / n_agents
            found.append(((shares - exact) ** 2).sum())
        means.append(np.mean(found))
        errors.append(np.std(found, ddof=1) / np.sqrt(MOMENTS))
        report.errors_apart(f"N = {n_agents}", means[-1], variance / n_agents, errors[-1])
    # the error of a logarithm is the relative error
    (slope, _), covariance = np.polyfit(
        np.log(SIZES), np.log(means) / 2, 1, w=2 * np.divide(means, errors), cov="unscaled"
    )
    report.errors_apart(
        "exponent of the root mean square distance", slope, -0.5, np.sqrt(covariance[0, 0])
    )
    _plot(np.sqrt(means), np.sqrt(variance / np.array(SIZES)))
    report.end()


def _plot(found, law):
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    figure, axis = plt.subplots(figsize=(3.5, 2.8), layout="constrained")
    axis.plot(SIZES, found, "o", ms=4, label="sampled")
    axis.plot(SIZES, law, lw=0.8, color="0.4", label=r"exact, $\propto 1/\sqrt{N}$")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="agents $N$",
        ylabel=r"root mean square of $\|\mu_N-\mu\|_2$",
    )
    axis.legend(frameon=False)
    figure.savefig(OUTPUT, dpi=150)
    print(f"       drawn to {OUTPUT}")


if __name__ == "__main__":
    main()
