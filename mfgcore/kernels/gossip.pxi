# Policies spreading between neighbours (Alg. 1 and 2, communication rounds).
#
# Only ranks travel: the learners' policies are ranked once by (sigma, total change, identity),
# and "adopt the neighbour's policy of smallest sigma" is a minimum over integers. Agents of one
# cell have the same neighbours, so a round costs one pass over the agents and one over the
# cells and their neighbours.


cdef bint _adopt(
    const int32_t *states,
    int32_t *ranks,
    Py_ssize_t n_agents,
    const int32_t *first_neighbour,
    const int32_t *neighbours,
    Py_ssize_t n_states,
    int32_t *best_here,
    int32_t *best_near,
) noexcept nogil:
    """One round for everybody at once. False when all agents hold one rank already."""
    cdef Py_ssize_t i, s, b
    cdef int32_t best
    cdef bint agreed = True
    for i in range(1, n_agents):
        agreed = agreed and ranks[i] == ranks[0]
    if agreed:
        return False
    for s in range(n_states):
        best_here[s] = INT32_MAX
    for i in range(n_agents):
        best_here[states[i]] = min(best_here[states[i]], ranks[i])
    for s in range(n_states):
        best = INT32_MAX
        for b in range(first_neighbour[s], first_neighbour[s + 1]):
            best = min(best, best_here[neighbours[b]])
        best_near[s] = best
    for i in range(n_agents):
        ranks[i] = best_near[states[i]]
    return True


def adopt_policies(
    const int32_t[::1] states,
    int32_t[::1] ranks,
    const int32_t[::1] first_neighbour,
    const int32_t[::1] neighbours,
):
    """One communication round (Alg. 2, lines 23-26).

    Parameters
    ----------
    states : (n_agents,) int32
        Cells of the agents.
    ranks : (n_agents,) int32
        Rank of the policy that each agent holds, smaller is preferred; changed in place.
    first_neighbour : (n_states + 1,) int32
    neighbours : (n_links,) int32
        Cells within the communication radius of cell s, itself included, are
        ``neighbours[first_neighbour[s]:first_neighbour[s + 1]]``.
    """
    cdef Py_ssize_t n_states = first_neighbour.shape[0] - 1
    cdef int32_t[::1] best_here = np.empty(n_states, dtype=np.int32)
    cdef int32_t[::1] best_near = np.empty(n_states, dtype=np.int32)
    with nogil:
        _adopt(&states[0], &ranks[0], states.shape[0], &first_neighbour[0], &neighbours[0],
               n_states, &best_here[0], &best_near[0])


def communicate(
    int32_t[::1] states,
    const int32_t[::1] policy_index,
    tables,
    const int32_t[:, :, ::1] outcomes,
    const int32_t[:, :, ::1] outcome_thresholds,
    const double[:, ::1] rewards,
    uint32_t[:, ::1] generators,
    game=None,
    *,
    int32_t[::1] ranks,
    const int32_t[::1] policy_of_rank,
    Py_ssize_t rounds,
    const int32_t[::1] first_neighbour=None,
    const int32_t[::1] neighbours=None,
):
    """The communication rounds of one iteration, each followed by a step (Alg. 2, l. 22-29).

    Parameters
    ----------
    states, policy_index, tables, outcomes, outcome_thresholds, rewards, generators, game
        As in :func:`step_population`; nobody asks for rewards.
    ranks : (n_agents,) int32
        Rank of the policy that each agent holds; changed in place.
    policy_of_rank : (n_agents,) int32
        Row of `tables` that belongs to each rank.
    rounds : int
        C of the paper.
    first_neighbour, neighbours : optional
        As in :func:`adopt_policies`. Without links nobody hears anybody.
    """
    cdef Py_ssize_t n_agents = states.shape[0]
    cdef Py_ssize_t n_states = outcomes.shape[0]
    cdef int32_t[::1] best_here = np.empty(n_states, dtype=np.int32)
    cdef int32_t[::1] best_near = np.empty(n_states, dtype=np.int32)
    cdef _Workspace workspace = _Workspace(
        states, policy_index, tables, outcomes, outcome_thresholds, generators, game, 1
    )
    cdef bint hearing = neighbours is not None and neighbours.shape[0] > 0
    cdef Py_ssize_t c, i
    with nogil:
        for c in range(rounds):
            if hearing:
                hearing = _adopt(
                    &states[0], &ranks[0], n_agents, &first_neighbour[0], &neighbours[0],
                    n_states, &best_here[0], &best_near[0],
                )
                for i in range(n_agents):
                    workspace.follow(i, policy_of_rank[ranks[i]])
            workspace.move(1, NULL)
            workspace.close_block(1)
