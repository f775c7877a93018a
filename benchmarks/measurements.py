"""Kernels and iterations at the paper's scale (Sec. F.5), as calls to be timed.

They are the same for an earlier revision, whose modules may be elsewhere. A kernel is an attribute
of `mfgcore.kernels` or of a module of its twins.
"""

import numpy as np

from mfgcore import Experiment, kernels
from mfgcore.games import Agree, Grid

try:
    from mfgcore.metrics.sampled import sample_exploitability
    from mfgcore.runs.simulation import Simulation

    OLD_NAMES = {}
except ImportError:  # of before the package had folders
    from mfgcore.evaluation import sample_exploitability
    from mfgcore.simulation import Simulation

    OLD_NAMES = {
        "next_states": "outcomes",
        "next_state_thresholds": "outcome_thresholds",
        "n_discarded": "skipped",
    }

AGENTS, STATES, ACTIONS = 200, 64, 5
TRANSITIONS, STEPS, INTERVAL, DISCARDED = 2979, 3000, 10, 21
LEARNING_RATE, DISCOUNT, STEP_SIZE, ENTROPY_WEIGHT = 0.1, 0.9, 0.01, 0.01

random = np.random.default_rng(2024)


def td_replay(library, concentrated):
    """TD replay of 20 learners; if concentrated, of which 80 % are of five state-action pairs."""
    cycles, shape = 40, (20, TRANSITIONS)
    transitions = np.zeros(shape, kernels.TRANSITION)
    transitions["reward"] = random.random(shape)
    for name in ("pair", "next_pair"):
        few = random.random(shape) < (0.8 if concentrated else 0.0)
        pairs = random.integers(0, STATES * ACTIONS, shape)
        transitions[name] = np.where(few, random.integers(0, 5, shape), pairs)
    q_values = np.full((shape[0], STATES * ACTIONS), 10.0)
    generators = random.integers(0, 2**32, (shape[0], 4, 16), dtype=np.uint32)
    arguments = (transitions, q_values, generators, cycles, LEARNING_RATE, DISCOUNT)
    return lambda: library.replay_td(*arguments), transitions.size * cycles


def steps(library, n_policies, recording):
    """Steps of the population; if recording, all agents keep transitions."""
    policies = random.dirichlet(np.ones(ACTIONS), (n_policies, STATES))
    learners = np.arange(AGENTS if recording else 0, dtype=np.int32)
    arguments = {
        "states": random.integers(0, STATES, AGENTS).astype(np.int32),
        "policy_index": np.arange(AGENTS, dtype=np.int32) % n_policies,
        "tables": kernels.policy_tables(policies, ENTROPY_WEIGHT),
        "next_states": Grid(8).next_state()[..., None],
        "next_state_thresholds": None,
        "rewards": Agree().reward_table(AGENTS),
        "generators": random.integers(0, 2**32, (4, AGENTS), dtype=np.uint32),
        "n_steps": STEPS,
        "population_rewards": np.empty(STEPS),
        "occupancy": np.zeros(STATES, dtype=np.int64),
        "learners": learners,
        "transitions": np.zeros((learners.size, STEPS // INTERVAL - DISCARDED), kernels.TRANSITION),
        "interval": INTERVAL,
        "n_discarded": DISCARDED,
    }
    arguments = {OLD_NAMES.get(key, key): value for key, value in arguments.items()}
    return lambda: library.step_population(**arguments), STEPS * AGENTS


def mirror_ascent(library, near_deterministic):
    """Policy mirror ascent of every agent."""
    policies = random.dirichlet(np.ones(ACTIONS), (AGENTS, STATES))
    if near_deterministic:
        policies = np.full((AGENTS, STATES, ACTIONS), 1e-30)
        policies[:, :, 0] = 1.0
    q_values = 5.0 + 5.0 * random.random((AGENTS, STATES, ACTIONS))
    index = np.arange(AGENTS, dtype=np.int32)
    arguments = (policies, index, q_values, STEP_SIZE, ENTROPY_WEIGHT)
    return lambda: library.mirror_ascent(*arguments), AGENTS * STATES


def _simulation(**settings):
    unmeasured = {"sampled_exploitability": False, "exact_metrics": False, "iterations": 10**6}
    return Simulation(Experiment(game="agree", architecture="networked", **unmeasured | settings))


def iteration(_, done, **settings):
    """An iteration after `done` others: agents are spread at first, and gather in a corner."""
    before = _simulation(**settings | {"replay_cycles": 25})
    for _ in range(done):
        before.step()
    simulation = _simulation(**settings)
    simulation.population, simulation.iteration = before.population, before.iteration
    return simulation.step, 1


def exploitability(_):
    """One evaluation of the sampled exploitability."""
    simulation = _simulation(agents=AGENTS)
    experiment, population = simulation.experiment, simulation.population
    if OLD_NAMES:
        return lambda: sample_exploitability(experiment, simulation.game, population, 0), 1
    sample = experiment.bind(sample_exploitability)
    return lambda: sample(population, 0), 1


FAILING = {"failure_probability": 0.5}
LARGE = {"agents": 100_000, "transitions": 60, "communication_rounds": 10, "replay_cycles": 10}
# name: (unit, what one second is in it, measurement, its arguments)
MEASUREMENTS = {
    "TD replay, spread": ("ns/update", 1e9, td_replay, (False,)),
    "TD replay, concentrated": ("ns/update", 1e9, td_replay, (True,)),
    "steps, one policy": ("ns/agent-step", 1e9, steps, (1, False)),
    "steps, a policy each": ("ns/agent-step", 1e9, steps, (AGENTS, False)),
    "steps, recording": ("ns/agent-step", 1e9, steps, (AGENTS, True)),
    "mirror ascent, mixed": ("ns/state", 1e9, mirror_ascent, (False,)),
    "mirror ascent, near-deterministic": ("ns/state", 1e9, mirror_ascent, (True,)),
    "sampled exploitability": ("s", 1.0, exploitability, ()),
    "iteration 10": ("s", 1.0, iteration, (10,)),
    "iteration 60": ("s", 1.0, iteration, (60,)),
    "iteration 60, failures 0.5": ("s", 1.0, lambda _: iteration(_, 60, **FAILING), ()),
    "iteration 1, 100,000 agents": ("s", 1.0, lambda _: iteration(_, 1, **LARGE), ()),
}
TWINS = (td_replay, steps, mirror_ascent)  # which are measured of other libraries, too
