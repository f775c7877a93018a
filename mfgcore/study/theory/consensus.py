"""Communication rounds until consensus in static networks (after Theorem 3.1).

The paper: as many rounds as the diameter, whatever the score. Agents stand still, each in turn has
the best score, and rounds are counted until all have its policy.
"""

import dataclasses
from typing import Any

import numpy as np

from mfgcore.agents.adoption import communicate
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState
from mfgcore.experiment.experiment import Experiment
from mfgcore.study.theory import constants as c

N_AGENTS = 200
NETWORKS: dict[str, dict[str, Any]] = {
    "radius": {},
    "ring": {},
    "small_world": {},
    "scale_free": {},
    "erdos_renyi": {"resample_links": False},
    "complete": {},
}


def standing(name):
    """An experiment, its links, and every agent's state and group; agents never move."""
    experiment = Experiment(game="agree", agents=N_AGENTS, network=name, **NETWORKS[name])
    states = experiment.random_streams.sample_initial_states(
        "initial_states", 0, N_AGENTS, experiment.make_game()
    )
    links = experiment.make("network").links(N_AGENTS)
    return experiment, links, states, states if links.groups is None else links.groups


def diameter(links, groups):
    """Diameter in rounds over inhabited groups, whose members hear each other at once; float."""
    inhabited, members = np.unique(groups, return_counts=True)
    begin, heard = links.first_neighbour, links.neighbours
    place = np.full(begin.size - 1, -1)
    place[inhabited] = np.arange(inhabited.size)
    near = [place[heard[begin[group] : begin[group + 1]]] for group in inhabited]
    near = [found[found >= 0] for found in near]
    first = np.concatenate(([0], np.cumsum([found.size for found in near])))
    own = dataclasses.replace(links, first_neighbour=first, neighbours=np.concatenate(near))
    return max(float(c.distances(own).max()), 1.0 * (members.max() > 1))


def rounds(experiment, links, states, best):
    """Number of rounds until all have the policy of one agent; int."""
    stay = np.zeros((N_AGENTS, experiment.n_states, experiment.n_actions))
    stay[:, :, 0] = 1.0
    index = np.arange(N_AGENTS, dtype=np.int32)
    generators = experiment.random_streams.action_generators("actions", 0, N_AGENTS)
    population = Population(states.copy(), index, stay)
    walk = RolloutState.of(
        population, experiment.make_game(), experiment.entropy_weight, generators
    )
    scores = 1.0 + index
    scores[best] = 0.0
    for passed in range(1, N_AGENTS + 1):
        scores = scores[communicate(walk, scores, np.zeros(N_AGENTS), links, 1)]
        if (scores == 0.0).all():
            return passed
    raise RuntimeError(f"no consensus in {N_AGENTS} rounds")


def measure(name):
    """Diameter, and largest and mean number of rounds, over all agents; dict."""
    experiment, links, states, groups = standing(name)
    found = [rounds(experiment, links, states, best) for best in range(N_AGENTS)]
    return {"diameter": diameter(links, groups), "most": max(found), "mean": float(np.mean(found))}
