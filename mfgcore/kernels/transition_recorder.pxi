# Recording of the learners' transitions (Alg. 2, lines 10-12).

cdef enum:
    COLLECTED = 8  # transitions of 8 bytes that make a cache line
    DISTANCE = 32  # learners from the one whose policy is fetched to the one who records


@cython.final
cdef class _Recorder:
    """Writer of the learners' transitions into their buffers.

    The buffers lie far apart in memory, where single transitions are slow to write: they are
    collected time by time, and each learner's then written together.
    """

    cdef const int32_t[::1] learners
    cdef Transition[:, ::1] transitions
    cdef Transition[:, ::1] collected  # (COLLECTED, n_learners)
    cdef _Rewards rewards
    cdef _RewardExchange exchange  # None: agents learn from their own rewards
    cdef double[::1] own_rewards  # (rewards.size,): at the step that began the newest transition
    cdef Py_ssize_t filled, n_collected
    cdef bint reward_after_move

    def __init__(
        self, learners, Transition[:, ::1] transitions, _Rewards rewards, bint reward_after_move,
        _RewardExchange exchange,
    ):
        self.reward_after_move = reward_after_move
        self.learners = learners
        self.transitions = transitions
        self.collected = np.empty((COLLECTED, learners.shape[0]), dtype=TRANSITION)
        self.rewards, self.exchange = rewards, exchange
        self.own_rewards = np.zeros(rewards.size)
        self.filled = self.n_collected = 0

    cdef void begin(self, Py_ssize_t t, Py_ssize_t number) noexcept nogil:
        """Take the rewards of a transition, if it will be kept as this number, from step t."""
        self.rewards.copy(t, self.own_rewards)
        if self.exchange is not None and 0 <= number < self.transitions.shape[1]:
            self.rewards.of_agents(t, self.own_rewards, self.exchange.rewards)
            self.exchange.run(self.rewards.places(t), number)

    cdef void record(self, const Environment *env, const uint32_t *places) noexcept nogil:
        """Complete the transition that led to the given places with the pairs of the next step."""
        cdef Py_ssize_t l, place, n = self.learners.shape[0]
        cdef int32_t learner
        cdef uint32_t pair
        cdef const char *row
        cdef Transition *collected
        cdef bint by_cell = self.rewards.by_cell, shared = self.exchange is not None
        cdef double[::1] rewards = self.exchange.estimates if shared else self.own_rewards
        for l in range(n):
            if env.ahead and l + DISTANCE < n:
                learner = self.learners[l + DISTANCE]
                fetch_ahead(_row_left(env, learner, places[learner]), 1)
            learner = self.learners[l]
            pair = places[learner] >> 16
            if shared:
                place = learner
            elif not by_cell:
                place = pair
            elif self.reward_after_move:
                place = places[learner] & 0xFFFF
            else:
                place = pair // <uint32_t>env.n_actions
            row = _row_left(env, learner, places[learner])
            collected = &self.collected[self.n_collected, l]
            collected.pair = <uint16_t>pair
            collected.next_pair = <uint16_t>(places[env.n_agents + learner] >> 16)
            collected.reward = <float>(rewards[place] + _entropy_of(row, env.n_actions))
        self.n_collected += 1
        if self.n_collected == COLLECTED:
            self.write()

    cdef void write(self) noexcept nogil:
        """Write what is collected into the learners' buffers."""
        cdef Py_ssize_t l, c
        for l in range(self.learners.shape[0]):
            for c in range(self.n_collected):
                self.transitions[l, self.filled + c] = self.collected[c, l]
        self.filled += self.n_collected
        self.n_collected = 0
