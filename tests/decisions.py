"""What tests of decisions share."""

import copy

import numpy as np
from reference import stepping

import mfgcore.agents.adoption
from mfgcore.agents.adoption import communicate
from mfgcore.runs.simulation import Simulation

ARCHITECTURES = ("centralised", "independent", "networked")
EVERYBODY = 2.0  # a communication radius, in diagonals, that links all agents
SIX = np.arange(6, dtype=np.int32)  # all agents of a small experiment
FAILING = {"agents": 12, "failure_probability": 0.5}

DISTURBANCES = [
    {},
    {"failure_probability": 0.5},
    {"final_agents": 9, "population_change_at": 2},
    {"final_agents": 9, "population_change_at": 2, "arrival_timing": "before_learning"},
]


def policies_of(simulated):
    """Every agent's own policy; (n_agents, n_states, n_actions)."""
    return simulated.population.policies[simulated.population.policy_index]


def norm(change):
    """sup_s of the 1-norm over actions, by loops."""
    return max(sum(abs(float(x)) for x in row) for row in change)


def listen(monkeypatch):
    """Record scores, totals and the policies before and after every call of communicate."""
    heard = []

    def recorder(walk, scores, totals, network, rounds):
        before = walk.policy_index.copy()
        origin = communicate(walk, scores, totals, network, rounds)
        heard.append((scores.copy(), totals.copy(), before, walk.policy_index.copy()))
        return origin

    monkeypatch.setattr(mfgcore.agents.adoption, "communicate", recorder)
    return heard


def walk_of(experiment, iteration=0):
    simulated = Simulation(experiment)
    simulated.iteration = iteration
    return simulated._rollout_state()


def path_of(walk, n_steps):
    return stepping.follow(n_steps, **copy.deepcopy(walk.arguments()))
