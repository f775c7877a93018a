"""Learning curves of the package against those of a second implementation, `independent.py`.

Both are given the same parameters, and random numbers of their own. In every game, architecture
and disturbance, and at every iteration that is looked at, the means of the discounted return over
the trials are compared. Then the second implementation is given faults, each of which has to be
noticed.
"""

import contextlib
import itertools
import math
import time
from unittest import mock

import independent
import numpy as np
from report import Report

from mfgcore import Experiment
from mfgcore.runs.simulation import Simulation

ITERATIONS = (5, 10, 20)
TRIALS = 8
BOUND = 3.5  # standard errors

# With Table 1's values all of this takes hours in plain NumPy, and little is learned in 20
# iterations. What is smaller here is smaller for both.
PARAMETERS = {
    "agents": 20,
    "iterations": max(ITERATIONS) + 1,  # a return is that of the policies before the update
    "grid_size": 4,  # of 8: 20 agents meet on 16 cells, and hear those in the adjacent ones
    "transitions": 1000,  # of 3000: 61 for each cell after waiting, of 47 in Table 1
    "steps_per_transition": 4,  # of 10: to save time
    "replay_cycles": 20,  # of 500: Q stays far from its limit, so that errors of TD show
    "communication_rounds": 50,  # of 300: to save time; the smaller grid is crossed in fewer
}
# Of 0.01: as much as makes the return rise within 20 iterations. Cluster needs the most, as nothing
# favours a cell before agents gather there.
GAMES = {
    "cluster": {"policy_learning_rate": 0.1},
    "agree": {"policy_learning_rate": 0.03},
    "diffuse": {"policy_learning_rate": 0.03},
}
DISTURBANCES = {
    "undisturbed": {},
    "failing": {"failure_probability": 0.5},  # as in the paper
    # so that the first return that is looked at is that of newcomers who have learned nothing
    "growing": {"agents": 10, "final_agents": 20, "population_change_at": ITERATIONS[0] - 1},
}

# by name: the game, architecture and disturbance in which it shows, and what is other there
FAULTS = {
    "beta a tenth too small": (
        ("agree", "independent", "undisturbed"),
        {"td_learning_rate": 0.09},
    ),
    "eta a tenth too small": (
        ("agree", "independent", "undisturbed"),
        {"policy_learning_rate": 0.027},
    ),
    "gamma 0.89, not 0.9": (
        ("agree", "independent", "undisturbed"),
        {"discount": 0.89},
    ),
    "the largest score is adopted": (
        ("diffuse", "networked", "undisturbed"),
        {"scores": lambda sigma: np.where(np.isfinite(sigma), -sigma, math.inf)},
    ),
    "failures are ignored": (
        ("agree", "independent", "failing"),
        {"failure_probability": 0.0},
    ),
    "a failed update has the score 0": (
        ("agree", "networked", "failing"),
        {"scores": lambda sigma: np.where(np.isfinite(sigma), sigma, 0.0)},
    ),
    "newcomers have the score 0": (
        ("agree", "networked", "growing"),
        {"scores": lambda sigma: np.where(np.isfinite(sigma), sigma, 0.0)},
    ),
    "newcomers come an iteration late": (
        ("agree", "independent", "growing"),
        {"population_change_at": ITERATIONS[0]},
    ),
}


def of_package(trial, **settings):
    """The learning curve of a run of the package; a list of float."""
    experiment = Experiment(**settings, sampled_exploitability=False, trial=trial)
    simulation = Simulation(experiment)
    for _ in range(experiment.iterations):
        simulation.step()
    return simulation.records["discounted_return"]


def of_independent(trial, scores=None, **settings):
    """The learning curve of a run of the second implementation; (iterations,) float64.

    With `scores`, policies are put in order by what it makes of their scores: a fault.
    """
    lexsort = np.lexsort

    def order(keys):
        agents, total, sigma = keys
        return lexsort((agents, total, scores(sigma)))

    with mock.patch("numpy.lexsort", order) if scores else contextlib.nullcontext():
        return independent.run(**settings, seed=trial)


def returns_of(learn, game, architecture, disturbance, **fault):
    """The returns of all trials at the iterations that are looked at; (TRIALS, n) float64."""
    settings = PARAMETERS | GAMES[game] | DISTURBANCES[disturbance] | fault
    names = {"game": game, "architecture": architecture}
    curves = [learn(trial, **names, **settings) for trial in range(TRIALS)]
    return np.array(curves)[:, list(ITERATIONS)]


def differences(ours, theirs):
    """Differences of the means in standard errors of their own; (n,) float64."""
    variances = [returns.var(axis=0, ddof=1) for returns in (ours, theirs)]
    return (ours.mean(axis=0) - theirs.mean(axis=0)) / np.sqrt(sum(variances) / TRIALS)


def main():
    started = time.perf_counter()
    report = Report("Learning curves of the package and of a second implementation")
    ours, all_z = {}, []
    for cell in itertools.product(GAMES, independent.ARCHITECTURES, DISTURBANCES):
        ours[cell], theirs = returns_of(of_package, *cell), returns_of(of_independent, *cell)
        means = ours[cell].mean(axis=0), theirs.mean(axis=0)
        for k, one, other, z in zip(
            ITERATIONS, *means, differences(ours[cell], theirs), strict=True
        ):
            all_z.append(z)
            report.claim(
                f"{', '.join(cell)}, k = {k}: returns {one:.3f} and {other:.3f}, z = {z:+.2f}, "
                f"at most {BOUND:g}",
                abs(z) <= BOUND,
            )
    for fault, (cell, changed) in FAULTS.items():
        z = np.abs(differences(ours[cell], returns_of(of_independent, *cell, **changed))).max()
        report.claim(
            f"noticed: {fault} ({', '.join(cell)}): |z| = {z:.2f}, above {BOUND:g}", z > BOUND
        )
    print(
        f"  {len(all_z)} comparisons: largest |z| {np.abs(all_z).max():.2f}, root mean square "
        f"{np.sqrt(np.mean(np.square(all_z))):.2f}; {time.perf_counter() - started:.0f} s"
    )
    report.end()


if __name__ == "__main__":
    main()
