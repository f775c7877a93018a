"""Numbers of docs/theory.md, computed and sampled."""

import math
from typing import Any

import numpy as np
import xarray as xr

from mfgcore.experiment.experiment import Experiment, make_experiment
from mfgcore.runs.datasets import configuration
from mfgcore.study.keep_data import DATA
from mfgcore.study.theory import consensus, equilibrium, population_size
from mfgcore.study.theory.bounds import Bounds

FIGURES = {"agree": "fig1", "diffuse": "fig2", "cluster": "fig5"}  # whose configuration is taken
PAPER_GAMES = tuple(FIGURES)
DIGITS = 6  # of numbers that are kept


def configured(game):
    """The game as it was run for the paper's figures, or by its defaults; Experiment."""
    if game not in FIGURES:
        return Experiment(game=game, network="complete")
    with xr.open_dataset(DATA / f"{FIGURES[game]}.nc", engine="netcdf4") as dataset:
        return make_experiment(**configuration(dataset))


def constants(game):
    """Constants of a game, exact ones and bounds; dict."""
    return Bounds(configured(game)).numbers()


def used(game):
    """Parameters that the paper uses in their place; dict."""
    run = configured(game)
    return {
        "updates": run.transitions,
        "kept": run.kept_transitions,
        "cycles": run.replay_cycles,
        "steps": run.steps_per_transition,
        "iterations": run.iterations,
        "step_size": run.policy_learning_rate,
        "entropy_weight": run.entropy_weight,
        "td_learning_rate": run.td_learning_rate,
        "rounds": run.communication_rounds,
        "max_q_value": run.max_q_value,
    }


def among(game):
    """Gain of a deviation, and shift of the equilibrium, among N agents; dict of lists over N."""
    experiment = population_size.walk_of(game, **population_size.LARGE)
    own = population_size.game_of(game)
    policy = population_size.equilibrium(experiment, own)
    gains, moved = [], []
    for n_agents in population_size.SIZES:
        gains.append(population_size.deviation_gain(experiment, own, policy, n_agents))
        theirs = population_size.equilibrium(experiment, own, n_agents)
        moved.append(np.abs(theirs - policy).sum(axis=1).max())
    found: dict[str, Any] = {}
    for key, values in (("gain", gains), ("moved", moved)):
        # what is left of an equilibrium that N does not move is rounding
        known = min(values) > 1e-10
        slope = population_size.slope(population_size.SIZES, values)[0] if known else None
        found |= {key: values if known else None, f"{key}_slope": slope}
    return found


def exact():
    """Computed numbers of all games; dict."""
    names = (*PAPER_GAMES, "contraction")
    return {
        "constants": {name: constants(name) for name in names},
        "used": {name: used(name) for name in names},
        "among": {name: among(name) for name in PAPER_GAMES},
        "uniqueness": {
            setting: {
                "entropy_weight": equilibrium.experiment_of(setting).entropy_weight,
                "step_size": equilibrium.experiment_of(setting).policy_learning_rate,
                "spread": equilibrium.spread(setting),
                "answer": equilibrium.steepest_answer(setting)
                if setting.startswith("contraction")
                else None,
            }
            for setting in equilibrium.SETTINGS
        },
        "consensus": {name: consensus.measure(name) for name in consensus.NETWORKS},
    }


def sampled():
    """Sampled numbers; dict."""
    return {
        "population": {name: population_size.measure(name) for name in PAPER_GAMES},
        "theorem": {
            setting: {
                algorithm: equilibrium.learn(setting, algorithm).summary()
                for algorithm in equilibrium.ALGORITHMS
            }
            for setting in equilibrium.SETTINGS
        },
        "crowd": {str(n_agents): equilibrium.crowd(n_agents) for n_agents in equilibrium.CROWDS},
    }


def rounded(value):
    """Round numbers to `DIGITS` significant digits, for JSON."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else str(value)
    return int(value) if isinstance(value, np.integer) else value
