# One population walking through the game (Alg. 2, lines 6-13 and 27).

def step_population(
    int32_t[::1] states,
    const int32_t[::1] policy_index,
    tables,
    const int32_t[:, ::1] next_state,
    const double[:, ::1] rewards,
    uint32_t[:, ::1] generators,
    *,
    Py_ssize_t n_steps,
    double[::1] population_rewards=None,
    int64_t[::1] occupancy=None,
    Py_ssize_t deviator=0,
    double[::1] deviator_rewards=None,
    const int32_t[::1] learners=None,
    Transition[:, ::1] transitions=None,
    Py_ssize_t interval=1,
    Py_ssize_t skipped=0,
):
    """Let the population take steps; record its rewards and the learners' transitions.

    The reward at time t uses the counts before the move, the agent itself included. After every
    `interval` steps (M_td), the newest transition whose next action is known, zeta_{t-2}, goes to
    each learner's buffer, except for the first `skipped` times (Alg. 2, lines 5-13).

    Parameters
    ----------
    states : (n_agents,) int32
        Cells; changed in place.
    policy_index : (n_agents,) int32
        Which of the policies each agent follows.
    tables : (n_policies, n_states) of :func:`policy_row`
        Policies as made by :func:`policy_tables`.
    next_state : (n_states, n_actions) int32
    rewards : (n_states, n_agents + 1) float64
        R by cell and number of agents in it.
    generators : (4, n_agents) uint32
        Action streams; changed in place.
    n_steps : int
    population_rewards : (n_steps,) float64, optional
        Output: the sum over the agents of r + h at each step.
    occupancy : (n_states,) int64, optional
        The counts before each move are added to it.
    deviator : int
    deviator_rewards : (n_steps,) float64, optional
        Output: r + h of the agent `deviator`.
    learners : (n_learners,) int32, optional
        Agents that record transitions.
    transitions : (n_learners, n) of :data:`TRANSITION`
        Output, if there are learners.
    interval : int
        M_td: environment steps for each transition.
    skipped : int
        Number of first transitions left out (W + 1 for Algorithm 2).

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    cdef _Workspace workspace = _Workspace(
        states, policy_index, tables, next_state, rewards, generators, n_steps
    )
    cdef World *world = &workspace.world
    cdef Py_ssize_t n_states = world.n_states
    cdef Py_ssize_t block, first, length, wanted, t, s, state
    cdef bint adding = population_rewards is not None
    cdef bint watching = deviator_rewards is not None
    cdef bint occupying = occupancy is not None
    cdef bint recording = learners is not None
    cdef _Recorder recorder = None
    cdef Py_ssize_t steps[BLOCK]
    cdef double entropies[BLOCK][CHAINS]
    cdef double totals[BLOCK]
    cdef int32_t[:, ::1] counts = np.zeros((BLOCK, n_states), dtype=np.int32)
    # of one policy for all, h is the same for everybody in a cell, and is counted with the rewards
    cdef bint shared = bool((np.asarray(policy_index) == policy_index[0]).all())
    cdef double[:, ::1] cell_sums = None
    if adding:
        sums = np.asarray(rewards) + (tables["entropy"][policy_index[0]][:, None] if shared else 0.0)
        sums *= np.arange(rewards.shape[1])
        cell_sums = sums
    if recording:
        kept = n_steps // interval - skipped - (interval == 1 and skipped == 0)
        if transitions is None or (
            transitions.shape[0] != learners.shape[0] or transitions.shape[1] != kept
        ):
            raise ValueError(f"transitions must have shape ({learners.shape[0]}, {kept})")
        recorder = _Recorder(learners, transitions, n_states)
    for name, output in (
        ("population_rewards", population_rewards), ("deviator_rewards", deviator_rewards)
    ):
        if output is not None and output.shape[0] != n_steps:
            raise ValueError(f"{name} must have one entry for each step")
    with nogil:
        for block in range((n_steps + BLOCK - 1) // BLOCK):
            first = block * BLOCK
            length = min(<Py_ssize_t>BLOCK, n_steps - first)
            _move(world, length, entropies if adding and not shared else NULL)
            wanted = 0
            for t in range(length):
                # a transition begins, or somebody asks for every step
                if adding or watching or occupying or (
                    recording and (first + t + 2) % interval == 0
                ):
                    steps[wanted] = t
                    wanted += 1
            _count(world, steps, wanted, &counts[0, 0])
            if adding:
                for t in range((length + SUMMED - 1) // SUMMED):
                    _add_rewards(
                        &cell_sums[0, 0], &counts[SUMMED * t, 0], n_states, world.n_agents,
                        totals + SUMMED * t,
                    )
                for t in range(length):
                    population_rewards[first + t] = totals[t]
                    if not shared:
                        population_rewards[first + t] += (entropies[t][0] + entropies[t][1]) + (
                            entropies[t][2] + entropies[t][3]
                        )
            if watching:
                for t in range(length):
                    state = world.places[t * world.n_agents + deviator] & 0xFFFF
                    deviator_rewards[first + t] = rewards[state, counts[t, state]] + _entropy_of(
                        world.policies[deviator] + state * _row_size(world.n_actions),
                        world.n_actions,
                    )
            if occupying:
                for t in range(length):
                    for s in range(n_states):
                        occupancy[s] += counts[t, s]
            if recording:
                for t in range(length):
                    if (first + t + 1) % interval == 0 and first + t > 0 and (
                        (first + t + 1) // interval > skipped
                    ):
                        recorder.record(world, world.places + t * world.n_agents)
                    if (first + t + 2) % interval == 0:
                        recorder.begin(world, &counts[t, 0])
            workspace.close_block(length)
        if recording:
            recorder.write()
