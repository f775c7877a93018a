# One population walking through the game (Alg. 2, lines 6-13 and 27).
#
# A policy row is stored as |A| - 1 integer thresholds: action = number of thresholds below the
# 31-bit uniform number of the agent. An action of probability 0 is never taken, and the
# probabilities are rounded to 2**-31.

cdef enum:
    CHAINS = 4  # agents are dealt to 4 partial histograms and sums, so that none waits for the last
    COLLECTED = 8  # transitions of 8 bytes that make a cache line
    BLOCK = 8  # steps whose rewards are summed side by side


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
    """
    int thresholds_below(const int32_t *thresholds, int32_t uniform) noexcept nogil


cdef struct World:
    # What the steps read and write.
    Py_ssize_t n_agents
    Py_ssize_t n_states
    Py_ssize_t n_actions
    const uint32_t *moves          # (n_states, n_outcomes): place after each outcome of a draw
    const double *rewards          # (n_states, n_agents + 1)
    const int32_t *thresholds      # (n_policies, n_states, n_actions - 1)
    const double *entropies        # (n_policies, n_states)
    int32_t *first_row             # (n_agents,): where the rows of the agent's policy begin
    uint32_t *places               # (n_agents,): 65536 * pair that led there + state
    uint32_t *generators           # (4, n_agents)
    uint32_t *words                # (n_agents,)
    int32_t *partial_counts        # (CHAINS, n_states)


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


cdef inline double _move_one(
    World *world, Py_ssize_t i, int32_t *counts, Py_ssize_t n_actions
) noexcept nogil:
    cdef Py_ssize_t state = world.places[i] & 0xFFFF
    cdef Py_ssize_t row = world.first_row[i] + state
    cdef Py_ssize_t outcome = _outcome(
        world.thresholds + row * (n_actions - 1), <int32_t>world.words[i], n_actions
    )
    cdef uint32_t place = world.moves[state * _n_outcomes(n_actions) + outcome]
    world.places[i] = place
    counts[place & 0xFFFF] += 1
    return world.entropies[row]


cdef inline double _move_all(World *world, int32_t *new_counts, Py_ssize_t n_actions) noexcept nogil:
    cdef Py_ssize_t n_states = world.n_states
    cdef Py_ssize_t i, s
    cdef int32_t *counts = world.partial_counts
    cdef double sum0 = 0.0, sum1 = 0.0, sum2 = 0.0, sum3 = 0.0
    for s in range(CHAINS * n_states):
        counts[s] = 0
    for i in range(world.n_agents // CHAINS):
        sum0 += _move_one(world, CHAINS * i, counts, n_actions)
        sum1 += _move_one(world, CHAINS * i + 1, counts + n_states, n_actions)
        sum2 += _move_one(world, CHAINS * i + 2, counts + 2 * n_states, n_actions)
        sum3 += _move_one(world, CHAINS * i + 3, counts + 3 * n_states, n_actions)
    for i in range(world.n_agents // CHAINS * CHAINS, world.n_agents):
        sum0 += _move_one(world, i, counts, n_actions)
    for s in range(n_states):
        new_counts[s] = (counts[s] + counts[n_states + s]) + (
            counts[2 * n_states + s] + counts[3 * n_states + s]
        )
    return (sum0 + sum1) + (sum2 + sum3)


cdef double _move(World *world, int32_t *new_counts) noexcept nogil:
    """Everybody acts once. Return the sum of h(pi(s)) over the agents, before the move.

    `new_counts`, (n_states,), receives the number of agents in every cell after it.
    """
    _advance_all(world.generators, world.words, world.n_agents, 1)
    if world.n_actions == 5:  # the compiler knows n_actions inside
        return _move_all(world, new_counts, 5)
    return _move_all(world, new_counts, world.n_actions)


cdef void _add_rewards(
    const double *cell_sums,
    const int32_t *counts,
    Py_ssize_t n_states,
    Py_ssize_t n_agents,
    double *population_rewards,
    Py_ssize_t n_steps,
) noexcept nogil:
    """Add the sum of the agents' rewards to each of n_steps <= BLOCK steps.

    `cell_sums`, (n_states, n_agents + 1), is the sum over the agents of one cell; `counts` is
    (BLOCK, n_states). A sum over the cells is 64 additions in a row, each of which waits for the
    one before; the sums of several steps do not wait for each other.
    """
    cdef double total[BLOCK]
    cdef Py_ssize_t s, t
    for t in range(BLOCK):
        total[t] = 0.0
    for s in range(n_states):
        for t in range(BLOCK):
            total[t] += cell_sums[s * (n_agents + 1) + counts[t * n_states + s]]
    for t in range(n_steps):
        population_rewards[t] += total[t]


cdef class _Workspace:
    """Arrays that live as long as one call, and the World that points into them."""

    cdef World world
    cdef object _kept
    cdef int32_t[::1] states

    def __init__(
        self,
        int32_t[::1] states not None,
        const int32_t[::1] policy_index not None,
        const int32_t[:, :, ::1] thresholds not None,
        const double[:, ::1] entropies not None,
        const int32_t[:, ::1] next_state not None,
        const double[:, ::1] rewards not None,
        uint32_t[:, ::1] generators not None,
    ):
        cdef Py_ssize_t n = states.shape[0]
        cdef Py_ssize_t n_states = next_state.shape[0], n_actions = next_state.shape[1]
        cdef Py_ssize_t i, s, a
        if rewards.shape[1] != n + 1 or rewards.shape[0] != n_states:
            raise ValueError("rewards must have shape (n_states, n_agents + 1)")
        if policy_index.shape[0] != n or generators.shape[1] != n or generators.shape[0] != 4:
            raise ValueError("policy_index and generators must have one entry for each agent")
        if thresholds.shape[1] != n_states or thresholds.shape[2] != n_actions - 1:
            raise ValueError("thresholds must have shape (n_policies, n_states, n_actions - 1)")
        if n_states * n_actions > 65536:
            raise ValueError("there may be at most 65536 state-action pairs")
        cdef uint32_t[:, ::1] moves = np.zeros((n_states, _n_outcomes(n_actions)), dtype=np.uint32)
        cdef uint32_t[::1] places = np.empty(n, dtype=np.uint32)
        cdef int32_t[::1] first_row = np.empty(n, dtype=np.int32)
        cdef uint32_t[::1] words = np.empty(n, dtype=np.uint32)
        cdef int32_t[::1] partial_counts = np.empty(CHAINS * n_states, dtype=np.int32)
        for s in range(n_states):
            for a in range(n_actions):
                moves[s, (1 << a) - 1 if n_actions == 5 else a] = <uint32_t>(
                    (s * n_actions + a) << 16 | next_state[s, a]
                )
        for i in range(n):
            places[i] = <uint32_t>states[i]
            first_row[i] = policy_index[i] * <int32_t>n_states
        self.states = states
        self._kept = (thresholds, entropies, rewards, generators, moves, places, first_row, words,
                      partial_counts)
        self.world = World(
            n_agents=n, n_states=n_states, n_actions=n_actions,
            moves=&moves[0, 0], rewards=&rewards[0, 0], thresholds=&thresholds[0, 0, 0],
            entropies=&entropies[0, 0], first_row=&first_row[0], places=&places[0],
            generators=&generators[0, 0], words=&words[0], partial_counts=&partial_counts[0],
        )

    cdef void write_states(self) noexcept nogil:
        """Bring the caller's array of states up to date."""
        cdef Py_ssize_t i
        for i in range(self.world.n_agents):
            self.states[i] = <int32_t>(self.world.places[i] & 0xFFFF)


cdef class _Recorder:
    """Writes the learners' transitions into their buffers.

    The buffers lie far apart in memory, where single transitions are slow to write: a cache line
    of them is collected for each learner.
    """

    cdef const int32_t[::1] learners
    cdef Transition[:, ::1] transitions
    cdef Transition[:, ::1] begun  # (n_learners, COLLECTED)
    cdef Py_ssize_t filled, collected

    def __init__(self, const int32_t[::1] learners, Transition[:, ::1] transitions):
        self.learners = learners
        self.transitions = transitions
        self.begun = np.zeros((learners.shape[0], COLLECTED), dtype=TRANSITION)
        self.filled = self.collected = 0

    cdef void open(self, World *world, const int32_t *counts) noexcept nogil:
        """Begin a transition with everybody's newest pair; `counts` are those before that move."""
        cdef Py_ssize_t l, state
        cdef int32_t learner
        cdef uint32_t pair
        cdef Transition *begun
        for l in range(self.learners.shape[0]):
            learner = self.learners[l]
            pair = world.places[learner] >> 16
            state = pair // <uint32_t>world.n_actions
            begun = &self.begun[l, self.collected]
            begun.pair = <uint16_t>pair
            begun.reward = <float>(world.rewards[state * (world.n_agents + 1) + counts[state]] + (
                world.entropies[world.first_row[learner] + state]
            ))

    cdef void close(self, World *world) noexcept nogil:
        """Complete the transition begun with everybody's newest pair."""
        cdef Py_ssize_t l
        for l in range(self.learners.shape[0]):
            self.begun[l, self.collected].next_pair = <uint16_t>(
                world.places[self.learners[l]] >> 16
            )
        self.collected += 1
        if self.collected == COLLECTED:
            self.write()

    cdef void write(self) noexcept nogil:
        """Bring the learners' buffers up to date."""
        cdef Py_ssize_t l, c
        for l in range(self.learners.shape[0]):
            for c in range(self.collected):
                self.transitions[l, self.filled + c] = self.begun[l, c]
        self.filled += self.collected
        self.collected = 0


def step_population(
    int32_t[::1] states,
    const int32_t[::1] policy_index,
    const int32_t[:, :, ::1] thresholds,
    const double[:, ::1] entropies,
    const int32_t[:, ::1] next_state,
    const double[:, ::1] rewards,
    uint32_t[:, ::1] generators,
    double[::1] population_rewards,
    double[::1] deviator_rewards,
    int64_t[::1] occupancy,
    Py_ssize_t deviator,
    const int32_t[::1] learners,
    Transition[:, ::1] transitions,
    Py_ssize_t interval,
    Py_ssize_t skipped,
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
    thresholds : (n_policies, n_states, n_actions - 1) int32
        Policies as made by :func:`policy_tables`.
    entropies : (n_policies, n_states) float64
        h(pi(s)), likewise.
    next_state : (n_states, n_actions) int32
    rewards : (n_states, n_agents + 1) float64
        R by cell and number of agents in it.
    generators : (4, n_agents) uint32
        Action streams; changed in place.
    population_rewards : (n_steps,) float64
        Output: the sum over the agents of r + h at each step. Its length is the number of steps.
    deviator_rewards : (n_steps,) float64, or empty
        Output: r + h of the agent `deviator`. Empty: not recorded.
    occupancy : (n_states,) int64
        The counts before each move are added to it.
    deviator : int
    learners : (n_learners,) int32
        Agents that record transitions.
    transitions : (n_learners, n) of :data:`TRANSITION`
        Output: the buffers. n is n_steps / interval - skipped; where interval is 1 and skipped is
        0 there is one less, as the first step completes no transition.
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
        states, policy_index, thresholds, entropies, next_state, rewards, generators
    )
    cdef World *world = &workspace.world
    cdef Py_ssize_t n_steps = population_rewards.shape[0]
    cdef Py_ssize_t n_states = world.n_states
    cdef bint deviates = deviator_rewards.shape[0] > 0
    cdef Py_ssize_t t, block, first, length, i, s, state
    cdef int32_t *present
    cdef Py_ssize_t expected = n_steps // interval - skipped
    if interval == 1 and skipped == 0:
        expected -= 1
    if learners.shape[0] and (
        transitions.shape[0] != learners.shape[0] or transitions.shape[1] != expected
    ):
        raise ValueError(f"transitions must have shape ({learners.shape[0]}, {expected})")
    if deviates and deviator_rewards.shape[0] != n_steps:
        raise ValueError("deviator_rewards must be empty or have one entry for each step")
    cdef _Recorder recorder = _Recorder(learners, transitions)
    # the counts before each step of a block, and after its last
    cdef double[:, ::1] cell_sums = np.asarray(rewards) * np.arange(rewards.shape[1])
    cdef int32_t[:, ::1] counts = np.zeros((BLOCK + 1, n_states), dtype=np.int32)
    with nogil:
        for i in range(world.n_agents):
            counts[0, states[i]] += 1
        for block in range((n_steps + BLOCK - 1) // BLOCK):
            first = block * BLOCK
            length = min(<Py_ssize_t>BLOCK, n_steps - first)
            for t in range(first, first + length):
                present = &counts[t - first, 0]
                if deviates:
                    state = world.places[deviator] & 0xFFFF
                    deviator_rewards[t] = rewards[state, present[state]] + (
                        entropies[policy_index[deviator], state]
                    )
                population_rewards[t] = _move(world, present + n_states)
                if (t + 1) % interval == 0 and t > 0 and (t + 1) // interval > skipped:
                    recorder.close(world)
                if (t + 2) % interval == 0:
                    recorder.open(world, present)
            _add_rewards(
                &cell_sums[0, 0], &counts[0, 0], n_states, world.n_agents,
                &population_rewards[first], length,
            )
            for t in range(length):
                for s in range(n_states):
                    occupancy[s] += counts[t, s]
            for s in range(n_states):
                counts[0, s] = counts[length, s]
        recorder.write()
        workspace.write_states()


def policy_tables(const double[:, :, ::1] policies, double entropy_weight):
    """What the stepping kernels read of a policy.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
    entropy_weight : float
        lambda of the paper.

    Returns
    -------
    thresholds : (n_policies, n_states, n_actions - 1) int32
        Cumulated probabilities times 2**31, rounded, minus 1.
    entropies : (n_policies, n_states) float64
        h(pi(s)) = -lambda * sum of u log u.
    """
    cdef Py_ssize_t n_policies = policies.shape[0], n_states = policies.shape[1]
    cdef Py_ssize_t n_actions = policies.shape[2]
    thresholds = np.empty((n_policies, n_states, n_actions - 1), dtype=np.int32)
    entropies = np.empty((n_policies, n_states), dtype=np.float64)
    cdef int32_t[:, :, ::1] threshold = thresholds
    cdef double[:, ::1] entropy = entropies
    cdef Py_ssize_t p, s, a
    cdef double cumulated, total
    with nogil:
        for p in range(n_policies):
            for s in range(n_states):
                cumulated = 0.0
                for a in range(n_actions - 1):
                    cumulated += policies[p, s, a]
                    threshold[p, s, a] = <int32_t>(
                        <int64_t>rint(min(cumulated, 1.0) * 2147483648.0) - 1
                    )
                total = 0.0
                for a in range(n_actions):
                    if policies[p, s, a] > 0.0:
                        total += policies[p, s, a] * _log(policies[p, s, a])
                entropy[p, s] = -entropy_weight * total
    return thresholds, entropies
