"""Prints a table, the target beside each row, and writes it to benchmarks/results/ as JSON.

Every kernel is measured side by side, in this process, with NumPy and Numba doing the same work
on the same input; whole iterations and one evaluation of the exploitability follow.
``--against 0a3d251`` compares with another revision instead, here the first release.
"""

import argparse
import datetime
import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks import against, timing, with_numpy, work
from mfgcore import Experiment, kernels
from mfgcore.metrics.sampled import sample_exploitability
from mfgcore.runs.simulation import Simulation

try:
    from benchmarks import with_numba
except ModuleNotFoundError:
    with_numba = None

RESULTS = Path(__file__).resolve().parent / "results"
BASELINE = kernels.BUILD == "baseline"


def versions(name, ours, arguments, scale=1):
    """A kernel, its NumPy twin and its Numba twin as calls, with the units of work in each.

    `arguments(amount)` makes the arguments and says how many units they are; NumPy gets less.
    """
    made = {"kernel": (ours, arguments(scale)), "numpy": (getattr(with_numpy, name), arguments(1))}
    if with_numba is not None:
        made["numba"] = (getattr(with_numba, name), arguments(scale))

    def call(run, given):
        return (lambda: run(**given)) if isinstance(given, dict) else (lambda: run(*given))

    return {version: (call(run, given), units) for version, (run, (given, units)) in made.items()}


def replay(concentrated):
    def arguments(cycles):
        n = work.AGENTS if cycles == 1 else 4
        made = (*work.replay(n, concentrated), cycles, work.LEARNING_RATE, work.DISCOUNT)
        return made, n * work.TRANSITIONS * cycles

    return versions("replay", kernels.replay_td, arguments, scale=20)


def floor():
    transitions, q_values, _ = work.replay(40, concentrated=False)
    rates = np.full(work.TRANSITIONS, work.LEARNING_RATE)
    run = {
        "kernel": (
            lambda: kernels.online_td(transitions, q_values, rates, work.DISCOUNT),
            transitions.size,
        )
    }
    if with_numba is not None:
        arguments = (transitions, q_values, 1, work.LEARNING_RATE, work.DISCOUNT)
        run["numba"] = (lambda: with_numba.unshuffled(*arguments), transitions.size)
    return run


def step(shared, n_learners):
    def arguments(_):
        made = work.walk(shared) | work.recording(n_learners)
        return made, work.STEPS * work.AGENTS

    return versions("step", kernels.step_population, arguments)


def ascend(near_deterministic):
    def arguments(_):
        return work.ascent(near_deterministic), work.AGENTS * work.CELLS

    return versions("ascend", kernels.mirror_ascent, arguments)


def gossip():
    """Rounds in which the population hears and does not agree, less the steps between them."""
    ranks, walking, network = work.gossip()
    policy_of_rank = np.zeros(work.AGENTS, dtype=np.int32)
    rounds = 3000

    def talk(first_neighbour=None, neighbours=None):
        kernels.communicate(
            **walking, ranks=ranks.copy(), policy_of_rank=policy_of_rank, rounds=rounds,
            first_neighbour=first_neighbour, neighbours=neighbours,
        )  # fmt: skip

    run = {"kernel": (lambda: talk(*network), rounds), "silent": (talk, rounds)}
    for name, module in (("numpy", with_numpy), ("numba", with_numba)):
        if module is not None:
            one = module.gossip_round
            run[name] = (lambda one=one: one(walking["states"], ranks.copy(), *network), 1)
    return run


KERNELS = {  # title: (versions, target in ns, unit)
    "TD replay, spread": (lambda: replay(False), 2.2 if BASELINE else 1.4, "update"),
    "TD replay, 80 % on 5 pairs": (lambda: replay(True), None, "update"),
    "floor: updates without a shuffle": (floor, None, "update"),
    "steps, 200 policies": (lambda: step(False, 0), 3.0, "agent-step"),
    "steps, 200 policies, 200 recorded": (lambda: step(False, work.AGENTS), 3.0, "agent-step"),
    "steps, one policy": (lambda: step(True, 0), 2.0, "agent-step"),
    "steps, one policy, 200 recorded": (lambda: step(True, work.AGENTS), 2.0, "agent-step"),
    "mirror ascent, mixed policies": (lambda: ascend(False), 100, "state"),
    "mirror ascent, near-deterministic": (lambda: ascend(True), 100, "state"),
    "gossip round": (gossip, 2000, "round"),
}


def measure_kernels(repeats):
    """Rows of the table: title, unit, target and ns of each version."""
    rows = []
    for title, (make, target, unit) in KERNELS.items():
        run = make()
        times = timing.seconds({name: call for name, (call, _) in run.items()}, repeats)
        units = {name: units for name, (_, units) in run.items()}
        row = {"title": title, "unit": f"ns/{unit}", "target": target, "times": times}
        for statistic in ("median", "least"):
            row[statistic] = {
                name: time[statistic] / units[name] * 1e9 for name, time in times.items()
            }
            if "silent" in times:
                row[statistic]["kernel"] -= row[statistic].pop("silent")
        if title.startswith("TD replay, 80 %"):
            row["target"] = 1.25 * rows[-1]["median"]["kernel"]
        rows.append(row)
        yield row


def measure_runs(repeats):
    """Rows for whole iterations and for one evaluation, in seconds."""
    titles = {
        "iteration, networked": (None, 0.45),
        "iteration, networked, failures 0.5": (0.5, 0.25),
    }
    for title, (failures, target) in titles.items():
        simulation = Simulation(
            Experiment(
                game="agree", architecture="networked", agents=work.AGENTS, iterations=10**6,
                failure_probability=failures, sampled_exploitability=False, exact_metrics=False,
            )
        )  # fmt: skip
        yield _run(title, target, simulation.step, repeats)
    experiment = simulation.experiment
    experiment = Experiment(game="agree", architecture="networked", agents=work.AGENTS)
    simulation = Simulation(experiment)
    game, population = simulation.game, simulation.population
    yield _run(
        "sampled exploitability", 0.15,
        lambda: sample_exploitability(experiment, game, population, 0), repeats,
    )  # fmt: skip


def _run(title, target, call, repeats):
    times = timing.seconds({"kernel": call}, repeats)
    row = {"title": title, "unit": "s", "target": target, "times": times}
    for statistic in ("median", "least"):
        row[statistic] = {"kernel": times["kernel"][statistic]}
    return row


def show(row):
    median, least = row["median"], row["least"]
    target = "" if row["target"] is None else f"{row['target']:.3g}"
    others = [
        f"{median[name]:9.3g} {median[name] / median['kernel']:5.1f}x" if name in median else ""
        for name in ("numba", "numpy")
    ]
    print(
        f"{row['title']:36}{row['unit']:>14}{target:>8}{median['kernel']:9.3g}"
        f"{least['kernel']:9.3g}  {others[0]:>16}  {others[1]:>16}",
        flush=True,
    )


def compare_versions(repeats, machine):
    """Print the rows of this revision's kernels and runs, and return them."""
    if with_numba is None:
        print("numba: not installed, its column stays empty (pip install 'mfgcore[bench]')")
    else:
        machine["numba"] = with_numba.numba.__version__
        print(f"numba: {machine['numba']}")
    print(f"\n{'':36}{'':>14}{'target':>8}{'median':>9}{'least':>9}  {'Numba':>16}  {'NumPy':>16}")
    rows = []
    for row in itertools.chain(measure_kernels(repeats), measure_runs(max(3, repeats // 3))):
        rows.append(row)
        show(row)
    return rows


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="of each measurement")
    parser.add_argument("--against", metavar="REV", help="revision to compare with")
    arguments = parser.parse_args()
    machine = timing.machine()
    for key, value in machine.items():
        print(f"{key}: {value}")
    if arguments.against:
        machine["against"] = arguments.against
        rows = list(against.compare(arguments.against))
    else:
        rows = compare_versions(arguments.repeats, machine)
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    path = RESULTS / f"{now:%Y%m%dT%H%M%S}-{kernels.BUILD}.json"
    path.write_text(
        json.dumps({"machine": machine, "time": now.isoformat(), "rows": rows}, indent=1)
    )
    print(f"\n{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
