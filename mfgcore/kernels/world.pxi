# Everybody moves (Alg. 2, lines 7 and 27).
#
# Where an agent goes depends on what it draws and, where moves depend on the mean field, on where
# the others are now; never on where they go. So a group of agents takes a whole block of steps,
# whose policies then stay in the first-level cache, before the next group takes the same steps;
# who was where is counted afterwards. If moves depend on the mean field a block is one step.

cdef enum:
    BLOCK = 64  # steps; a multiple of SUMMED
    GROUP = 64  # agents; a multiple of CHAINS
    CHAINS = 4  # agents are dealt to 4 partial sums, so that none waits for the last
    NEAR = 1 << 20  # bytes of policies that the caches hold; of more, the next are fetched ahead
    PAGE = 4096  # bytes of a policy; most of a longer one is not visited in a block


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
    Py_ssize_t n_outcomes      # of an action
    const uint32_t *moves      # (n_states, n_decisions): place after each, by its first outcome
    const int32_t *outcomes    # (n_states, n_actions, n_outcomes)
    const int32_t *thresholds  # (n_states, n_actions, n_outcomes - 1)
    const char **policies      # (n_agents,): rows of the policy that the agent follows
    Py_ssize_t ahead           # bytes of a policy that are fetched before its follower moves
    uint32_t *places           # (block + 1, n_agents): 65536 * pair that led there + state
    uint32_t *generators       # (4, n_agents)


cdef inline Py_ssize_t _below(
    const int32_t *thresholds, int32_t uniform, Py_ssize_t n
) noexcept nogil:
    """How many of the n thresholds are below the random number."""
    cdef Py_ssize_t b, below = 0
    for b in range(n):
        below += uniform > thresholds[b]
    return below


cdef inline Py_ssize_t _decision(
    const int32_t *thresholds, int32_t uniform, Py_ssize_t n_actions
) noexcept nogil:
    """What the random number decides: the action, but for five actions bits.

    The four thresholds of five actions are compared at once; they grow, so action a gives a
    ones, and nothing needs to count them.
    """
    if n_actions == 5:
        return thresholds_below(thresholds, uniform)
    return _below(thresholds, uniform, n_actions - 1)


cdef inline Py_ssize_t _n_decisions(Py_ssize_t n_actions) noexcept nogil:
    return 16 if n_actions == 5 else n_actions


cdef inline const char *_row_left(
    const World *world, Py_ssize_t agent, uint32_t place
) noexcept nogil:
    """Row of the state from which an agent came to its place."""
    cdef Py_ssize_t state = (place >> 16) // <uint32_t>world.n_actions
    return world.policies[agent] + state * _row_size(world.n_actions)


cdef inline double _move_one(
    World *world,
    Py_ssize_t agent,
    uint32_t *place,
    uint32_t word,
    uint32_t chance,
    Py_ssize_t n_actions,
    Py_ssize_t n_outcomes,
) noexcept nogil:
    """One agent moves from the place given to the one a row below; return h before the move.

    Its action is decided by `word`; what comes of it by `chance`, if there are several outcomes.
    """
    cdef Py_ssize_t state = place[0] & 0xFFFF, pair
    cdef const char *row = world.policies[agent] + state * _row_size(n_actions)
    cdef Py_ssize_t decision = _decision(<const int32_t *>row, <int32_t>word, n_actions)
    cdef uint32_t led = world.moves[state * _n_decisions(n_actions) + decision]
    if n_outcomes > 1:
        pair = led >> 16
        led = <uint32_t>(pair << 16) | <uint32_t>world.outcomes[pair * n_outcomes + _below(
            world.thresholds + pair * (n_outcomes - 1), <int32_t>chance, n_outcomes - 1
        )]
    place[world.n_agents] = led
    return _entropy_of(row, n_actions)


cdef inline void _move_group(
    World *world,
    Py_ssize_t first,
    Py_ssize_t n,
    Py_ssize_t n_steps,
    double[CHAINS] *entropies,
    bint adding,
    Py_ssize_t n_actions,
    Py_ssize_t n_outcomes,
) noexcept nogil:
    """Agents first ... first + n - 1 take the steps of a block.

    If `adding`, their h(pi(s)) at every step is added to `entropies`, (n_steps, CHAINS). Of
    several outcomes each agent draws with the word that follows the one of its action.
    """
    cdef uint32_t generators[4 * GROUP]  # the compiler knows that nothing else changes them
    cdef uint32_t words[GROUP]
    cdef uint32_t chances[GROUP]
    cdef uint32_t *places
    cdef double sum0 = 0.0, sum1 = 0.0, sum2 = 0.0, sum3 = 0.0  # unused if not adding
    cdef Py_ssize_t t, i, quarter, w
    for w in range(4):
        for i in range(n):
            generators[w * GROUP + i] = world.generators[w * world.n_agents + first + i]
    for t in range(n_steps):
        _advance_all(generators, GROUP, words, GROUP, 1)
        if n_outcomes > 1:
            _advance_all(generators, GROUP, chances, GROUP, 1)
        if world.ahead and first + GROUP + t < world.n_agents:
            fetch_ahead(world.policies[first + GROUP + t], world.ahead)
        places = world.places + t * world.n_agents + first
        if adding:
            sum0, sum1 = entropies[t][0], entropies[t][1]
            sum2, sum3 = entropies[t][2], entropies[t][3]
        for quarter in range(n // CHAINS):
            i = CHAINS * quarter
            sum0 += _move_one(
                world, first + i, places + i, words[i], chances[i], n_actions, n_outcomes)
            i += 1
            sum1 += _move_one(
                world, first + i, places + i, words[i], chances[i], n_actions, n_outcomes)
            i += 1
            sum2 += _move_one(
                world, first + i, places + i, words[i], chances[i], n_actions, n_outcomes)
            i += 1
            sum3 += _move_one(
                world, first + i, places + i, words[i], chances[i], n_actions, n_outcomes)
        for i in range(n // CHAINS * CHAINS, n):
            sum0 += _move_one(
                world, first + i, places + i, words[i], chances[i], n_actions, n_outcomes)
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
        if world.n_actions != 5 or world.n_outcomes > 1:
            _move_group(world, first, n, n_steps, entropies, entropies != NULL, world.n_actions,
                        world.n_outcomes)
        elif entropies != NULL:
            _move_group(world, first, n, n_steps, entropies, True, 5, 1)
        else:
            _move_group(world, first, n, n_steps, entropies, False, 5, 1)


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


cdef class _Workspace:
    """Arrays that live as long as one call, and the World that points into them."""

    cdef World world
    cdef Py_ssize_t block  # steps that are taken at once, at the most
    cdef bint asking  # the game, for the probabilities of outcomes before each step
    cdef object game
    cdef object _kept
    cdef int32_t[::1] states
    cdef int32_t[:, ::1] counts  # (BLOCK, n_states): agents in every cell before a block's steps
    cdef int32_t[:, :, ::1] drawn  # the World's thresholds, if the game is asked
    cdef const uint8_t[:, ::1] rows  # (n_policies, n_states * bytes of a row)

    def __init__(
        self,
        int32_t[::1] states not None,
        const int32_t[::1] policy_index not None,
        tables,
        const int32_t[:, :, ::1] outcomes not None,
        const int32_t[:, :, ::1] outcome_thresholds,
        uint32_t[:, ::1] generators not None,
        game,
        Py_ssize_t n_steps,
    ):
        cdef Py_ssize_t n = states.shape[0], n_states = outcomes.shape[0]
        cdef Py_ssize_t n_actions = outcomes.shape[1], n_outcomes = outcomes.shape[2]
        cdef Py_ssize_t i, s, a, k
        if outcomes.size == 0 or n_states * n_actions > 65536:
            raise ValueError(
                "there must be 1 to 65536 state-action pairs with an outcome, "
                f"not outcomes of shape ({n_states}, {n_actions}, {n_outcomes})"
            )
        if not 0 < n <= MOST:
            raise ValueError(f"states must be of 1 to {MOST} agents, not {n}")
        if policy_index.shape[0] != n or generators.shape[1] != n or generators.shape[0] != 4:
            raise ValueError("policy_index and generators must have one entry for each agent")
        if (
            not isinstance(tables, np.ndarray) or tables.ndim != 2 or tables.shape[1] != n_states
            or tables.dtype != policy_row(n_actions) or not tables.flags.c_contiguous
        ):
            raise ValueError("tables must be policy_tables of these states and actions")
        _check_indices("states", states, n_states)
        _check_indices("policy_index", policy_index, tables.shape[0])
        _check_count("n_steps", n_steps, MOST)
        shape = (n_states, n_actions, n_outcomes - 1)
        if outcome_thresholds is not None and (<object>outcome_thresholds).shape != shape:
            raise ValueError(f"outcome_thresholds must have shape {shape}")
        self.game, self.asking = game, n_outcomes > 1 and outcome_thresholds is None
        if self.asking and game is None:
            raise ValueError("outcome_thresholds must be given, or a game that is asked for them")
        for s in range(n_states):
            for a in range(n_actions):
                for k in range(n_outcomes):
                    if not 0 <= outcomes[s, a, k] < n_states:
                        raise ValueError(
                            f"outcomes must be states 0 to {n_states - 1}, "
                            f"not {outcomes[s, a, k]} (state {s}, action {a})"
                        )
        self.block = min(n_steps, <Py_ssize_t>(1 if self.asking else BLOCK))
        cdef uint32_t[:, ::1] moves = np.zeros((n_states, _n_decisions(n_actions)), np.uint32)
        cdef uint32_t[:, ::1] places = np.empty((self.block + 1, n), dtype=np.uint32)
        cdef uint64_t[::1] policies = np.empty(n, dtype=np.uint64)  # pointers
        for s in range(n_states):
            for a in range(n_actions):
                moves[s, (1 << a) - 1 if n_actions == 5 else a] = <uint32_t>(
                    (s * n_actions + a) << 16 | outcomes[s, a, 0]
                )
        for i in range(n):
            places[0, i] = <uint32_t>states[i]
        self.states = states
        self.counts = np.zeros((BLOCK, n_states), dtype=np.int32)
        self.rows = tables.view(np.uint8)
        self._kept = (generators, moves, places, policies, outcomes, outcome_thresholds)
        self.world = World(
            n_agents=n, n_states=n_states, n_actions=n_actions, n_outcomes=n_outcomes,
            moves=&moves[0, 0], outcomes=&outcomes[0, 0, 0], thresholds=NULL,
            policies=<const char **>&policies[0], places=&places[0, 0],
            generators=&generators[0, 0], ahead=0,
        )
        if self.asking:
            self.drawn = np.empty(shape, dtype=np.int32)
            self.world.thresholds = &self.drawn[0, 0, 0]
        elif n_outcomes > 1:
            self.world.thresholds = &outcome_thresholds[0, 0, 0]
        if self.rows.shape[1] <= PAGE and self.rows.shape[0] * self.rows.shape[1] > NEAR:
            self.world.ahead = self.rows.shape[1]
        for i in range(n):
            self.follow(i, policy_index[i])

    cdef inline void follow(self, Py_ssize_t agent, Py_ssize_t policy) noexcept nogil:
        """Let an agent follow a policy."""
        self.world.policies[agent] = <const char *>&self.rows[policy, 0]

    cdef int move(self, Py_ssize_t n_steps, double[CHAINS] *entropies) except -1 nogil:
        """Everybody takes n_steps <= block steps; see _move."""
        if self.asking:
            with gil:
                self.ask()
        _move(&self.world, n_steps, entropies)
        return 0

    cdef int ask(self) except -1:
        """The outcomes' probabilities become those of the mean field before the next step."""
        cdef World *world = &self.world
        cdef Py_ssize_t now = 0
        cdef const double[:, :, ::1] probabilities
        _count(world, &now, 1, &self.counts[0, 0])
        shape = (world.n_states, world.n_actions, world.n_outcomes)
        mean_field = np.asarray(self.counts[0]) / world.n_agents
        probabilities = _asked_probabilities(self.game, mean_field, shape)
        _cumulate(
            &probabilities[0, 0, 0], world.n_states * world.n_actions, world.n_outcomes,
            &self.drawn[0, 0, 0],
        )
        return 0

    cdef void close_block(self, Py_ssize_t n_steps) noexcept nogil:
        """What was the end of a block of steps is the beginning of the next, and the caller's."""
        cdef Py_ssize_t i, n = self.world.n_agents
        for i in range(n):
            self.world.places[i] = self.world.places[n_steps * n + i]
            self.states[i] = <int32_t>(self.world.places[i] & 0xFFFF)
