"""The inputs: what the kernels are given in a run at the paper's scale (Sec. F.5)."""

import numpy as np

from mfgcore import kernels
from mfgcore.agents.networks import neighbour_cells
from mfgcore.games import Agree, Grid

AGENTS, CELLS, ACTIONS = 200, 64, 5
TRANSITIONS, CYCLES = 2979, 500  # of one iteration; the measurements take fewer cycles
STEPS, INTERVAL, SKIPPED = 3000, 10, 21
LEARNING_RATE, DISCOUNT = 0.1, 0.9
STEP_SIZE, ENTROPY_WEIGHT = 0.01, 0.01

random = np.random.default_rng(2024)
grid = Grid(8, "wall")


def replay(n_learners, concentrated):
    """Arguments of ``replay_td`` up to the number of cycles.

    Concentrated: 80 % of the transitions are among five pairs of a state and an action.
    """
    shape = (n_learners, TRANSITIONS)
    transitions = np.zeros(shape, kernels.TRANSITION)
    transitions["reward"] = random.random(shape)
    for name in ("pair", "next_pair"):
        few = random.random(shape) < (0.8 if concentrated else 0.0)
        transitions[name] = np.where(
            few, random.integers(0, 5, shape), random.integers(0, CELLS * ACTIONS, shape)
        )
    q_values = np.full((n_learners, CELLS * ACTIONS), 10.0)
    generators = random.integers(0, 2**32, (n_learners, 4, 16), dtype=np.uint32)
    return transitions, q_values, generators


def walk(shared):
    """The arguments that the stepping kernels share; one policy for all, or one for each."""
    policies = random.dirichlet(np.ones(ACTIONS), (1 if shared else AGENTS, CELLS))
    return {
        "states": random.integers(0, CELLS, AGENTS).astype(np.int32),
        "policy_index": np.arange(AGENTS, dtype=np.int32) % policies.shape[0],
        "tables": kernels.policy_tables(policies, ENTROPY_WEIGHT),
        "next_states": grid.next_state()[..., None],
        "next_state_thresholds": None,
        "rewards": Agree().reward_table(AGENTS),
        "generators": random.integers(0, 2**32, (4, AGENTS), dtype=np.uint32),
    }


def recording(n_learners):
    """The other arguments of ``step_population``."""
    return {
        "n_steps": STEPS,
        "population_rewards": np.empty(STEPS),
        "occupancy": np.zeros(CELLS, dtype=np.int64),
        "learners": np.arange(n_learners, dtype=np.int32),
        "transitions": np.zeros((n_learners, STEPS // INTERVAL - SKIPPED), kernels.TRANSITION),
        "interval": INTERVAL,
        "n_discarded": SKIPPED,
    }


def ascent(near_deterministic):
    """Arguments of ``mirror_ascent``."""
    policies = random.dirichlet(np.ones(ACTIONS), (AGENTS, CELLS))
    if near_deterministic:
        policies = np.full((AGENTS, CELLS, ACTIONS), 1e-30)
        policies[:, :, 0] = 1.0
    q_values = 5.0 + 5.0 * random.random((AGENTS, CELLS, ACTIONS))
    index = np.arange(AGENTS, dtype=np.int32)
    return policies, index, q_values, STEP_SIZE, ENTROPY_WEIGHT


def gossip():
    """Two crowds, each out of the other's reach, that stand still: they never agree.

    Returns
    -------
    ranks : (AGENTS,) int32
    walk : dict
        As :func:`walk`.
    network : pair of arrays
    """
    walking = walk(shared=True)
    crowds = 8 * random.integers(0, 8, AGENTS) + 7 * (np.arange(AGENTS) % 2)
    walking["states"] = crowds.astype(np.int32)
    walking["tables"]["thresholds"] = 2**31 - 1  # always the first action: stay
    return (
        random.permutation(AGENTS).astype(np.int32),
        walking,
        neighbour_cells(grid, 0.2, "cells"),
    )
