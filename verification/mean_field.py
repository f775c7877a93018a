"""The empirical mean field against the exact one as N grows.

At one moment, the distance of N agents' distribution from the mean field falls as 1/sqrt(N).
"""

from pathlib import Path

import matplotlib
import numpy as np
from populations import random_policies, walk
from report import Report

from mfgcore import Experiment
from mfgcore.meanfield import stationary_distribution
from mfgcore.population import observe

SIZES = (10, 30, 100, 300, 1000, 3000)
MOMENTS = 60
OUTPUT = Path("results/verification/mean_field.png")


def main():
    report = Report("Empirical mean field as N grows: sum_s |mu_N(s) - mu(s)|")
    experiment = Experiment(game="agree", transitions=200, waiting_transitions=0)
    policies = random_policies(1, 64, 5, 0.5, seed=3)
    exact = stationary_distribution(policies[0], experiment.make_game())
    distances = []
    for n_agents in SIZES:
        found = []
        for trial in range(MOMENTS):
            population = walk(experiment, policies, np.zeros(n_agents, dtype=np.int32), trial)
            observe(experiment, population, 0)
            shares = np.bincount(population.states, minlength=64) / n_agents
            found.append(np.abs(shares - exact).sum())
        distances.append((np.mean(found), np.std(found, ddof=1) / np.sqrt(MOMENTS)))
        expected = np.sqrt(2 * exact * (1 - exact) / np.pi / n_agents).sum()
        print(
            f"       N = {n_agents}: {distances[-1][0]:.5f} +- {distances[-1][1]:.5f}, "
            f"normal approximation {expected:.5f}"
        )
    means, errors = np.array(distances).T
    weights = means / errors  # of the logarithms
    (slope, _), covariance = np.polyfit(np.log(SIZES), np.log(means), 1, w=weights, cov="unscaled")
    report.errors_apart("slope of log distance over log N", slope, -0.5, np.sqrt(covariance[0, 0]))
    _plot(means, errors, exact)
    report.end()


def _plot(means, errors, exact):
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    figure, axis = plt.subplots(figsize=(3.5, 2.8), layout="constrained")
    axis.errorbar(SIZES, means, yerr=errors, fmt="o", ms=3, label="sampled")
    law = np.sqrt(2 * exact * (1 - exact) / np.pi).sum() / np.sqrt(SIZES)
    axis.plot(SIZES, law, lw=0.8, color="0.4", label=r"$\propto 1/\sqrt{N}$")
    axis.set(xscale="log", yscale="log", xlabel="agents $N$", ylabel=r"$\sum_s|\mu_N(s)-\mu(s)|$")
    axis.legend(frameon=False)
    figure.savefig(OUTPUT, dpi=150)
    print(f"       drawn to {OUTPUT}")


if __name__ == "__main__":
    main()
