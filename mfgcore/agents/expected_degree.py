"""Expected reach and size of communication networks, for estimates of what a run costs.

A network that is not in `EXPECTED` is made, and its links are counted.
"""

import functools
import math

import numpy as np

from mfgcore._base.arguments import explained
from mfgcore.agents.networks import Links
from mfgcore.experiment.experiment import Experiment

GRAPH_BYTES, LINK_BYTES = 14e6, 150.0  # of networkx, and of a link while it has the graph
SAMPLED_GROUPS = 8  # from which a policy is followed through a network that is counted


def _share_of_states(experiment, radius):
    """Share of the states within a radius, in diagonals of the grid or lengths of the line."""
    on_a_line = experiment.make_game().positions is None
    return min(1.0, 2.0 * radius if on_a_line else 2.0 * math.pi * radius**2)


def _radius_reach(experiment, n_agents, rounds):
    return n_agents * _share_of_states(experiment, experiment.communication_radius * rounds)


def _radius_links(experiment, n_agents):
    return experiment.n_states**2 * _share_of_states(experiment, experiment.communication_radius)


def _radius_setup_bytes(experiment, n_agents):
    # the distances of all pairs of states, which on a grid are made of offsets
    on_a_line = experiment.make_game().positions is None
    return (17.0 if on_a_line else 40.0) * experiment.n_states**2


def _ring_reach(experiment, n_agents, rounds):
    return experiment.neighbours * rounds


def _small_world_reach(experiment, n_agents, rounds):
    shortcuts = experiment.rewiring_probability * max(0.0, rounds - 1.0)
    return experiment.neighbours * rounds * (1.0 + shortcuts)


def _scale_free_reach(experiment, n_agents, rounds):
    return _multiplied(2.0 * experiment.attachments, rounds)


def _erdos_renyi_reach(experiment, n_agents, rounds):
    return _multiplied(experiment.link_probability * (n_agents - 1), rounds)


def _complete_reach(experiment, n_agents, rounds):
    return _multiplied(n_agents - 1, rounds)


def _multiplied(degree, rounds):
    """Agents reached where each round multiplies them."""
    return (1.0 + degree) ** min(rounds, 30.0) - 1.0


def _one_group(experiment, n_agents):
    return 1.0


def _graph_links(experiment, n_agents):
    return n_agents * (1.0 + expected_reach(experiment, n_agents, 1.0))


def _erdos_renyi_links(experiment, n_agents):
    return (_one_group if experiment.redrawn else _graph_links)(experiment, n_agents)


def _graph_setup_bytes(experiment, n_agents):
    links = expected_links(experiment, n_agents)
    return GRAPH_BYTES + LINK_BYTES * links if links > 1.0 else 0.0


# name: (expected reach, expected links, bytes to make it), of an experiment and a number of agents
EXPECTED = {
    "radius": (_radius_reach, _radius_links, _radius_setup_bytes),
    "complete": (_complete_reach, _one_group, _graph_setup_bytes),
    "ring": (_ring_reach, _graph_links, _graph_setup_bytes),
    "erdos_renyi": (_erdos_renyi_reach, _erdos_renyi_links, _graph_setup_bytes),
    "small_world": (_small_world_reach, _graph_links, _graph_setup_bytes),
    "scale_free": (_scale_free_reach, _graph_links, _graph_setup_bytes),
}


@explained
def expected_reach(experiment: Experiment, n_agents: int, rounds: float) -> float:
    """Expected number of other agents that a policy reaches; float.

    With one round this is the expected degree. A fraction of a round is that of the links that
    do not fail.
    """
    if experiment.network in EXPECTED:
        reached = EXPECTED[experiment.network][0](experiment, n_agents, rounds)
    else:
        reached = counted_reach(_made(experiment, n_agents), n_agents, rounds)
    return min(reached, n_agents - 1.0)


@explained
def expected_links(experiment: Experiment, n_agents: int) -> float:
    """Expected number of links that are stored, in both directions; float."""
    if experiment.network in EXPECTED:
        return EXPECTED[experiment.network][1](experiment, n_agents)
    return float(_made(experiment, n_agents).neighbours.size)


@functools.lru_cache(maxsize=1)  # an estimate asks several times
def _made(experiment, n_agents):
    return experiment.make_network()(n_agents)


@explained
def setup_bytes(experiment: Experiment, n_agents: int) -> float:
    """Expected peak memory while the network is made; float."""
    own = EXPECTED.get(experiment.network)
    return (own[2] if own else _graph_setup_bytes)(experiment, n_agents)


@explained
def counted_reach(links: Links, n_agents: int, rounds: float) -> float:
    """Mean number of other agents that a policy reaches in a network; float.

    It is followed from some groups. Agents whose groups are the states they are in are taken to be
    spread evenly over these.
    """
    from scipy.sparse import csr_array  # a quarter of a second that few runs need

    if links.probability < 1.0:
        return _multiplied(links.probability * (n_agents - 1), rounds)
    n_groups = links.first_neighbour.size - 1
    sizes = np.full(n_groups, n_agents / n_groups)
    if links.groups is not None:
        sizes = np.bincount(links.groups, minlength=n_groups).astype(float)
    entries = np.ones(links.neighbours.size), links.neighbours, links.first_neighbour
    adjacency = csr_array(entries, shape=(n_groups, n_groups))
    sampled = np.unique((np.arange(0.5, SAMPLED_GROUPS) * n_groups / SAMPLED_GROUPS).astype(int))
    reached = np.zeros((n_groups, sampled.size), dtype=bool)
    reached[sampled, np.arange(sampled.size)] = True
    for _ in range(math.ceil(rounds)):
        before = reached
        reached = adjacency @ before > 0.0
        if (reached == before).all():
            break
    return max(0.0, float((sizes @ reached).mean()) - 1.0)
