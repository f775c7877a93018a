"""What runs cost, as predicted and as measured: 30 experiments drawn at random.

    .venv/bin/python verification/cost.py [--seed 1] [--runs 30] [--keep FOLDER]

Each runs by itself, in a process of its own, whose CPU time and largest memory the system tells.
`python -m benchmarks.fit FOLDER` fits the model to what other seeds gave.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from report import Report

from mfgcore import ConfigurationError, Experiment
from mfgcore.batch import cost

TIME, MEMORY = (0.5, 2.0), (0.8, 1.3)
GRIDS = ("agree", "cluster", "diffuse")
CHAINS = ("beach_bar", "two_bars", "lasry_lions_chain", "no_interaction")
SMALL = ("sis_epidemic", "rock_paper_scissors", "four_rooms", "kinetic_congestion")
SHOWN = (
    "game", "grid_size", "states", "architecture", "network", "algorithm", "agents", "iterations",
    "transitions",
)  # fmt: skip


def drawn(rng, agents, states):
    """Settings of an experiment of that size; other sizes are drawn evenly in their logarithm."""

    def between(low, high):
        return round(np.exp(rng.uniform(np.log(low), np.log(high))))

    def one_of(*values):
        return values[rng.integers(len(values))]

    kind = one_of(GRIDS, GRIDS, CHAINS, ("garnet",), SMALL)
    settings = {"game": one_of(*kind), "agents": agents}
    if kind == GRIDS:
        settings["grid_size"] = max(2, round(states**0.5))
        settings["slip_probability"] = one_of(0.0, 0.0, 0.1)
    elif kind == CHAINS:
        settings["states"] = states
    elif kind == ("garnet",):
        states = between(4, 100)
        settings |= {"states": states, "branching": between(1, 5), "coupling": one_of(0.0, 0.5)}
    elif settings["game"] == "kinetic_congestion":
        settings["game_settings"] = f"size={between(3, 12)}"
    distances = kind in (GRIDS, CHAINS) and states <= 5000
    network = one_of("complete", "ring", "erdos_renyi", "small_world", "scale_free")
    settings |= {
        "architecture": one_of("networked", "networked", "independent", "centralised"),
        "algorithm": one_of("replay", "replay", "online"),
        "network": "radius" if distances and rng.random() < 0.5 else network,
        "communication_rounds": between(1, 200),
        "link_failure_probability": one_of(0.0, 0.0, 0.3),
        "failure_probability": one_of(None, 0.5),
        "transitions": between(100, 2000),
        "steps_per_transition": between(1, 10),
        "replay_cycles": between(1, 300),
        "discount": 0.8,
        "iterations": between(2, 50),
        "evaluation_interval": one_of(1, 2, 5),
        "sampled_exploitability": bool(rng.random() < 0.3),
        "exact_metrics": bool(rng.random() < 0.5),
    }
    return settings


def fits(settings, experiment):
    """Whether it is small enough, by plain counts that are not those of the model."""
    agents, states = experiment.agents, experiment.n_states
    learners = experiment.make("architecture").n_learners(agents) + 3
    passes = experiment.make("algorithm").replay_cycles
    done = agents * (experiment.learning_steps + experiment.communication_rounds)
    done += learners * experiment.kept_transitions * (10 + passes) + states * 100
    done *= experiment.iterations
    exact = learners * states * (30 if settings["exact_metrics"] else 1) * experiment.iterations
    return 3e7 < done < 2e9 and exact < 1e7


def predicted(settings):
    """CPU seconds and megabytes by the model; None if the settings are no experiment, or large."""
    with contextlib.suppress(ConfigurationError):
        experiment = Experiment(**settings)
        if fits(settings, experiment):
            return cost.run_seconds(experiment), cost.run_megabytes(experiment)
    return None


def measured(settings, path):
    """CPU seconds and peak megabytes of a process that runs it and writes the file."""
    words = ["run", "--quiet", "--overwrite", "--output", str(path)]
    for key, value in settings.items():
        if value is not None:
            option = "--" if value is not False else "--no-"
            words.append(option + key.replace("_", "-"))
            words += [] if isinstance(value, bool) else [str(value)]
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "mfgcore.cli", *words],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"failed: {words}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--keep", type=Path, help="folder for the files of the runs")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    checks = Report(f"Predicted and measured costs of {arguments.runs} runs, seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        kept = arguments.keep or Path(folder)
        kept.mkdir(exist_ok=True)
        # one of each size: from 10 to 100,000 agents, and from 4 to 10,000 states in another order,
        # but for what is too large together
        for index, other in enumerate(rng.permutation(arguments.runs)):
            agents = round(10.0 * 1e4 ** ((index + rng.random()) / arguments.runs))
            states = round(4.0 * 2500.0 ** ((other + rng.random()) / arguments.runs))
            said = None
            while said is None:
                settings = drawn(rng, agents, min(states, 10_000_000 // agents))
                # apart: a process begins with the peak memory of the one that starts it
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
                    said = apart.submit(predicted, settings).result()
            took = measured(settings, kept / f"{arguments.seed}_{index}.nc")
            time, memory = (one / other for one, other in zip(said, took, strict=True))
            shown = " ".join(str(settings[key]) for key in SHOWN if key in settings)
            checks.claim(
                f"{index:2} {took[0]:5.1f} s x {time:4.2f}, {took[1]:5.0f} MB x {memory:4.2f}: "
                f"{shown}",
                TIME[0] <= time <= TIME[1] and MEMORY[0] <= memory <= MEMORY[1],
            )
    checks.end()


if __name__ == "__main__":
    main()
