# Gossip: policies spread between neighbours (Alg. 1 and 2, communication rounds).
#
# Only ranks travel: the learners' policies are ranked once by (sigma, total change, identity),
# and "adopt the neighbour's policy of smallest sigma" is a minimum over integers. A network is
# groups of agents and links between groups: agents of one group, such as a cell, have the same
# neighbours, so a round costs one pass over the agents and one over the groups and their links.
#
# Where links fail at random, each pair of agents has a link of its own: the smaller number i
# and the larger j name word i * 2^32 + j of the SplitMix64 sequence whose seed is the round's. So
# a link is the same in both directions, whatever asks for it and in whichever order. An agent asks
# for the members of a group in the order of their ranks, and no further than the first link that
# is up.
#
# Where any two agents are linked with the same probability, anew in every round, links need not be
# drawn one by one. The link of two agents matters only to the one whose policy is worse, so the
# links from each agent to those with better policies are its own, and the number of these that it
# misses before the first that it hears is geometric: one number for each agent and round, from word
# i of the round's sequence.

cdef struct Network:
    const int32_t *groups           # of the agents
    const int32_t *first_neighbour
    const int32_t *neighbours
    Py_ssize_t n_groups
    Py_ssize_t n_agents
    uint64_t drop_threshold         # a link fails where the upper 53 bits of its word are below it
    double chance                   # 1 / log(1 - p) where any two agents are linked with p, or 0
    int32_t *best_here              # of the groups
    int32_t *best_near
    int32_t *first_member           # (n_groups + 2,)
    int32_t *members                # agents, by group and rank
    int32_t *first_of_rank          # (n_agents + 2,)
    int32_t *order                  # agents, by rank
    int32_t *heard                  # of the agents


cdef inline uint64_t _splitmix(uint64_t seed, uint64_t number) noexcept nogil:
    """A word of the SplitMix64 sequence of a seed (Steele, Lea & Flood, 2014)."""
    cdef uint64_t word = seed + (number + 1) * <uint64_t>0x9E3779B97F4A7C15
    word = (word ^ (word >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    word = (word ^ (word >> 27)) * <uint64_t>0x94D049BB133111EB
    return word ^ (word >> 31)


cdef inline bint _is_up(
    uint64_t seed, int32_t i, int32_t j, uint64_t drop_threshold
) noexcept nogil:
    """Whether two agents are linked in the round of this seed."""
    return _splitmix(seed, <uint64_t>min(i, j) << 32 | <uint64_t>max(i, j)) >> 11 >= drop_threshold


cdef bint _adopt(const Network *network, int32_t *ranks, uint64_t seed) noexcept nogil:
    """Adopt policies in one round; False when all agents hold one rank already."""
    cdef Py_ssize_t i
    cdef bint agreed = True
    for i in range(1, network.n_agents):
        agreed = agreed and ranks[i] == ranks[0]
    if agreed:
        return False
    if network.chance < 0.0:
        _adopt_from_anyone(network, ranks, seed)
    elif network.drop_threshold > 0:
        _adopt_by_links(network, ranks, seed)
    else:
        _adopt_by_groups(network, ranks)
    return True


cdef void _adopt_by_groups(const Network *network, int32_t *ranks) noexcept nogil:
    """Adopt policies in a round without failing links."""
    cdef const int32_t *groups = network.groups
    cdef const int32_t *first_neighbour = network.first_neighbour
    cdef const int32_t *neighbours = network.neighbours
    cdef int32_t *best_here = network.best_here
    cdef int32_t *best_near = network.best_near
    cdef Py_ssize_t i, g, b
    cdef int32_t best
    for g in range(network.n_groups):
        best_here[g] = INT32_MAX
    for i in range(network.n_agents):
        best_here[groups[i]] = min(best_here[groups[i]], ranks[i])
    for g in range(network.n_groups):
        best = INT32_MAX
        for b in range(first_neighbour[g], first_neighbour[g + 1]):
            best = min(best, best_here[neighbours[b]])
        best_near[g] = best
    for i in range(network.n_agents):
        ranks[i] = best_near[groups[i]]


cdef void _adopt_by_links(const Network *network, int32_t *ranks, uint64_t seed) noexcept nogil:
    """Adopt policies in a round in which links fail."""
    cdef int32_t *members = network.members
    cdef int32_t *first_member = network.first_member
    cdef Py_ssize_t n_agents = network.n_agents, i, b, m
    cdef int32_t g, best
    _sort_by_rank(network, ranks)
    _sort_members(network)
    for i in range(n_agents):
        best = ranks[i]
        for b in range(
            network.first_neighbour[network.groups[i]],
            network.first_neighbour[network.groups[i] + 1],
        ):
            g = network.neighbours[b]
            for m in range(first_member[g], first_member[g + 1]):
                if ranks[members[m]] >= best:
                    break
                if _is_up(seed, <int32_t>i, members[m], network.drop_threshold):
                    best = ranks[members[m]]
                    break
        network.heard[i] = best
    for i in range(n_agents):
        ranks[i] = network.heard[i]


cdef void _adopt_from_anyone(
    const Network *network, int32_t *ranks, uint64_t seed
) noexcept nogil:
    """Adopt policies in a round in which any two agents are linked with one probability."""
    cdef Py_ssize_t i
    cdef double missed
    _sort_by_rank(network, ranks)
    for i in range(network.n_agents):
        missed = _log(((_splitmix(seed, i) >> 12) + 0.5) * 2.0**-52) * network.chance
        network.heard[i] = ranks[i]
        if missed < network.first_of_rank[ranks[i]]:
            network.heard[i] = ranks[network.order[<Py_ssize_t>missed]]
    for i in range(network.n_agents):
        ranks[i] = network.heard[i]


cdef void _sort_by_rank(const Network *network, const int32_t *ranks) noexcept nogil:
    """Sort the agents by rank, by counting."""
    # one place ahead, so that what is counted up in the end becomes the first of the rank itself
    cdef int32_t *next_of_rank = network.first_of_rank + 1
    cdef Py_ssize_t i
    for i in range(network.n_agents + 2):
        network.first_of_rank[i] = 0
    for i in range(network.n_agents):
        next_of_rank[ranks[i] + 1] += 1
    for i in range(network.n_agents):
        next_of_rank[i + 1] += next_of_rank[i]
    for i in range(network.n_agents):
        network.order[next_of_rank[ranks[i]]] = <int32_t>i
        next_of_rank[ranks[i]] += 1


cdef void _sort_members(const Network *network) noexcept nogil:
    """Sort the members of each group by rank, by counting once more."""
    cdef int32_t *next_member = network.first_member + 1
    cdef Py_ssize_t i, g
    for g in range(network.n_groups + 2):
        network.first_member[g] = 0
    for i in range(network.n_agents):
        next_member[network.groups[i] + 1] += 1
    for g in range(network.n_groups):
        next_member[g + 1] += next_member[g]
    for i in range(network.n_agents):
        g = network.groups[network.order[i]]
        network.members[next_member[g]] = network.order[i]
        next_member[g] += 1


cdef class _Links:
    """Memory of one call, and the Network that points into it."""

    cdef Network network
    cdef object _kept

    def __init__(
        self,
        const int32_t[::1] groups not None,
        const int32_t[::1] first_neighbour not None,
        const int32_t[::1] neighbours not None,
        Py_ssize_t n_agents,
        uint64_t drop_threshold,
        double probability,
    ):
        cdef Py_ssize_t n_groups = first_neighbour.shape[0] - 1, g, i
        cdef bint itself
        _demand(0 < n_agents <= MOST, f"ranks must be of 1 to {MOST} agents, not {n_agents}")
        _demand(groups.shape[0] == n_agents, "groups must have one entry for each agent")
        _check_indices("groups", groups, n_groups)
        _check_indices("neighbours", neighbours, n_groups)
        _check_indices("first_neighbour", first_neighbour, neighbours.shape[0] + 1)
        _demand(0.0 <= probability <= 1.0, f"probability must be in [0, 1], not {probability}")
        for g in range(n_groups):
            itself = False
            for i in range(first_neighbour[g], first_neighbour[g + 1]):
                itself |= neighbours[i] == g
            _demand(itself, f"group {g} must be a neighbour of itself")
        cdef double missing = _log(1.0 - probability) if probability < 1.0 else -INFINITY
        # as 0 is not to be divided by, and a link that is as good as never there is never there
        cdef double chance = 1.0 / missing if missing < 0.0 else -INFINITY
        cdef int32_t[:, ::1] of_groups = np.empty((3, n_groups + 2), dtype=np.int32)
        cdef int32_t[:, ::1] of_agents = np.empty((4, n_agents + 2), dtype=np.int32)
        self._kept = groups, first_neighbour, neighbours, of_groups, of_agents
        self.network = Network(
            groups=&groups[0], first_neighbour=&first_neighbour[0], neighbours=&neighbours[0],
            n_groups=n_groups, n_agents=n_agents, drop_threshold=drop_threshold,
            chance=chance,
            best_here=&of_groups[0, 0], best_near=&of_groups[1, 0],
            first_member=&of_groups[2, 0], members=&of_agents[0, 0],
            first_of_rank=&of_agents[1, 0], order=&of_agents[2, 0], heard=&of_agents[3, 0],
        )


@_changing("ranks")
def adopt_policies(
    const int32_t[::1] groups not None,
    int32_t[::1] ranks not None,
    const int32_t[::1] first_neighbour not None,
    const int32_t[::1] neighbours not None,
    uint64_t seed=0,
    uint64_t drop_threshold=0,
    double probability=1.0,
):
    """One communication round (Alg. 2, lines 23-26).

    Parameters
    ----------
    groups : (n_agents,) int32
        Group of each agent, such as its cell.
    ranks : (n_agents,) int32
        Rank below n_agents of the policy that each agent holds, smaller is preferred; changed in
        place.
    first_neighbour : (n_groups + 1,) int32
    neighbours : (n_links,) int32
        Groups that are linked to group g, itself included, are
        ``neighbours[first_neighbour[g]:first_neighbour[g + 1]]``.
    seed, drop_threshold : int
        The link of two agents fails where the upper 53 bits of its word, of the sequence with this
        seed, are below `drop_threshold`; never by default.
    probability : float
        Where it is below 1 any two agents are linked with this probability, whatever their groups.
    """
    cdef _Links links = _Links(
        groups, first_neighbour, neighbours, ranks.shape[0], drop_threshold, probability
    )
    _check_indices("ranks", ranks, ranks.shape[0])
    with nogil:
        _adopt(&links.network, &ranks[0], seed)


@_changing("states", "generators", "ranks")
def communicate(
    int32_t[::1] states,
    const int32_t[::1] policy_index,
    tables,
    const int32_t[:, :, ::1] next_states,
    const int32_t[:, :, ::1] next_state_thresholds,
    const double[:, ::1] rewards,
    uint32_t[:, ::1] generators,
    game=None,
    *,
    int32_t[::1] ranks not None,
    const int32_t[::1] policy_of_rank not None,
    Py_ssize_t rounds,
    const int32_t[::1] first_neighbour=None,
    const int32_t[::1] neighbours=None,
    const int32_t[::1] groups=None,
    const uint64_t[::1] seeds=None,
    uint64_t drop_threshold=0,
    double probability=1.0,
):
    """The communication rounds of one iteration, each followed by a step (Alg. 2, l. 22-29).

    Parameters
    ----------
    states, policy_index, tables, next_states, next_state_thresholds, rewards, generators, game
        As in :func:`step_population`; rewards are not read.
    ranks : (n_agents,) int32
        Rank of the policy that each agent holds; changed in place.
    policy_of_rank : (n_agents,) int32
        Row of `tables` that belongs to each rank.
    rounds : int
        C of the paper.
    first_neighbour, neighbours : optional
        As in :func:`adopt_policies`. Without links nobody hears anybody.
    groups : (n_agents,) int32, optional
        Group of each agent; by default its cell, where it is in a round.
    seeds : (rounds,) uint64, optional
        As in :func:`adopt_policies`, of each round; needed where links are drawn.
    drop_threshold, probability
        As in :func:`adopt_policies`.
    """
    cdef Py_ssize_t n_agents = states.shape[0]
    cdef _Workspace workspace = _Workspace(
        states, policy_index, tables, next_states, next_state_thresholds, generators, game, 1
    )
    cdef bint hearing = neighbours is not None and neighbours.shape[0] > 0
    cdef _Links links = None
    cdef Py_ssize_t c, i
    cdef bint drawn = drop_threshold > 0 or probability < 1.0
    _check_count("rounds", rounds)
    if ranks.shape[0] != n_agents or policy_of_rank.shape[0] != n_agents:
        raise ValueError("ranks and policy_of_rank must have one entry for each agent")
    _check_indices("ranks", ranks, n_agents)
    _check_indices("policy_of_rank", policy_of_rank, tables.shape[0])
    if hearing and first_neighbour is None:
        raise ValueError("first_neighbour must be given with neighbours")
    if hearing and groups is None and first_neighbour.shape[0] != next_states.shape[0] + 1:
        raise ValueError("first_neighbour must be of the states, where groups are not given")
    if drawn and (seeds is None or seeds.shape[0] != rounds):
        raise ValueError("seeds must have one entry for each round")
    if hearing:
        links = _Links(
            states if groups is None else groups, first_neighbour, neighbours, n_agents,
            drop_threshold, probability,
        )
    with nogil:
        for c in range(rounds):
            if hearing:
                hearing = _adopt(&links.network, &ranks[0], seeds[c] if drawn else 0)
                for i in range(n_agents):
                    workspace.follow(i, policy_of_rank[ranks[i]])
            workspace.move(1, NULL)
            workspace.close_block(1)
