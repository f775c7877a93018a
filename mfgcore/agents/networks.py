"""Communication networks: between whom policies travel (Def. 2.6, Sec. 4).

A network is groups of agents and links between groups. With `radius` a group is whoever is in a
cell; in a graph every agent is a group of its own. To add one, write a function here that returns
a function of the number of agents to :class:`Links`, and register it with the parameters of the
experiment that it needs. What it refuses it refuses at once, before a run begins.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from mfgcore._base.arguments import checked, explained
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.registry import Registry
from mfgcore.agents import random_streams as streams
from mfgcore.experiment.edge_lists import beyond, pairs, read_edges

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment
    from mfgcore.games import Game, Grid

DIAGONALS = ("cells", "corners")

Network = Callable[[int], "Links"]  # of the number of agents
NETWORKS = Registry("network")
register = NETWORKS.register


@checked
@dataclass(frozen=True)
class Links:
    """Groups of agents, and which of them are linked.

    Parameters
    ----------
    first_neighbour : (n_groups + 1,) int32
    neighbours : (n_links,) int32
        Groups linked to group g, itself included, are
        ``neighbours[first_neighbour[g]:first_neighbour[g + 1]]``.
    groups : (n_agents,) int32, optional
        Group of each agent; by default the cell that it is in.
    probability : float
        Where it is below 1 any two agents are linked with this probability, whatever their groups,
        drawn anew in every round.
    drop_probability : float
        Probability that the link of two agents fails in a round.
    seeds : (rounds,) uint64, optional
        What is drawn follows from these, see :meth:`at`.
    """

    first_neighbour: np.ndarray
    neighbours: np.ndarray
    groups: np.ndarray | None = None
    probability: float = 1.0
    drop_probability: float = 0.0
    seeds: np.ndarray | None = None

    def check(self, name: str, n_agents: int, n_states: int) -> None:
        """Check what a network's author states, as the kernels read it unchecked.

        Raises
        ------
        ConfigurationError
            One line that names the network.
        """
        first, n_groups = self.first_neighbour, self.first_neighbour.size - 1
        groups = np.arange(n_states) if self.groups is None else self.groups
        if first[0] != 0 or first[-1] != self.neighbours.size or (np.diff(first) < 0).any():
            what = f"first_neighbour does not rise from 0 to {self.neighbours.size}"
        elif self.groups is not None and groups.shape != (n_agents,):
            what = f"groups has shape {groups.shape}, expected {(n_agents,)}"
        elif not _among(groups, n_groups):
            what = (
                f"of {n_agents} agents in {n_states} states some are in none of {n_groups} groups"
            )
        elif not _among(self.neighbours, n_groups):
            what = f"neighbours are not all groups, 0 to {n_groups - 1}"
        else:
            return
        raise ConfigurationError(f"network {name!r}: {what}")

    def at(self, experiment: "Experiment", iteration: int) -> "Links":
        """Say what is drawn in the rounds of an iteration, if anything is; Links."""
        failing, probability = experiment.link_failure_probability, self.probability
        if failing == 0.0 and probability == 1.0:
            return self
        if probability < 1.0:  # of a link that is drawn anew in any case
            failing, probability = 0.0, probability * (1.0 - failing)
        rounds = experiment.communication_rounds
        seeds = streams.words(experiment, "links", iteration, 1, rounds)[0]
        return dataclasses.replace(
            self, probability=probability, drop_probability=failing, seeds=seeds
        )

    def arguments(self) -> dict[str, Any]:
        """The arguments of `mfgcore.kernels.communicate` that say who hears whom, by name."""
        arguments = dict(vars(self))
        threshold = math.ceil(arguments.pop("drop_probability") * 2**53)  # n 2^-53 < probability
        return arguments | {"drop_threshold": threshold}


def _among(numbers, n):
    return bool(((numbers >= 0) & (numbers < n)).all())


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
def parts(links: "Links") -> int:
    """Number of parts of a graph that no link connects; int."""
    from scipy.sparse import csgraph, csr_array  # a quarter of a second that few runs need

    n_groups = links.first_neighbour.size - 1
    entries = np.ones(links.neighbours.size), links.neighbours, links.first_neighbour
    return csgraph.connected_components(csr_array(entries, shape=(n_groups, n_groups)))[0]


@register("communication_radius", "diagonal")
@checked
def radius(experiment: "Experiment") -> Network:
    """Agents hear those within a Euclidean distance of their cell."""
    game = experiment.make_game()
    if game.distances is None:
        raise ConfigurationError(
            f"network: 'radius' is not allowed: the states of game {game.name!r} have no distances"
        )
    settings = experiment.communication_radius, experiment.diagonal

    def links(n_agents):
        game.checked_distances()
        return Links(*neighbour_cells(game, *settings))

    return links


@explained
def neighbour_cells(
    game: "Game | Grid", radius: float, diagonal: str = "cells"
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
@checked
def complete(experiment: "Experiment") -> Network:
    """Everybody hears everybody."""
    return _everybody


def _everybody(n_agents, probability=1.0):
    """One group of all."""
    return Links(
        np.arange(2, dtype=np.int32),
        np.zeros(1, dtype=np.int32),
        np.zeros(n_agents, dtype=np.int32),
        probability,
    )


@register("neighbours")
@checked
def ring(experiment: "Experiment") -> Network:
    """Agents stand on a ring, by their numbers, and hear the nearest, half of them on each side."""
    return _rewired(experiment, 0.0)


@register("link_probability", "redrawn")
@checked
def erdos_renyi(experiment: "Experiment") -> Network:
    """Any two agents are linked with a probability, drawn anew in every round, or once."""
    if experiment.redrawn:
        return lambda n_agents: _everybody(n_agents, experiment.link_probability)
    # its algorithm takes as long as there are links, and not as there are pairs
    return lambda n_agents: _family(
        experiment, "fast_gnp_random_graph", n_agents, experiment.link_probability
    )


@register("neighbours", "rewiring_probability")
@checked
def small_world(experiment: "Experiment") -> Network:
    """A ring of which some links lead anywhere else (Watts & Strogatz)."""
    return _rewired(experiment, experiment.rewiring_probability)


@register("attachments")
@checked
def scale_free(experiment: "Experiment") -> Network:
    """Each further agent links to some that are there, the more likely the more links they have."""
    _check_below(experiment, "attachments")
    return lambda n_agents: _family(
        experiment, "barabasi_albert_graph", n_agents, experiment.attachments
    )


@register("edges", "edges_digest", "disconnected")
@checked
def edge_list(experiment: "Experiment") -> Network:
    """The links that a file lists."""
    edges, _ = read_edges(experiment.edges)
    where = f"edges: {shorten(experiment.edges)}"
    highest = edges.max(initial=0)
    if highest >= experiment.max_agents:
        raise ConfigurationError(f"{where} {beyond(highest, experiment.max_agents)}")

    def links(n_agents):
        return graph(n_agents, edges[(edges < n_agents).all(axis=1)])

    for n_agents in experiment.population_sizes:
        found = 1 if experiment.disconnected else parts(links(n_agents))
        if found > 1:
            raise ConfigurationError(
                f"{where} leaves {n_agents} agents in {found} parts that never hear each other; "
                "disconnected: true allows it"
            )
    return links


@checked
def check_edges(path: str | None, expected: str | None = None) -> str:
    """Digest of a file of links, which must be the expected one, if there is one; str."""
    _, digest = read_edges(path)
    if expected not in (None, digest):
        raise ConfigurationError(
            f"edges: {shorten(path)} has changed: its digest is {digest}, not {expected}"
        )
    return digest


def _family(experiment, name, n_agents, *arguments):
    """A graph of networkx, from a stream that is the same whatever the number of agents."""
    import networkx  # a tenth of a second that few runs need

    seed = int(streams.words(experiment, "network", 0, 1, 1)[0, 0])
    made = getattr(networkx, name)(n_agents, *arguments, seed=seed)
    return graph(n_agents, made.edges)


def _rewired(experiment, probability):
    """The ring, some of whose links lead elsewhere."""
    if experiment.neighbours % 2:
        raise ConfigurationError(
            f"neighbours: {experiment.neighbours} is not even, half of them on each side"
        )
    _check_below(experiment, "neighbours")
    return lambda n_agents: _family(
        experiment, "watts_strogatz_graph", n_agents, experiment.neighbours, probability
    )


def _check_below(experiment, key):
    """Refuse what takes more other agents than there are."""
    fewest = min(experiment.population_sizes)
    if getattr(experiment, key) >= fewest:
        raise ConfigurationError(f"{key}: {getattr(experiment, key)} is not < {fewest} agents")
