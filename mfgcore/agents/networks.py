"""Communication networks: between whom policies travel (Def. 2.6, Sec. 4).

A network is groups of agents and links between groups. With `radius` a group is the agents of a
state; in a graph every agent is a group of its own. What a network refuses it refuses when it is
made, before a run begins.
"""

import dataclasses
import functools
import math
from numbers import Integral
from typing import Any

import numpy as np

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore.experiment.components import NETWORKS, Links, Network, multiplied
from mfgcore.experiment.edge_lists import beyond, pairs, read_edges
from mfgcore.experiment.random_streams import RandomStreams
from mfgcore.games import Game, Grid

register = NETWORKS.register


def sampled(
    links: Links, random_streams: RandomStreams, iteration: int, rounds: int, failing: float
) -> Links:
    """Links with what is drawn in the rounds of an iteration, if anything is.

    Parameters
    ----------
    links : Links
    random_streams : RandomStreams
    iteration, rounds : int
    failing : float
        Probability that a link fails in a round.

    Returns
    -------
    Links
    """
    probability = links.probability
    if failing == 0.0 and probability == 1.0:
        return links
    if probability < 1.0:  # of a link that is drawn anew in any case
        failing, probability = 0.0, probability * (1.0 - failing)
    seeds = random_streams.raw_bits("links", iteration, 1, rounds)[0]
    return dataclasses.replace(
        links, probability=probability, drop_probability=failing, seeds=seeds
    )


@explained
def graph(n_agents: int, edges: Any) -> Links:
    """Links between single agents.

    Parameters
    ----------
    n_agents : int
    edges : iterable of pairs of int, (n, 2) array of integers, or networkx.Graph
        Whose numbers are linked, from 0 on, and nothing else; a graph has no directions or weights.

    Returns
    -------
    Links
        In both directions, and of everybody to itself.

    Raises
    ------
    ConfigurationError
        If `edges` is of another form, such as an adjacency matrix.
    """
    if isinstance(n_agents, bool) or not isinstance(n_agents, Integral) or n_agents < 1:
        raise ConfigurationError(
            f"network: n_agents = {shorten(n_agents)} is not a whole number >= 1"
        )
    n_agents = int(n_agents)
    own = np.arange(n_agents, dtype=np.int64)
    one, other = pairs(edges, n_agents).T
    both = np.concatenate((one * n_agents + other, other * n_agents + one, own * n_agents + own))
    begin, end = np.divmod(np.unique(both), n_agents)
    first = np.searchsorted(begin, np.arange(n_agents + 1)).astype(np.int32)
    return Links(first, end.astype(np.int32), own.astype(np.int32))


@explained
def parts(links: Links) -> int:
    """Number of parts of a graph that no link connects; int."""
    from scipy.sparse import csgraph, csr_array  # a quarter of a second that few runs need

    n_groups = links.first_neighbour.size - 1
    entries = np.ones(links.neighbours.size), links.neighbours, links.first_neighbour
    return csgraph.connected_components(csr_array(entries, shape=(n_groups, n_groups)))[0]


@register
def radius(*, game: Game, communication_radius: float, diagonal: str) -> Network:
    """Agents hear those within a Euclidean distance of their state."""
    if game.distances is None:
        raise ConfigurationError(
            f"network: 'radius' is not allowed: the states of game {game.name!r} have no distances"
        )

    def links(n_agents):
        game.checked_distances()
        return Links(*neighbour_cells(game, communication_radius, diagonal))

    def share(radius):
        """Share of the states within a radius, in diagonals of the grid or lengths of the line."""
        on_a_line = game.positions is None
        return min(1.0, 2.0 * radius if on_a_line else 2.0 * math.pi * radius**2)

    return Network(
        links,
        lambda n_agents, rounds: n_agents * share(communication_radius * rounds),
        lambda n_agents: game.n_states**2 * share(communication_radius),
        # the distances of all pairs of states, which on a grid are made of offsets
        lambda n_agents: (17.0 if game.positions is None else 40.0) * game.n_states**2,
    )


@explained
def neighbour_cells(
    game: Game | Grid, radius: float, diagonal: str = "cells"
) -> tuple[np.ndarray, np.ndarray]:
    """Cells within the communication radius of every cell, itself included.

    Two agents are linked when the Euclidean distance of their cells is at most the radius, a
    fraction of the grid's diagonal: sqrt(2) * G with "cells", or sqrt(2) * (G - 1) with "corners",
    from corner cell to corner cell. Where states are no grid, the largest distance takes the place
    of the latter, and one more that of the former.

    Returns
    -------
    first_neighbour : (n_states + 1,) int32
    neighbours : (n_links,) int32
        Those of cell s are ``neighbours[first_neighbour[s]:first_neighbour[s + 1]]``.
    """
    # of 10,000 states 800 MB: not made twice
    distances, positions = np.asarray(game.distances, dtype=np.float64), game.positions
    sides = np.array([distances.max()]) if positions is None else np.max(positions, axis=0)
    sides = np.asarray(sides) + 1.0 * (diagonal == "cells")
    # a distance that equals the radius counts, whatever the rounding of the square
    reach = radius**2 * (sides**2).sum() * (1.0 + 1e-12)
    near = distances**2 <= reach
    first_neighbour = np.concatenate(([0], near.sum(axis=1).cumsum()))
    return first_neighbour.astype(np.int32), np.nonzero(near)[1].astype(np.int32)


@register
def complete() -> Network:
    """Everybody hears everybody."""
    return Network(_one_group, lambda n, rounds: multiplied(n - 1, rounds), _one_link)


def _one_link(n_agents):
    return 1.0


def _one_group(n_agents, probability=1.0):
    """One group of all agents."""
    return Links(
        np.arange(2, dtype=np.int32),
        np.zeros(1, dtype=np.int32),
        np.zeros(n_agents, dtype=np.int32),
        probability,
    )


@register
def ring(
    *, nearest_neighbours: int, population_sizes: set[int], random_streams: RandomStreams
) -> Network:
    """Agents stand on a ring, by their numbers, and hear the nearest, half of them on each side."""
    return _rewired(nearest_neighbours, 0.0, population_sizes, random_streams)


@register
def erdos_renyi(
    *, link_probability: float, resample_links: bool, random_streams: RandomStreams
) -> Network:
    """Any two agents are linked with a probability, drawn anew in every round, or once."""

    def reach(n_agents, rounds):
        return multiplied(link_probability * (n_agents - 1), rounds)

    if resample_links:
        links = functools.partial(_one_group, probability=link_probability)
        return Network(links, reach, _one_link, resampled=True)
    # its algorithm takes as long as there are links, and not as there are pairs
    return Network(_family(random_streams, "fast_gnp_random_graph", link_probability), reach)


@register
def small_world(
    *,
    nearest_neighbours: int,
    rewiring_probability: float,
    population_sizes: set[int],
    random_streams: RandomStreams,
) -> Network:
    """A ring of which some links lead anywhere else (Watts & Strogatz)."""
    return _rewired(nearest_neighbours, rewiring_probability, population_sizes, random_streams)


@register
def scale_free(
    *, attachment_edges: int, population_sizes: set[int], random_streams: RandomStreams
) -> Network:
    """Each further agent links to some that are there, the more likely the more links they have."""
    _check_below("attachment_edges", attachment_edges, population_sizes)
    return Network(
        _family(random_streams, "barabasi_albert_graph", attachment_edges),
        lambda n_agents, rounds: multiplied(2.0 * attachment_edges, rounds),
    )


@register
def edge_list(
    *,
    edges: str,
    allow_disconnected: bool,
    max_agents: int,
    population_sizes: set[int],
) -> Network:
    """The links that a file lists."""
    listed, _ = read_edges(edges)
    where = f"edges: {shorten(edges)}"
    highest = listed.max(initial=0)
    if highest >= max_agents:
        raise ConfigurationError(f"{where} {beyond(highest, max_agents)}")

    def links(n_agents):
        return graph(n_agents, listed[(listed < n_agents).all(axis=1)])

    for n_agents in population_sizes:
        found = 1 if allow_disconnected else parts(links(n_agents))
        if found > 1:
            raise ConfigurationError(
                f"{where} leaves {n_agents} agents in {found} parts that never hear each other; "
                "allow_disconnected: true allows it"
            )
    return Network(links)


def _family(random_streams, name, *arguments):
    """Graphs of networkx, from a stream that is the same whatever the number of agents."""
    seed = int(random_streams.raw_bits("network", 0, 1, 1)[0, 0])

    def links(n_agents):
        import networkx  # a tenth of a second that few runs need

        return graph(n_agents, getattr(networkx, name)(n_agents, *arguments, seed=seed).edges)

    return links


def _rewired(nearest_neighbours, probability, population_sizes, random_streams):
    """The ring, some of whose links lead elsewhere."""
    if nearest_neighbours % 2:
        raise ConfigurationError(
            f"nearest_neighbours: {nearest_neighbours} is not even, half of them on each side"
        )
    _check_below("nearest_neighbours", nearest_neighbours, population_sizes)
    return Network(
        _family(random_streams, "watts_strogatz_graph", nearest_neighbours, probability),
        lambda n, rounds: (
            nearest_neighbours * rounds * (1.0 + probability * max(0.0, rounds - 1.0))
        ),
    )


def _check_below(key, value, population_sizes):
    """Refuse what takes more other agents than there are."""
    fewest = min(population_sizes)
    if value >= fewest:
        raise ConfigurationError(f"{key}: {value} is not < {fewest} agents")
