"""Measure the effects of claims C25 to C27: ``python -m mfgcore.study.theory.effects``.

Writes docs/gallery/data/theory.json. C25 reads what `shuffling` wrote. The others are measured as
for ``docs/theory.md``, but with random numbers of their own, those of the confirmatory
runs. It takes nine minutes.
"""

import json

import numpy as np

from mfgcore.study import SEED
from mfgcore.study.claims.theorems import NASH_GAP
from mfgcore.study.theory import equilibrium, population_size, shuffling
from mfgcore.study.theory.numbers import PAPER_GAMES, among

OUTPUT = shuffling.OUTPUT.with_name("theory.json")
DRAWS = 10  # of whose distances the slope of a trial is
MEASURES = ("root mean square", "bias")
# lambda of C27, beside one that the theorems ask for; below 1 exact learning need not settle
WEIGHTS = (1.0, 10.0, 100.0)
ALGORITHMS = {"online": "Algorithm 1", "replay": "Algorithm 2"}
DIGITS = 8


def errors():
    """C25: error of Q with the buffer in order, minus shuffled, with the paper's M_td; dict."""
    measured = json.loads(shuffling.OUTPUT.read_text(encoding="utf-8"))
    found = {}
    for measure in MEASURES:
        for name, trials in measured.items():
            game, _, setting = name.partition(", ")
            if setting == "M_td = 10":
                order, shuffled = (
                    np.abs(trials[f"{which}, {measure}"]) for which in ("in order", "shuffled")
                )
                found[f"{game}, {measure}"] = order - shuffled
    return found


def nash_gaps():
    """C26: slopes of the gain of the best deviation, from one N to the next; dict.

    They are exact. In cluster there is no gain at any N.
    """
    gains = {name: among(name)["gain"] for name in PAPER_GAMES}
    sizes = np.log(population_size.SIZES)
    return {
        f"{name}, {NASH_GAP}": np.diff(np.log(gain)) / np.diff(sizes)
        for name, gain in gains.items()
        if gain is not None
    }


def slopes():
    """C26: slopes over N of the mean distance of ten draws, for each game and policy; dict."""
    found = {}
    for name in PAPER_GAMES:
        experiment = population_size.walk_of(name, seed=SEED)
        game = population_size.game_of(name)
        for which, policy in population_size.policies_of(experiment, game).items():
            distances = [
                population_size.sampled(
                    experiment, game, policy, n_agents, shuffling.TRIALS * DRAWS
                )[0].reshape(shuffling.TRIALS, DRAWS)
                for n_agents in population_size.SIZES
            ]
            means = np.mean(distances, axis=2).T
            found[f"{name}, {which} policy"] = [
                population_size.slope(population_size.SIZES, trial)[0] for trial in means
            ]
    return found


def distances():
    """C27: final distance of networked minus independent agents, over the latter's mean; dict."""
    settings = [("contraction", {"entropy_weight": weight}) for weight in WEIGHTS]
    found = {}
    for setting, own in (*settings, ("contraction_asked", {})):
        weight = equilibrium.experiment_of(setting, **own).entropy_weight
        for algorithm, name in ALGORITHMS.items():
            who = ("independent", "networked")
            learned = equilibrium.learn(setting, algorithm, who=who, seed=SEED, **own)
            independent = learned.ends("independent")
            difference = learned.ends("networked") - independent
            found[f"lambda = {weight:,.4g}, {name}"] = difference / independent.mean()
    return found


def main():
    """Measure all effects and write theory.json."""
    effects = {"C25": errors(), "C26": nash_gaps() | slopes(), "C27": distances()}
    kept = {
        name: {label: np.round(sample, DIGITS).tolist() for label, sample in parts.items()}
        for name, parts in effects.items()
    }
    OUTPUT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for parts in effects.values():
        for label, sample in parts.items():
            print(f"{label:40s} {np.mean(sample):9.5f} +- {np.std(sample, ddof=1):.5f}", flush=True)


if __name__ == "__main__":
    main()
