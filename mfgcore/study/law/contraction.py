"""Experiment 5 of the second protocol: ``python -m mfgcore.study.law.contraction``.

In the game *contraction*, how far networked policies end from the equilibrium, minus how far
independent ones do, by lambda, number of agents and score. What is measured is written after each
cell, and cells that are there are left out: it can be interrupted. It takes a quarter of an hour.
"""

import itertools
import json
from typing import Any

import numpy as np

from mfgcore._base.files import write_text
from mfgcore.experiment.experiment import Experiment
from mfgcore.meanfield.policies import policy_distances, uniform_policy
from mfgcore.runs.simulation import Simulation
from mfgcore.study.keep_data import DATA
from mfgcore.study.law import SEED
from mfgcore.study.theory import equilibrium

OUTPUT = DATA / "law/contraction.json"
TRIALS = 20
WEIGHTS = (0.1, 1.0, 10.0, 100.0)
CROWDS = (2, 10, 50, 200)
STEP = 0.1  # eta is this over lambda: the same share of the way in each iteration
SCORES = {"sigma": "smallest_change", "random": "random", "return": "highest_return"}
DIGITS = 8


def experiment_of(entropy_weight: float, agents: int, trial: int, **parameters: Any) -> Experiment:
    """An experiment of a cell."""
    return equilibrium.experiment_of(
        "contraction",
        **equilibrium.ALGORITHMS["replay"],
        seed=SEED,
        entropy_weight=entropy_weight,
        policy_learning_rate=STEP / entropy_weight,
        evaluation_interval=1,
        agents=agents,
        trial=trial,
        **parameters,
    )


def learned(experiment: Experiment, found: np.ndarray) -> tuple[float, float]:
    """Final distance to a policy, and the mean correlation of score and gain."""
    simulation = Simulation(experiment)
    ends = []
    last = max(1, round(equilibrium.LAST * experiment.iterations))
    for k in range(experiment.iterations):
        simulation.step()
        if k >= experiment.iterations - last:
            population = simulation.population
            away = policy_distances(population.policies, found)[population.policy_index]
            ends.append(away.mean())
    return float(np.mean(ends)), float(np.mean(simulation.records["score_gain_correlation"]))


def measure(
    entropy_weight: float, agents: int, trials: int = TRIALS, **parameters: Any
) -> dict[str, dict[str, list[float]]]:
    """Each score's distance minus that of independent agents, as a share of the even policy's.

    Returns
    -------
    dict of str to dict
        By score: farther and correlation, a number for each trial.
    """
    own = experiment_of(entropy_weight, agents, 0, **parameters)
    found = equilibrium.equilibrium(own, own.make_game())
    even = float(policy_distances(uniform_policy(*found.shape)[None], found)[0])

    def each(trial, **others):
        settings = parameters | others
        return learned(experiment_of(entropy_weight, agents, trial, **settings), found)

    alone = [each(trial, architecture="independent")[0] for trial in range(trials)]
    measured = {}
    for name, rule in SCORES.items():
        there = [
            each(trial, architecture="networked", score_rule=rule, selection_metrics=True)
            for trial in range(trials)
        ]
        measured[name] = {
            "farther": [
                round((away - other) / even, DIGITS)
                for (away, _), other in zip(there, alone, strict=True)
            ],
            "correlation": [round(correlation, DIGITS) for _, correlation in there],
        }
    return measured


def read() -> dict[str, dict[str, list[float]]]:
    """What has been measured, by cell."""
    return json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}


def main() -> None:
    """Measure what is missing, and write contraction.json."""
    cells = read()
    OUTPUT.parent.mkdir(exist_ok=True)
    for entropy_weight, agents in itertools.product(WEIGHTS, CROWDS):
        label = f"lambda={entropy_weight:g}, N={agents}"
        if f"{label}, sigma" in cells:
            continue
        for name, cell in measure(entropy_weight, agents).items():
            cells[f"{label}, {name}"] = cell
            print(f"{label}, {name}: {np.mean(cell['farther']):+.4f}", flush=True)
        write_text(OUTPUT, json.dumps(cells, indent=1) + "\n")


if __name__ == "__main__":
    main()
