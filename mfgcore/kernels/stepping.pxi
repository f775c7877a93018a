# One population walking through the game (Alg. 2, lines 6-13 and 27).
#
# A policy row is stored as |A| - 1 integer thresholds: action = number of thresholds below the
# 31-bit uniform number of the agent. An action of probability 0 is never taken, and the
# probabilities are rounded to 2**-31.
#
# Where an agent goes does not depend on the others, only what it is paid does. So a group of
# agents takes a whole block of steps, whose policies then stay in the first-level cache, before
# the next group takes the same steps; who was where is counted afterwards.

cdef enum:
    BLOCK = 64  # steps; a multiple of SUMMED
    GROUP = 64  # agents; a multiple of CHAINS
    CHAINS = 4  # agents are dealt to 4 partial sums, so that none waits for the last
    SUMMED = 8  # steps whose rewards are summed side by side, for the same reason
    NEAR = 1 << 20  # bytes of policies that the caches hold; of more, the next are fetched ahead
    PAGE = 4096  # bytes of a policy; most of a longer one is not visited in a block
    COLLECTED = 8  # transitions of 8 bytes that make a cache line
    DISTANCE = 32  # learners from the one whose policy is fetched to the one who records


cdef extern from *:
    """
    /* Bit b is set if thresholds[b] is below the uniform number. */
    #ifdef __SSE2__
    #include <emmintrin.h>
    static inline int thresholds_below(const int *thresholds, int uniform) {
        __m128i below = _mm_cmpgt_epi32(
            _mm_set1_epi32(uniform), _mm_loadu_si128((const __m128i *)thresholds));
        return _mm_movemask_ps(_mm_castsi128_ps(below));
    }
    #else
    static inline int thresholds_below(const int *thresholds, int uniform) {
        return (uniform > thresholds[0]) | (uniform > thresholds[1]) << 1
            | (uniform > thresholds[2]) << 2 | (uniform > thresholds[3]) << 3;
    }
    #endif

    static inline void fetch_ahead(const char *bytes, size_t n) {
    #ifdef __GNUC__
        for (size_t i = 0; i < n; i += 64)
            __builtin_prefetch(bytes + i, 0, 2);
    #endif
    }
    """
    int thresholds_below(const int32_t *thresholds, int32_t uniform) noexcept nogil
    void fetch_ahead(const char *bytes, size_t n) noexcept nogil


cdef struct World:
    # What the steps read and write.
    Py_ssize_t n_agents
    Py_ssize_t n_states
    Py_ssize_t n_actions
    const uint32_t *moves      # (n_states, n_outcomes): place after each outcome of a draw
    const double *rewards      # (n_states, n_agents + 1)
    const char **policies      # (n_agents,): rows of the policy that the agent follows
    Py_ssize_t ahead           # bytes of a policy that are fetched before its follower moves
    uint32_t *places           # (BLOCK + 1, n_agents): 65536 * pair that led there + state
    uint32_t *generators       # (4, n_agents)


# The row of a policy in one state, see policy_tables: thresholds, then h.

cdef inline Py_ssize_t _entropy_offset(Py_ssize_t n_actions) noexcept nogil:
    return n_actions // 2 * 8


cdef inline Py_ssize_t _row_size(Py_ssize_t n_actions) noexcept nogil:
    return (_entropy_offset(n_actions) + 8 + 15) // 16 * 16


cdef inline double _entropy_of(const char *row, Py_ssize_t n_actions) noexcept nogil:
    return (<const double *>(row + _entropy_offset(n_actions)))[0]


cdef inline Py_ssize_t _outcome(
    const int32_t *thresholds, int32_t uniform, Py_ssize_t n_actions
) noexcept nogil:
    """What the random number decides: the action, but for five actions bits.

    The four thresholds of five actions are compared at once; they grow, so action a gives a
    ones, and nothing needs to count them.
    """
    cdef Py_ssize_t b, action = 0
    if n_actions == 5:
        return thresholds_below(thresholds, uniform)
    for b in range(n_actions - 1):
        action += uniform > thresholds[b]
    return action


cdef inline Py_ssize_t _n_outcomes(Py_ssize_t n_actions) noexcept nogil:
    return 16 if n_actions == 5 else n_actions


cdef inline const char *_row_left(
    const World *world, Py_ssize_t agent, uint32_t place
) noexcept nogil:
    """Row of the state from which an agent came to its place."""
    cdef Py_ssize_t state = (place >> 16) // <uint32_t>world.n_actions
    return world.policies[agent] + state * _row_size(world.n_actions)


cdef inline double _move_one(
    World *world, Py_ssize_t agent, uint32_t *place, uint32_t word, Py_ssize_t n_actions
) noexcept nogil:
    """One agent moves from the place given to the one a row below; return h before the move."""
    cdef Py_ssize_t state = place[0] & 0xFFFF
    cdef const char *row = world.policies[agent] + state * _row_size(n_actions)
    cdef Py_ssize_t outcome = _outcome(<const int32_t *>row, <int32_t>word, n_actions)
    place[world.n_agents] = world.moves[state * _n_outcomes(n_actions) + outcome]
    return _entropy_of(row, n_actions)


cdef inline void _move_group(
    World *world,
    Py_ssize_t first,
    Py_ssize_t n,
    Py_ssize_t n_steps,
    double[CHAINS] *entropies,
    bint adding,
    Py_ssize_t n_actions,
) noexcept nogil:
    """Agents first ... first + n - 1 take the steps of a block.

    If `adding`, their h(pi(s)) at every step is added to `entropies`, (n_steps, CHAINS).
    """
    cdef uint32_t generators[4 * GROUP]  # the compiler knows that nothing else changes them
    cdef uint32_t words[GROUP]
    cdef uint32_t *places
    cdef double sum0 = 0.0, sum1 = 0.0, sum2 = 0.0, sum3 = 0.0  # unused if not adding
    cdef Py_ssize_t t, i, quarter, w
    for w in range(4):
        for i in range(n):
            generators[w * GROUP + i] = world.generators[w * world.n_agents + first + i]
    for t in range(n_steps):
        _advance_all(generators, GROUP, words, GROUP, 1)
        if world.ahead and first + GROUP + t < world.n_agents:
            fetch_ahead(world.policies[first + GROUP + t], world.ahead)
        places = world.places + t * world.n_agents + first
        if adding:
            sum0, sum1 = entropies[t][0], entropies[t][1]
            sum2, sum3 = entropies[t][2], entropies[t][3]
        for quarter in range(n // CHAINS):
            i = CHAINS * quarter
            sum0 += _move_one(world, first + i, places + i, words[i], n_actions)
            sum1 += _move_one(world, first + i + 1, places + i + 1, words[i + 1], n_actions)
            sum2 += _move_one(world, first + i + 2, places + i + 2, words[i + 2], n_actions)
            sum3 += _move_one(world, first + i + 3, places + i + 3, words[i + 3], n_actions)
        for i in range(n // CHAINS * CHAINS, n):
            sum0 += _move_one(world, first + i, places + i, words[i], n_actions)
        if adding:
            entropies[t][0], entropies[t][1] = sum0, sum1
            entropies[t][2], entropies[t][3] = sum2, sum3
    for w in range(4):
        for i in range(n):
            world.generators[w * world.n_agents + first + i] = generators[w * GROUP + i]


cdef void _move(World *world, Py_ssize_t n_steps, double[CHAINS] *entropies) noexcept nogil:
    """Everybody takes the n_steps <= BLOCK steps of a block.

    `entropies`, (n_steps, CHAINS), receives partial sums of h over the agents; NULL: nobody asks.
    """
    cdef Py_ssize_t group, first, n, t, c
    if entropies != NULL:
        for t in range(n_steps):
            for c in range(CHAINS):
                entropies[t][c] = 0.0
    for group in range((world.n_agents + GROUP - 1) // GROUP):
        first = group * GROUP
        n = min(<Py_ssize_t>GROUP, world.n_agents - first)
        # what the compiler knows inside is written out
        if world.n_actions != 5:
            _move_group(world, first, n, n_steps, entropies, entropies != NULL, world.n_actions)
        elif entropies != NULL:
            _move_group(world, first, n, n_steps, entropies, True, 5)
        else:
            _move_group(world, first, n, n_steps, entropies, False, 5)


cdef inline void _count_one(
    const World *world, Py_ssize_t agent, Py_ssize_t step, int32_t *counts
) noexcept nogil:
    cdef uint32_t place = world.places[step * world.n_agents + agent]
    counts[step * world.n_states + (place & 0xFFFF)] += 1


cdef void _count(
    const World *world, const Py_ssize_t *steps, Py_ssize_t n_steps, int32_t *counts
) noexcept nogil:
    """Number of agents in every cell before the given steps of a block.

    `counts` is (BLOCK, n_states); the rows of other steps are left as they are. Four steps are
    counted side by side, as agents in one cell wait for each other.
    """
    cdef Py_ssize_t k, i, whole = n_steps // 4 * 4
    for k in range(n_steps):
        for i in range(world.n_states):
            counts[steps[k] * world.n_states + i] = 0
    for k in range(0, whole, 4):
        for i in range(world.n_agents):
            _count_one(world, i, steps[k], counts)
            _count_one(world, i, steps[k + 1], counts)
            _count_one(world, i, steps[k + 2], counts)
            _count_one(world, i, steps[k + 3], counts)
    for k in range(whole, n_steps):
        for i in range(world.n_agents):
            _count_one(world, i, steps[k], counts)


cdef void _add_rewards(
    const double *cell_sums,
    const int32_t *counts,
    Py_ssize_t n_states,
    Py_ssize_t n_agents,
    double *totals,
) noexcept nogil:
    """Sum of the agents' rewards at SUMMED steps.

    `cell_sums`, (n_states, n_agents + 1), is the sum over the agents of one cell; `counts` is
    (SUMMED, n_states). A sum over the cells is n_states additions in a row, each of which waits
    for the one before; the sums of several steps do not wait for each other.
    """
    cdef double total[SUMMED]
    cdef Py_ssize_t s, t
    for t in range(SUMMED):
        total[t] = 0.0
    for s in range(n_states):
        for t in range(SUMMED):
            total[t] += cell_sums[s * (n_agents + 1) + counts[t * n_states + s]]
    for t in range(SUMMED):
        totals[t] = total[t]


cdef class _Workspace:
    """Arrays that live as long as one call, and the World that points into them."""

    cdef World world
    cdef object _kept
    cdef int32_t[::1] states
    cdef const uint8_t[:, ::1] rows  # (n_policies, n_states * bytes of a row)

    def __init__(
        self,
        int32_t[::1] states not None,
        const int32_t[::1] policy_index not None,
        tables,
        const int32_t[:, ::1] next_state not None,
        const double[:, ::1] rewards not None,
        uint32_t[:, ::1] generators not None,
        Py_ssize_t n_steps,
    ):
        cdef Py_ssize_t n = states.shape[0]
        cdef Py_ssize_t n_states = next_state.shape[0], n_actions = next_state.shape[1]
        cdef Py_ssize_t i, s, a
        if rewards.shape[1] != n + 1 or rewards.shape[0] != n_states:
            raise ValueError("rewards must have shape (n_states, n_agents + 1)")
        if policy_index.shape[0] != n or generators.shape[1] != n or generators.shape[0] != 4:
            raise ValueError("policy_index and generators must have one entry for each agent")
        if tables.shape[1] != n_states or tables.dtype != policy_row(n_actions):
            raise ValueError("tables must be policy_tables of these states and actions")
        if n_states * n_actions > 65536:
            raise ValueError("there may be at most 65536 state-action pairs")
        cdef uint32_t[:, ::1] moves = np.zeros((n_states, _n_outcomes(n_actions)), dtype=np.uint32)
        cdef uint32_t[:, ::1] places = np.empty((min(n_steps, BLOCK) + 1, n), dtype=np.uint32)
        cdef uint64_t[::1] policies = np.empty(n, dtype=np.uint64)  # pointers
        for s in range(n_states):
            for a in range(n_actions):
                moves[s, (1 << a) - 1 if n_actions == 5 else a] = <uint32_t>(
                    (s * n_actions + a) << 16 | next_state[s, a]
                )
        for i in range(n):
            places[0, i] = <uint32_t>states[i]
        self.states = states
        self.rows = tables.view(np.uint8)
        self._kept = (rewards, generators, moves, places, policies)
        self.world = World(
            n_agents=n, n_states=n_states, n_actions=n_actions, moves=&moves[0, 0],
            rewards=&rewards[0, 0], policies=<const char **>&policies[0], places=&places[0, 0],
            generators=&generators[0, 0], ahead=0,
        )
        if self.rows.shape[1] <= PAGE and self.rows.shape[0] * self.rows.shape[1] > NEAR:
            self.world.ahead = self.rows.shape[1]
        for i in range(n):
            self.follow(i, policy_index[i])

    cdef inline void follow(self, Py_ssize_t agent, Py_ssize_t policy) noexcept nogil:
        """Let an agent follow a policy."""
        self.world.policies[agent] = <const char *>&self.rows[policy, 0]

    cdef void close_block(self, Py_ssize_t n_steps) noexcept nogil:
        """What was the end of a block of steps is the beginning of the next, and the caller's."""
        cdef Py_ssize_t i, n = self.world.n_agents
        for i in range(n):
            self.world.places[i] = self.world.places[n_steps * n + i]
            self.states[i] = <int32_t>(self.world.places[i] & 0xFFFF)


cdef class _Recorder:
    """Writes the learners' transitions into their buffers.

    The buffers lie far apart in memory, where single transitions are slow to write: they are
    collected time by time, and each learner's then written together.
    """

    cdef const int32_t[::1] learners
    cdef Transition[:, ::1] transitions
    cdef Transition[:, ::1] collected  # (COLLECTED, n_learners)
    cdef double[::1] paid  # (n_states,): rewards at the step that began the newest transition
    cdef Py_ssize_t filled, n_collected

    def __init__(self, learners, Transition[:, ::1] transitions, Py_ssize_t n_states):
        self.learners = learners
        self.transitions = transitions
        self.collected = np.empty((COLLECTED, learners.shape[0]), dtype=TRANSITION)
        self.paid = np.zeros(n_states)
        self.filled = self.n_collected = 0

    cdef void begin(self, const World *world, const int32_t *counts) noexcept nogil:
        """A transition begins with a step before which the counts are these."""
        cdef Py_ssize_t s
        for s in range(world.n_states):
            self.paid[s] = world.rewards[s * (world.n_agents + 1) + counts[s]]

    cdef void record(self, const World *world, const uint32_t *places) noexcept nogil:
        """Complete the transition that led to the given places with the pairs of the next step."""
        cdef Py_ssize_t l, state, n = self.learners.shape[0]
        cdef int32_t learner
        cdef uint32_t pair
        cdef const char *row
        cdef Transition *collected
        for l in range(n):
            if world.ahead and l + DISTANCE < n:
                learner = self.learners[l + DISTANCE]
                fetch_ahead(_row_left(world, learner, places[learner]), 1)
            learner = self.learners[l]
            pair = places[learner] >> 16
            state = pair // <uint32_t>world.n_actions
            row = _row_left(world, learner, places[learner])
            collected = &self.collected[self.n_collected, l]
            collected.pair = <uint16_t>pair
            collected.next_pair = <uint16_t>(places[world.n_agents + learner] >> 16)
            collected.reward = <float>(self.paid[state] + _entropy_of(row, world.n_actions))
        self.n_collected += 1
        if self.n_collected == COLLECTED:
            self.write()

    cdef void write(self) noexcept nogil:
        """Bring the learners' buffers up to date."""
        cdef Py_ssize_t l, c
        for l in range(self.learners.shape[0]):
            for c in range(self.n_collected):
                self.transitions[l, self.filled + c] = self.collected[c, l]
        self.filled += self.n_collected
        self.n_collected = 0


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


def policy_row(Py_ssize_t n_actions):
    """Data type of one row of a policy: what a step reads of it, side by side in memory.

    Parameters
    ----------
    n_actions : int

    Returns
    -------
    dtype
        thresholds : (n_actions - 1,) int32
            Cumulated probabilities times 2**31, rounded, minus 1.
        entropy : float64
            h(pi(s)) = -lambda * sum of u log u.
    """
    return np.dtype({
        "names": ["thresholds", "entropy"],
        "formats": [(np.int32, (n_actions - 1,)), np.float64],
        "offsets": [0, _entropy_offset(n_actions)],
        "itemsize": _row_size(n_actions),
    })


def policy_tables(const double[:, :, ::1] policies, double entropy_weight):
    """What the stepping kernels read of a policy.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
    entropy_weight : float
        lambda of the paper.

    Returns
    -------
    (n_policies, n_states) of :func:`policy_row`
    """
    cdef Py_ssize_t n_policies = policies.shape[0], n_states = policies.shape[1]
    cdef Py_ssize_t n_actions = policies.shape[2]
    tables = np.zeros((n_policies, n_states), dtype=policy_row(n_actions))
    cdef int32_t[:, :, :] thresholds = tables["thresholds"]
    cdef double[:, :] entropies = tables["entropy"]
    cdef Py_ssize_t p, s, a
    cdef double cumulated, total
    with nogil:
        for p in range(n_policies):
            for s in range(n_states):
                cumulated = 0.0
                for a in range(n_actions - 1):
                    cumulated += policies[p, s, a]
                    thresholds[p, s, a] = <int32_t>(
                        <int64_t>rint(min(cumulated, 1.0) * 2147483648.0) - 1
                    )
                total = 0.0
                for a in range(n_actions):
                    if policies[p, s, a] > 0.0:
                        total += policies[p, s, a] * _log(policies[p, s, a])
                entropies[p, s] = -entropy_weight * total
    return tables
