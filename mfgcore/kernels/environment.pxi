# Steps of the population (Alg. 2, lines 7 and 27).
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


cdef struct Environment:
    # State of a population on the move, and the tables by which it moves.
    Py_ssize_t n_agents
    Py_ssize_t n_states
    Py_ssize_t n_actions
    Py_ssize_t n_next_states    # of an action
    const uint32_t *moves       # (n_states, n_decisions): place after each, the first next state
    const int32_t *next_states  # (n_states, n_actions, n_next_states)
    const int32_t *thresholds   # (n_states, n_actions, n_next_states - 1)
    const char **policies       # (n_agents,): rows of the policy that the agent follows
    Py_ssize_t ahead            # bytes of a policy that are fetched before its follower moves
    uint32_t *places            # (block + 1, n_agents): 65536 * pair that led there + state
    uint32_t *generators        # (4, n_agents)


cdef inline Py_ssize_t _below(
    const int32_t *thresholds, int32_t uniform, Py_ssize_t n
) noexcept nogil:
    """Number of the n thresholds that are below the random number."""
    cdef Py_ssize_t b, below = 0
    for b in range(n):
        below += uniform > thresholds[b]
    return below


cdef inline Py_ssize_t _decision(
    const int32_t *thresholds, int32_t uniform, Py_ssize_t n_actions
) noexcept nogil:
    """Action drawn by a random number; of five actions as bits.

    The four thresholds of five actions are compared at once; they grow, so action a gives a
    ones, and nothing needs to count them.
    """
    if n_actions == 5:
        return thresholds_below(thresholds, uniform)
    return _below(thresholds, uniform, n_actions - 1)


cdef inline Py_ssize_t _n_decisions(Py_ssize_t n_actions) noexcept nogil:
    return 16 if n_actions == 5 else n_actions


cdef inline const char *_row_left(
    const Environment *env, Py_ssize_t agent, uint32_t place
) noexcept nogil:
    """Row of the state from which an agent came to its place."""
    cdef Py_ssize_t state = (place >> 16) // <uint32_t>env.n_actions
    return env.policies[agent] + state * _row_size(env.n_actions)


cdef inline double _move_one(
    Environment *env,
    Py_ssize_t agent,
    uint32_t *place,
    uint32_t word,
    uint32_t chance,
    Py_ssize_t n_actions,
    Py_ssize_t n_next_states,
) noexcept nogil:
    """Move one agent from the place given to the one a row below; return h before the move.

    Its action is decided by `word`; its next state by `chance`, if there are several.
    """
    cdef Py_ssize_t state = place[0] & 0xFFFF, pair
    cdef const char *row = env.policies[agent] + state * _row_size(n_actions)
    cdef Py_ssize_t decision = _decision(<const int32_t *>row, <int32_t>word, n_actions)
    cdef uint32_t led = env.moves[state * _n_decisions(n_actions) + decision]
    if n_next_states > 1:
        pair = led >> 16
        led = <uint32_t>(pair << 16) | <uint32_t>env.next_states[pair * n_next_states + _below(
            env.thresholds + pair * (n_next_states - 1), <int32_t>chance, n_next_states - 1
        )]
    place[env.n_agents] = led
    return _entropy_of(row, n_actions)


cdef inline void _move_group(
    Environment *env,
    Py_ssize_t first,
    Py_ssize_t n,
    Py_ssize_t n_steps,
    double[CHAINS] *entropies,
    bint adding,
    Py_ssize_t n_actions,
    Py_ssize_t n_next_states,
) noexcept nogil:
    """Take the steps of a block with agents first ... first + n - 1.

    If `adding`, their h(pi(s)) at every step is added to `entropies`, (n_steps, CHAINS). Among
    several next states each agent draws with the word that follows the one of its action.
    """
    cdef uint32_t generators[4 * GROUP]  # the compiler knows that nothing else changes them
    cdef uint32_t words[GROUP]
    cdef uint32_t chances[GROUP]
    cdef uint32_t *places
    cdef double sum0 = 0.0, sum1 = 0.0, sum2 = 0.0, sum3 = 0.0  # unused if not adding
    cdef Py_ssize_t t, i, quarter, w
    for w in range(4):
        for i in range(n):
            generators[w * GROUP + i] = env.generators[w * env.n_agents + first + i]
    for t in range(n_steps):
        _advance_all(generators, GROUP, words, GROUP, 1)
        if n_next_states > 1:
            _advance_all(generators, GROUP, chances, GROUP, 1)
        if env.ahead and first + GROUP + t < env.n_agents:
            fetch_ahead(env.policies[first + GROUP + t], env.ahead)
        places = env.places + t * env.n_agents + first
        if adding:
            sum0, sum1 = entropies[t][0], entropies[t][1]
            sum2, sum3 = entropies[t][2], entropies[t][3]
        for quarter in range(n // CHAINS):
            i = CHAINS * quarter
            sum0 += _move_one(
                env, first + i, places + i, words[i], chances[i], n_actions, n_next_states)
            i += 1
            sum1 += _move_one(
                env, first + i, places + i, words[i], chances[i], n_actions, n_next_states)
            i += 1
            sum2 += _move_one(
                env, first + i, places + i, words[i], chances[i], n_actions, n_next_states)
            i += 1
            sum3 += _move_one(
                env, first + i, places + i, words[i], chances[i], n_actions, n_next_states)
        for i in range(n // CHAINS * CHAINS, n):
            sum0 += _move_one(
                env, first + i, places + i, words[i], chances[i], n_actions, n_next_states)
        if adding:
            entropies[t][0], entropies[t][1] = sum0, sum1
            entropies[t][2], entropies[t][3] = sum2, sum3
    for w in range(4):
        for i in range(n):
            env.generators[w * env.n_agents + first + i] = generators[w * GROUP + i]


cdef void _move(Environment *env, Py_ssize_t n_steps, double[CHAINS] *entropies) noexcept nogil:
    """Take the n_steps <= BLOCK steps of a block with all agents.

    `entropies`, (n_steps, CHAINS), receives partial sums of h over the agents, unless it is NULL.
    """
    cdef Py_ssize_t group, first, n, t, c
    if entropies != NULL:
        for t in range(n_steps):
            for c in range(CHAINS):
                entropies[t][c] = 0.0
    for group in range((env.n_agents + GROUP - 1) // GROUP):
        first = group * GROUP
        n = min(<Py_ssize_t>GROUP, env.n_agents - first)
        # what the compiler knows inside is written out
        if env.n_actions != 5 or env.n_next_states > 1:
            _move_group(env, first, n, n_steps, entropies, entropies != NULL, env.n_actions,
                        env.n_next_states)
        elif entropies != NULL:
            _move_group(env, first, n, n_steps, entropies, True, 5, 1)
        else:
            _move_group(env, first, n, n_steps, entropies, False, 5, 1)


cdef inline void _count_one(
    const Environment *env, Py_ssize_t agent, Py_ssize_t step, int32_t *counts
) noexcept nogil:
    cdef uint32_t place = env.places[step * env.n_agents + agent]
    counts[step * env.n_states + (place & 0xFFFF)] += 1


cdef void _count(
    const Environment *env, const Py_ssize_t *steps, Py_ssize_t n_steps, int32_t *counts
) noexcept nogil:
    """Number of agents in every cell before the given steps of a block.

    `counts` is (BLOCK, n_states); the rows of other steps are left as they are. Four steps are
    counted side by side, as agents in one cell wait for each other.
    """
    cdef Py_ssize_t k, i, whole = n_steps // 4 * 4
    for k in range(n_steps):
        for i in range(env.n_states):
            counts[steps[k] * env.n_states + i] = 0
    for k in range(0, whole, 4):
        for i in range(env.n_agents):
            _count_one(env, i, steps[k], counts)
            _count_one(env, i, steps[k + 1], counts)
            _count_one(env, i, steps[k + 2], counts)
            _count_one(env, i, steps[k + 3], counts)
    for k in range(whole, n_steps):
        for i in range(env.n_agents):
            _count_one(env, i, steps[k], counts)


cdef class _Workspace:
    """Memory of one call, and the Environment that points into it."""

    cdef Environment env
    cdef Py_ssize_t block  # steps that are taken at once, at the most
    cdef bint calls_game  # for its transition probabilities before each step
    cdef object game
    cdef object _kept  # arrays that the Environment points into
    cdef int32_t[::1] states
    cdef int32_t[:, ::1] counts  # (BLOCK, n_states): agents in every cell before a block's steps
    cdef int32_t[:, :, ::1] thresholds  # the Environment's, if the game is called
    cdef const uint8_t[:, ::1] rows  # (n_policies, n_states * bytes of a row)

    def __init__(
        self,
        int32_t[::1] states not None,
        const int32_t[::1] policy_index not None,
        tables,
        const int32_t[:, :, ::1] next_states not None,
        const int32_t[:, :, ::1] next_state_thresholds,
        uint32_t[:, ::1] generators not None,
        game,
        Py_ssize_t n_steps,
    ):
        cdef Py_ssize_t n = states.shape[0], n_states = next_states.shape[0]
        cdef Py_ssize_t n_actions = next_states.shape[1], n_next_states = next_states.shape[2]
        cdef Py_ssize_t i, s, a
        if next_states.size == 0 or n_states * n_actions > 65536:
            raise ValueError(
                "next_states must be of 1 to 65536 state-action pairs, and not empty, "
                f"not of shape ({n_states}, {n_actions}, {n_next_states})"
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
        shape = (n_states, n_actions, n_next_states - 1)
        if next_state_thresholds is not None and (<object>next_state_thresholds).shape != shape:
            raise ValueError(f"next_state_thresholds must have shape {shape}")
        self.game, self.calls_game = game, n_next_states > 1 and next_state_thresholds is None
        if self.calls_game and game is None:
            raise ValueError("next_state_thresholds must be given, or a game")
        _check_indices("next_states", np.asarray(next_states).reshape(-1), n_states)
        self.block = min(n_steps, <Py_ssize_t>(1 if self.calls_game else BLOCK))
        cdef uint32_t[:, ::1] moves = np.zeros((n_states, _n_decisions(n_actions)), np.uint32)
        cdef uint32_t[:, ::1] places = np.empty((self.block + 1, n), dtype=np.uint32)
        cdef uint64_t[::1] policies = np.empty(n, dtype=np.uint64)  # pointers
        for s in range(n_states):
            for a in range(n_actions):
                moves[s, (1 << a) - 1 if n_actions == 5 else a] = <uint32_t>(
                    (s * n_actions + a) << 16 | next_states[s, a, 0]
                )
        for i in range(n):
            places[0, i] = <uint32_t>states[i]
        self.states = states
        self.counts = np.zeros((BLOCK, n_states), dtype=np.int32)
        self.rows = tables.view(np.uint8)
        self._kept = (generators, moves, places, policies, next_states, next_state_thresholds)
        self.env = Environment(
            n_agents=n, n_states=n_states, n_actions=n_actions, n_next_states=n_next_states,
            moves=&moves[0, 0], next_states=&next_states[0, 0, 0], thresholds=NULL,
            policies=<const char **>&policies[0], places=&places[0, 0],
            generators=&generators[0, 0], ahead=0,
        )
        if self.calls_game:
            self.thresholds = np.empty(shape, dtype=np.int32)
            self.env.thresholds = &self.thresholds[0, 0, 0]
        elif n_next_states > 1:
            self.env.thresholds = &next_state_thresholds[0, 0, 0]
        if self.rows.shape[1] <= PAGE and self.rows.shape[0] * self.rows.shape[1] > NEAR:
            self.env.ahead = self.rows.shape[1]
        for i in range(n):
            self.follow(i, policy_index[i])

    cdef inline void follow(self, Py_ssize_t agent, Py_ssize_t policy) noexcept nogil:
        """Let an agent follow a policy."""
        self.env.policies[agent] = <const char *>&self.rows[policy, 0]

    cdef int move(self, Py_ssize_t n_steps, double[CHAINS] *entropies) except -1 nogil:
        """Take n_steps <= block steps with all agents; see _move."""
        if self.calls_game:
            with gil:
                self.update_probabilities()
        _move(&self.env, n_steps, entropies)
        return 0

    cdef int update_probabilities(self) except -1:
        """Update the transition probabilities to the mean field before the next step."""
        cdef Environment *env = &self.env
        cdef Py_ssize_t now = 0
        cdef const double[:, :, ::1] probabilities
        _count(env, &now, 1, &self.counts[0, 0])
        shape = (env.n_states, env.n_actions, env.n_next_states)
        mean_field = np.asarray(self.counts[0]) / env.n_agents
        found = self.game.checked_transition_probabilities(shape, mean_field)
        probabilities = _of_shape("transition_probabilities", found, shape)
        _cumulate(
            &probabilities[0, 0, 0], env.n_states * env.n_actions, env.n_next_states,
            &self.thresholds[0, 0, 0],
        )
        return 0

    cdef void close_block(self, Py_ssize_t n_steps) noexcept nogil:
        """Make the end of a block the beginning of the next one, also in the caller's states."""
        cdef Py_ssize_t i, n = self.env.n_agents
        for i in range(n):
            self.env.places[i] = self.env.places[n_steps * n + i]
            self.states[i] = <int32_t>(self.env.places[i] & 0xFFFF)
