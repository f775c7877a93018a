# Rollouts of one population (Alg. 2, lines 6-13 and 27).

@_changing(
    "states", "generators", "population_rewards", "occupancy", "deviator_rewards", "transitions",
    "estimate_errors",
)
def step_population(
    int32_t[::1] states,
    const int32_t[::1] policy_index,
    tables,
    const int32_t[:, :, ::1] next_states,
    const int32_t[:, :, ::1] next_state_thresholds,
    const double[:, ::1] rewards,
    uint32_t[:, ::1] generators,
    game=None,
    *,
    Py_ssize_t n_steps,
    double[::1] population_rewards=None,
    int64_t[::1] occupancy=None,
    Py_ssize_t deviator=0,
    double[::1] deviator_rewards=None,
    const int32_t[::1] learners=None,
    Transition[:, ::1] transitions=None,
    Py_ssize_t interval=1,
    Py_ssize_t n_discarded=0,
    bint reward_after_move=False,
    const int32_t[::1] first_neighbour=None,
    const int32_t[::1] neighbours=None,
    const int32_t[::1] groups=None,
    Py_ssize_t exchange_rounds=0,
    const double[::1] link_weights=None,
    uint64_t seed=0,
    uint64_t drop_threshold=0,
    double[::1] estimate_errors=None,
):
    """Take steps with the population; record its rewards and the learners' transitions.

    The reward at time t uses the counts before the move, the agent itself included. What depends
    on the mean field and is not in a table is computed by the game, at mu = counts / n_agents: its
    rewards at all steps of a block at once, its transition probabilities before each step. After
    every `interval` steps (M_td), the newest transition whose next action is known, zeta_{t-2},
    goes to each learner's buffer, except for the first `n_discarded` times (Alg. 2, lines 5-13).

    Parameters
    ----------
    states : (n_agents,) int32
        Cells; changed in place.
    policy_index : (n_agents,) int32
        Which of the policies each agent follows.
    tables : (n_policies, n_states) of :func:`policy_row`
        Policies as made by :func:`policy_tables`.
    next_states : (n_states, n_actions, n_next_states) int32
        Of at most 65536 pairs of a state and an action.
    next_state_thresholds : (n_states, n_actions, n_next_states - 1) int32 or None
        Their probabilities as made by :func:`next_state_thresholds`. None: there is one next
        state, or the game is called.
    rewards : (n_states, n_agents + 1) float64 or None
        R by cell and number of agents in it. None: the game is called.
    generators : (4, n_agents) uint32
        Action streams; changed in place. A step takes a word of each, and another where there are
        several next states.
    game : optional
        Its ``checked_rewards`` and ``checked_transition_probabilities`` are called. The rewards at
        one mean field may not depend on the others that are given with it. What the game raises
        is not caught: the agents then stand where the last block of steps ended.
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
    n_discarded : int
        Number of first transitions left out (W + 1 for Algorithm 2).
    reward_after_move : bool
        Whether a transition has the reward, by a table, of the state that it leads to and of the
        counts there, instead of that of the state where it begins (D3).
    first_neighbour, neighbours, groups : optional
        As in :func:`communicate`. If given, transitions have, in place of an agent's own reward, its
        estimate of the average reward of the population, by what it hears over these links.
    exchange_rounds : int
        C_r: rounds in which rewards are passed on; without any, agents know their own reward.
    link_weights : (n_agents,) float64, optional
        Weight of a link, by the number of neighbours that the one of its ends has that has more.
        None: the estimate is the mean of all rewards that an agent has heard.
    seed, drop_threshold : int
        As in :func:`adopt_policies`; round c of kept transition m draws from the sequence whose seed
        is word m * exchange_rounds + c of the one with this seed.
    estimate_errors : (n,) float64, optional
        Output, if there are neighbours: of each kept transition, the mean over the agents of the
        square of the difference between estimate and average.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a next state is no state.
    ConfigurationError
        From the game, whose rewards or transition probabilities are not what they should be.
    """
    cdef _Workspace workspace = _Workspace(
        states, policy_index, tables, next_states, next_state_thresholds, generators, game, n_steps
    )
    cdef _Rewards paying = _Rewards(workspace, rewards, game)
    cdef Environment *env = &workspace.env
    cdef Py_ssize_t n_states = env.n_states
    cdef Py_ssize_t first, length, wanted, t, s, state
    cdef bint adding = population_rewards is not None
    cdef bint watching = deviator_rewards is not None
    cdef bint occupying = occupancy is not None
    cdef bint recording = learners is not None
    cdef bint calls_game = rewards is None and (adding or watching or recording)
    cdef bint adding_entropies
    # the reward of a transition is by the counts at its first step, or one later
    cdef int begins = 1 if reward_after_move else 2
    # transitions that are not kept; the first step of an iteration cannot complete one
    cdef Py_ssize_t skipped = n_discarded + (interval == 1 and n_discarded == 0)
    cdef _Recorder recorder = None
    cdef _RewardExchange exchange = None
    cdef Py_ssize_t steps[BLOCK]
    cdef double entropies[BLOCK][CHAINS]
    cdef double totals[BLOCK]
    cdef int32_t[:, ::1] counts = workspace.counts
    if adding and rewards is not None:
        paying.add_by_cell(tables, np.asarray(policy_index))
    adding_entropies = adding and not paying.shared
    if not 0 <= deviator < env.n_agents:
        raise ValueError(f"deviator must be 0 to {env.n_agents - 1}, not {deviator}")
    _check_count("n_discarded", n_discarded, MOST)
    if interval < 1:
        raise ValueError(f"interval must be >= 1, not {interval}")
    if recording:
        _check_indices("learners", learners, env.n_agents)
        kept = n_steps // interval - skipped
        if transitions is None or (
            transitions.shape[0] != learners.shape[0] or transitions.shape[1] != kept
        ):
            raise ValueError(f"transitions must have shape ({learners.shape[0]}, {kept})")
        if reward_after_move and rewards is None:
            raise ValueError("reward_after_move needs rewards in a table")
        if neighbours is not None:
            if estimate_errors is not None and estimate_errors.shape[0] != kept:
                raise ValueError(f"estimate_errors must have shape ({kept},)")
            exchange = _RewardExchange(
                groups, first_neighbour, neighbours, exchange_rounds, link_weights, seed,
                drop_threshold, estimate_errors, env.n_agents, n_states,
            )
        recorder = _Recorder(learners, transitions, paying, reward_after_move, exchange)
    for name, output in (
        ("population_rewards", population_rewards), ("deviator_rewards", deviator_rewards)
    ):
        if output is not None and output.shape[0] != n_steps:
            raise ValueError(f"{name} must have one entry for each step")
    if occupying and occupancy.shape[0] != n_states:
        raise ValueError("occupancy must have one entry for each state")
    with nogil:
        first = 0
        while first < n_steps:
            length = min(workspace.block, n_steps - first)
            workspace.move(length, entropies if adding_entropies else NULL)
            wanted = 0
            for t in range(length):
                # a transition begins, or every step is wanted
                if adding or watching or occupying or (
                    recording and (first + t + begins) % interval == 0
                ):
                    steps[wanted] = t
                    wanted += 1
            _count(env, steps, wanted, &counts[0, 0])
            if calls_game and wanted:
                with gil:
                    paying.call_game(steps, wanted)
            if adding:
                paying.add(length, totals)
                for t in range(length):
                    population_rewards[first + t] = totals[t]
                    if adding_entropies:
                        population_rewards[first + t] += (entropies[t][0] + entropies[t][1]) + (
                            entropies[t][2] + entropies[t][3]
                        )
            if watching:
                for t in range(length):
                    state = env.places[t * env.n_agents + deviator] & 0xFFFF
                    deviator_rewards[first + t] = paying.of(t, deviator) + _entropy_of(
                        env.policies[deviator] + state * _row_size(env.n_actions),
                        env.n_actions,
                    )
            if occupying:
                for t in range(length):
                    for s in range(n_states):
                        occupancy[s] += counts[t, s]
            if recording:
                for t in range(length):
                    if reward_after_move and (first + t + begins) % interval == 0:
                        recorder.begin(t, (first + t + begins) // interval - 1 - skipped)
                    if (first + t + 1) % interval == 0 and first + t > 0 and (
                        (first + t + 1) // interval > n_discarded
                    ):
                        recorder.record(env, env.places + t * env.n_agents)
                    if not reward_after_move and (first + t + begins) % interval == 0:
                        recorder.begin(t, (first + t + begins) // interval - 1 - skipped)
            workspace.close_block(length)
            first += length
        if recording:
            recorder.write()
