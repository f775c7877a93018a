"""Expected and measured cost of experiments drawn at random.

    .venv/bin/python verification/cost.py [--seed 1] [--runs 30]

Each runs in a process of its own, whose CPU time and peak memory the system tells. At the end the
seconds of each unit of work are fitted to what was measured.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import Report
from scipy.optimize import nnls

from mfgcore import ConfigurationError, Experiment
from mfgcore.batch import cost

TIME, MEMORY = (0.4, 2.5), (0.75, 1.5)
RIDGE = 0.1  # weight of the present cost of a unit, relative to that of a run
GRIDS = ("agree", "cluster", "diffuse")
CHAINS = ("beach_bar", "two_bars", "lasry_lions_chain", "no_interaction")
SMALL = ("sis_epidemic", "rock_paper_scissors", "four_rooms", "kinetic_congestion")
SHOWN = (
    "game",
    "grid_size",
    "states",
    "architecture",
    "network",
    "algorithm",
    "agents",
    "iterations",
    "transitions",
)


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
        settings["game_settings"] = {"size": between(3, 12)}
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


def expected(settings):
    """Amounts of work and megabytes; None if the settings are no experiment, or too large."""
    with contextlib.suppress(ConfigurationError):
        experiment = Experiment(**settings)
        if fits(settings, experiment):
            return list(cost.work(experiment).values()), cost.run_megabytes(experiment)
    return None


# between, as a process begins with the peak memory of the one that starts it
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
"""


def measured(settings, path):
    """CPU seconds and peak megabytes of a process that runs it and writes the file."""
    words = ["-m", "mfgcore.cli", "run", "--quiet", "--overwrite", "--output", str(path)]
    for key, value in settings.items():
        if value is not None:
            option = "--" if value is not False else "--no-"
            words.append(option + key.replace("_", "-"))
            words += [] if isinstance(value, bool) else [str(value)]
    command = [sys.executable, "-c", MEASURE, sys.executable, *words]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return map(float, answer.split())


def fit(amounts, seconds):
    """Seconds of each unit of work, of least relative error; near the present where unknown."""
    present = np.array(list(cost.SECONDS.values()))
    shares = np.vstack((amounts * present / seconds[:, None], RIDGE * np.eye(present.size)))
    wanted = np.r_[np.ones(len(seconds)), np.full(present.size, RIDGE)]
    return present * nnls(shares, wanted)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    checks = Report(f"Expected and measured cost of {arguments.runs} runs, seed {arguments.seed}")
    amounts, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        # one of each size: from 10 to 100,000 agents, and from 4 to 10,000 states in another order,
        # but for what is too large together
        for index, other in enumerate(rng.permutation(arguments.runs)):
            agents = round(10.0 * 1e4 ** ((index + rng.random()) / arguments.runs))
            states = round(4.0 * 2500.0 ** ((other + rng.random()) / arguments.runs))
            found = None
            while found is None:
                settings = drawn(rng, agents, min(states, 10_000_000 // agents))
                found = expected(settings)
            took, peak = measured(settings, Path(folder) / "run.nc")
            amounts.append(found[0])
            seconds.append(took)
            time = np.dot(found[0], list(cost.SECONDS.values())) / took
            memory = found[1] / peak
            shown = " ".join(str(settings[key]) for key in SHOWN if key in settings)
            checks.claim(
                f"{index:2} {took:5.1f} s x {time:4.2f}, {peak:5.0f} MB x {memory:4.2f}: {shown}",
                TIME[0] <= time <= TIME[1] and MEMORY[0] <= memory <= MEMORY[1],
            )
    for unit, value in zip(cost.SECONDS, fit(np.array(amounts), np.array(seconds)), strict=True):
        print(f"{unit:20} {value:.2g} s, in the model {cost.SECONDS[unit]:.2g} s")
    checks.end()


if __name__ == "__main__":
    main()
