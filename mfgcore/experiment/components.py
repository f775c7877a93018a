"""Components of a run: the registries in which they have names, and the values that they are.

A component is a function. What it names after ``*`` it is given by the experiment: a parameter, or
what follows from them (`mfgcore.experiment.parameters.DERIVED`). A function with no other
arguments is called before the run, and what it returns is the component; another is the component
itself, and is called with its other arguments during the run.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten, unknown_name
from mfgcore._base.registry import Registry

GRAPH_BYTES, LINK_BYTES = 14e6, 150.0  # of networkx, and of a link while it has the graph
SAMPLED_GROUPS = 8  # from which a policy is followed through links that are counted
COMMUNICATION = ("none", "network", "broadcast")
# read only where policies travel through the network
BY_NETWORK = ("network", "link_failure_probability", "score_rule", "adoption")
# ... if a component names them
ONLY_BY_NETWORK = ("reward_rounds", "reward_averaging")


@checked
@dataclass(frozen=True)
class Architecture:
    """Who learns, and how policies reach the others.

    Parameters
    ----------
    learners : int or float
        How many agents learn, an int, or which share of them, a float in (0, 1]; the first ones.
    communication : {"none", "network", "broadcast"}
        Whose policies an agent can adopt: nobody's; those of the agents that the network links to
        it, in one round after the other; or agent 0's, at once.

    Raises
    ------
    ConfigurationError
        For any other value.
    """

    learners: Any
    communication: str

    def __post_init__(self) -> None:
        if self.communication not in COMMUNICATION:
            unknown = unknown_name("value", self.communication, COMMUNICATION)
            raise ConfigurationError(f"communication: {unknown}")
        number = type(self.learners) is int and self.learners >= 1
        if not (number or (type(self.learners) is float and 0.0 < self.learners <= 1.0)):
            raise ConfigurationError(
                f"learners: {shorten(self.learners)} is not a whole number >= 1, or a share as a "
                "float > 0.0 and <= 1.0"
            )

    def n_learners(self, n_agents: int) -> int:
        """Number of learners among so many agents, at least 1."""
        share = isinstance(self.learners, float)
        return max(1, round(self.learners * n_agents)) if share else min(self.learners, n_agents)


def _never(k):
    return False


@checked
@dataclass(frozen=True)
class Scenario:
    """Disturbances of a run.

    Parameters
    ----------
    failure_probability : callable of int
        Iteration k to the probability that a learner's update fails in it.
    population : callable of int
        Iteration k to the number of agents once those that come or go in it have done so, at
        least 1 and at most the `max_agents` of the experiment.
    learner_lost : callable of int
        Iteration k to whether agent 0, which is the central learner, does not learn in it.
    """

    failure_probability: Callable[[int], float]
    population: Callable[[int], int]
    learner_lost: Callable[[int], bool] = _never


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
        Group of each agent; by default its state.
    probability : float
        Where it is below 1 any two agents are linked with this probability, whatever their groups,
        drawn anew in every round.
    drop_probability : float
        Probability that the link of two agents fails in a round.
    seeds : (rounds,) uint64, optional
        Of the draws of each round; see :func:`mfgcore.agents.networks.sampled`.
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

    @property
    def both_ways(self) -> bool:
        """Whether each group hears those that hear it."""
        n_groups = self.first_neighbour.size - 1
        begins = np.repeat(np.arange(n_groups), np.diff(self.first_neighbour))
        ends = self.neighbours.astype(np.int64)
        there, back = begins * n_groups + ends, ends * n_groups + begins
        return np.array_equal(np.unique(there), np.unique(back))

    def groups_of(self, states: np.ndarray) -> np.ndarray:
        """Group of each agent, for agents in some states; (n_agents,) int32."""
        return states if self.groups is None else self.groups

    def reach(self, n_agents: int, rounds: float) -> float:
        """Mean number of other agents that a policy reaches in some rounds; float.

        It is followed from some groups. Agents whose groups are their states are taken to be spread
        evenly over these.
        """
        from scipy.sparse import csr_array  # a quarter of a second that few runs need

        if self.probability < 1.0:
            return multiplied(self.probability * (n_agents - 1), rounds)
        n_groups = self.first_neighbour.size - 1
        sizes = np.full(n_groups, n_agents / n_groups)
        if self.groups is not None:
            sizes = np.bincount(self.groups, minlength=n_groups).astype(float)
        entries = np.ones(self.neighbours.size), self.neighbours, self.first_neighbour
        adjacency = csr_array(entries, shape=(n_groups, n_groups))
        places = np.arange(0.5, SAMPLED_GROUPS) * n_groups / SAMPLED_GROUPS
        begun = np.unique(places.astype(int))
        reached = np.zeros((n_groups, begun.size), dtype=bool)
        reached[begun, np.arange(begun.size)] = True
        for _ in range(math.ceil(rounds)):
            before = reached
            reached = adjacency @ before > 0.0
            if (reached == before).all():
                break
        return max(0.0, float((sizes @ reached).mean()) - 1.0)

    def arguments(self) -> dict[str, Any]:
        """The arguments of `mfgcore.kernels.communicate` that say who is linked, by name."""
        known = dict(vars(self))
        threshold = math.ceil(known.pop("drop_probability") * 2**53)  # n 2^-53 < p
        return known | {"drop_threshold": threshold}


def _among(numbers, n):
    return bool(((numbers >= 0) & (numbers < n)).all())


def multiplied(degree: float, rounds: float) -> float:
    """Agents that a policy reaches where each round multiplies them by the degree; float."""
    return (1.0 + degree) ** min(rounds, 30.0) - 1.0


@checked
@dataclass(frozen=True)
class Network:
    """A communication network for any number of agents.

    What it states of itself beside its links is for estimates of what a run costs; without, the
    links are made and counted.

    Parameters
    ----------
    links : callable of int
        Number of agents to :class:`Links`.
    expected_reach : callable of (int, float), optional
        Number of agents and of rounds to the number of others that a policy reaches in these; in
        one round it is the expected degree.
    expected_links : callable of int, optional
        Number of agents to the number of links that are stored, in both directions; by default
        that of a graph of the expected degree.
    setup_bytes : callable of int, optional
        Number of agents to the peak memory while the links are made; by default that of a graph.
    resampled : bool
        Whether links are drawn anew in every round.
    """

    links: Callable[[int], Links]
    expected_reach: Callable[[int, float], float] | None = None
    expected_links: Callable[[int], float] | None = None
    setup_bytes: Callable[[int], float] | None = None
    resampled: bool = False

    def reach(self, n_agents: int, rounds: float) -> float:
        """Expected number of other agents that a policy reaches in some rounds; float.

        A fraction of a round is that of the links that do not fail.
        """
        expected = self.expected_reach or (lambda n, rounds: self.links(n).reach(n, rounds))
        return min(expected(n_agents, rounds), n_agents - 1.0)

    def n_links(self, n_agents: int) -> float:
        """Expected number of links that are stored, in both directions; float."""
        if self.expected_links is not None:
            return self.expected_links(n_agents)
        if self.expected_reach is None:
            return float(self.links(n_agents).neighbours.size)
        return n_agents * (1.0 + self.reach(n_agents, 1.0))

    def peak_bytes(self, n_agents: int) -> float:
        """Expected peak memory while the links are made; float."""
        if self.setup_bytes is not None:
            return self.setup_bytes(n_agents)
        n_links = self.n_links(n_agents)
        return GRAPH_BYTES + LINK_BYTES * n_links if n_links > 1.0 else 0.0


@checked
@dataclass(frozen=True)
class Algorithm:
    """An estimate of Q-functions (Def. 3.1).

    Parameters
    ----------
    n_discarded : int or None
        Number of an iteration's first transitions that are not used; None: none is used.
    replay_cycles : int
        How often each of the others is.
    q_values : callable of LearningBatch
        Returns the learners' Q-functions, (n_learners, n_states * n_actions) float64.
    reward_after_move : bool
        Whether a transition has the reward of where it leads, and not of where it begins.
    shared_shuffles : bool
        Whether all learners have the same shuffle stream.
    """

    n_discarded: int | None
    replay_cycles: int
    q_values: Callable
    reward_after_move: bool = False
    shared_shuffles: bool = False

    def kept_transitions(self, transitions: int, steps_per_transition: int) -> int:
        """Transitions of an iteration that a learner uses (D6, D7)."""
        if self.n_discarded is None:
            return 0
        # the first step of an iteration cannot complete a transition
        incomplete = self.n_discarded == 0 and steps_per_transition == 1
        return transitions - self.n_discarded - incomplete


@checked
@dataclass(frozen=True)
class Adoption:
    """An adoption rule: which of the policies that it hears an agent adopts in a round.

    Parameters
    ----------
    choose : callable of AdoptionRound, optional
        Returns for each agent the one whose policy it adopts, (n_agents,) int. By default the one
        with the lowest score, in a compiled loop over all rounds.
    """

    choose: Callable | None = None


@checked
@dataclass(frozen=True)
class RewardAveraging:
    """How agents estimate the average reward from what they hear.

    Parameters
    ----------
    weight : callable of (n,) float64, optional
        By which agents move towards what their neighbours say: from numbers of neighbours to the
        weight, at most 1 / the number, of a link whose ends have at most so many. It is the same
        for both ends, so that the mean over the agents stays as it is. Without, agents pass on all
        rewards that they have heard, and whose they are, and take their mean.
    """

    weight: Callable | None = None

    def link_weights(self, n_agents: int) -> np.ndarray | None:
        """Weights of links by numbers of neighbours, from 0 on; (n_agents,) float64 or None.

        Raises
        ------
        ConfigurationError
            If with one of them an agent would move beyond the mean of its neighbours.
        """
        if self.weight is None:
            return None
        numbers = np.arange(n_agents, dtype=np.float64)
        found = np.require(self.weight(numbers), np.float64, ("C", "A"))
        if found.shape != numbers.shape:
            raise ConfigurationError(
                f"reward_averaging: has shape {found.shape}, not {(n_agents,)}"
            )
        fits = (found >= 0.0) & (found * numbers <= 1.0)
        if not fits.all():
            n = int(np.argmin(fits))
            raise ConfigurationError(
                f"reward_averaging: {found[n]:g}, the weight of a link between agents with {n} "
                f"neighbours, is not >= 0 and <= {1.0 / max(1, n):g}"
            )
        return found


@checked
@dataclass(frozen=True)
class Objective:
    """Whose rewards agents learn from.

    Parameters
    ----------
    rounds : int, optional
        C_r, the rounds in which they pass on their rewards at each stored transition, to learn from
        an estimate of the average. Without, they learn from their own.
    averaging : RewardAveraging
    """

    rounds: int | None = None
    averaging: RewardAveraging = RewardAveraging()


ARCHITECTURES = Registry("architecture", Architecture)
SCENARIOS = Registry("scenario", Scenario)
DEPARTURE_RULES = Registry("departure rule")
NETWORKS = Registry("network", Network)
ALGORITHMS = Registry("algorithm", Algorithm)
POLICY_IMPROVEMENTS = Registry("policy improvement")
SCORE_RULES = Registry("score rule")
ADOPTIONS = Registry("adoption", Adoption)
OBJECTIVES = Registry("objective", Objective)
REWARD_AVERAGINGS = Registry("reward averaging", RewardAveraging)
METRICS = Registry("metric", code="compute")
