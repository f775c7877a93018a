"""Measures one revision: python worker.py FOLDER, with the name of a measurement on each line.

It answers with the CPU seconds of one unit of the work. The folder holds the package of any
revision since the first release: what they name differently is looked up.
"""

import copy
import dataclasses
import resource
import sys
import time

import numpy as np

sys.path.insert(0, sys.argv[1])

from mfgcore import Experiment, kernels
from mfgcore.games import Game, Grid

try:
    from mfgcore.metrics import sampled as evaluation
    from mfgcore.runs.simulation import Simulation
except ImportError:  # an earlier revision, whose modules are in no folders
    from mfgcore import evaluation
    from mfgcore.simulation import Simulation

assert kernels.__file__.startswith(sys.argv[1]), kernels.__file__
NAMES = {field.name for field in dataclasses.fields(Experiment)}
SAMPLING = "evaluation" if "evaluation" in NAMES else "sampled_exploitability"
AGENTS, CELLS, STEPS = 200, 64, 3000
random = np.random.default_rng(2024)


def replay(concentrated):
    """TD replay; concentrated: 80 % of the transitions are among five pairs."""
    cycles, shape = 40, (20, 2979)
    transitions = np.zeros(shape, kernels.TRANSITION)
    transitions["reward" if "reward" in kernels.TRANSITION.names else "target"] = random.random(
        shape
    )
    for name in ("pair", "next_pair"):
        few = random.random(shape) < (0.8 if concentrated else 0.0)
        transitions[name] = np.where(
            few, random.integers(0, 5, shape), random.integers(0, 320, shape)
        )
    q_values = np.full((shape[0], 320), 10.0)
    generators = random.integers(0, 2**32, (shape[0], 4, 16), dtype=np.uint32)
    arguments = (transitions, q_values, generators, cycles, 0.1, 0.9)
    return lambda: kernels.replay_td(*arguments), transitions.size * cycles


def moves():
    """Where actions lead, as the kernels of the revision want it."""
    to = Grid(8).next_state()
    return [to[..., None], None] if hasattr(Game, "outcomes") else [to]


def stepping(n_policies, recording=False):
    """Steps of 200 agents, their rewards and occupancy; if `recording`, all record transitions."""
    policies = random.dirichlet(np.ones(5), (n_policies, CELLS))
    tables = kernels.policy_tables(policies, 0.01)
    walk = [
        random.integers(0, CELLS, AGENTS).astype(np.int32),
        np.arange(AGENTS, dtype=np.int32) % n_policies,
        *(tables if isinstance(tables, tuple) else [tables]),
        *moves(),
        Experiment(game="agree").make_game().reward_table(AGENTS),
        random.integers(0, 2**32, (4, AGENTS), dtype=np.uint32),
    ]
    rewards, occupancy = np.empty(STEPS), np.zeros(CELLS, dtype=np.int64)
    learners = np.arange(AGENTS if recording else 0, dtype=np.int32)
    transitions = np.zeros((learners.size, STEPS // 10 - 21), kernels.TRANSITION)
    if isinstance(tables, tuple):  # the first release
        walk += [rewards, np.empty(0), occupancy, 0, learners, transitions, 10, 21]
        return lambda: kernels.step_population(*walk), STEPS * AGENTS
    outputs = {"population_rewards": rewards, "occupancy": occupancy}
    if recording:
        outputs |= {"learners": learners, "transitions": transitions, "interval": 10, "skipped": 21}
    return lambda: kernels.step_population(*walk, n_steps=STEPS, **outputs), STEPS * AGENTS


def networked(sampling=False, **parameters):
    """A simulation of the paper's networked agents; nothing is evaluated unless `sampling`."""
    settings = {SAMPLING: sampling, "iterations": 10**6, "exact_metrics": False}
    return Simulation(Experiment(game="agree", architecture="networked", **settings | parameters))


def iteration(failure_probability=None, done=60, agents=AGENTS, **parameters):
    """One iteration, after `done` ones with few cycles."""
    parameters |= {"agents": agents, "failure_probability": failure_probability}
    run = networked(**parameters, replay_cycles=25)
    for _ in range(done):
        run.step()
    paper = networked(**parameters)
    paper.population, paper.iteration = run.population, run.iteration
    return paper.step, agents


def exploitability():
    """One evaluation of the sampled exploitability, with the arguments that a run gives it."""
    sample, given = evaluation.sample_exploitability, []
    # the loop has a name of its own for it, which the first release calls
    callers = [evaluation, sys.modules[Simulation.__module__]]
    callers = [module for module in callers if hasattr(module, "sample_exploitability")]
    for module in callers:
        module.sample_exploitability = lambda *now: given.extend(copy.deepcopy(now)) or 0.0
    networked(sampling=True, agents=AGENTS, replay_cycles=1).step()
    for module in callers:
        module.sample_exploitability = sample
    experiment = dataclasses.replace(given[0], replay_cycles=500)
    return lambda: sample(experiment, *given[1:]), 1


def memory():
    """Peak bytes of an iteration at N = 100,000: the paper's buffers, replayed once."""
    networked(agents=100_000, replay_cycles=1, steps_per_transition=2).step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


SHORT = {"transitions": 320, "done": 1}  # 299 are kept and replayed 500 times, as always
MEASUREMENTS = {
    "replay concentrated": lambda: replay(True),
    "replay spread": lambda: replay(False),
    "stepping one": lambda: stepping(1),
    "stepping each": lambda: stepping(AGENTS),
    "stepping recording": lambda: stepping(AGENTS, recording=True),
    "exploitability": exploitability,
    "iteration": iteration,
    "iteration failures": lambda: iteration(0.5),
    "early iteration": lambda: iteration(done=10),
    "early iteration failures": lambda: iteration(0.5, done=10),
    "agent of 200": lambda: iteration(**SHORT),
    "agent of 100,000": lambda: iteration(agents=100_000, **SHORT),
}

if __name__ == "__main__":
    made = {}
    for line in sys.stdin:
        name = line.strip()
        if name == "memory":
            print(memory(), flush=True)
            continue
        if name not in made:
            made[name] = MEASUREMENTS[name]()
            made[name][0]()
        run, units = made[name]
        start = time.process_time()
        run()
        print((time.process_time() - start) / units, flush=True)
