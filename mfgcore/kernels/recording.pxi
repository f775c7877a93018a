# The learners' transitions (Alg. 2, lines 10-12).

cdef enum:
    COLLECTED = 8  # transitions of 8 bytes that make a cache line
    DISTANCE = 32  # learners from the one whose policy is fetched to the one who records


@cython.final
cdef class _Recorder:
    """Writes the learners' transitions into their buffers.

    The buffers lie far apart in memory, where single transitions are slow to write: they are
    collected time by time, and each learner's then written together.
    """

    cdef const int32_t[::1] learners
    cdef Transition[:, ::1] transitions
    cdef Transition[:, ::1] collected  # (COLLECTED, n_learners)
    cdef _Rewards rewards
    cdef double[::1] paid  # (rewards.size,): at the step that began the newest transition
    cdef Py_ssize_t filled, n_collected
    cdef bint on_arrival

    def __init__(
        self, learners, Transition[:, ::1] transitions, _Rewards rewards, bint on_arrival
    ):
        self.on_arrival = on_arrival
        self.learners = learners
        self.transitions = transitions
        self.collected = np.empty((COLLECTED, learners.shape[0]), dtype=TRANSITION)
        self.rewards = rewards
        self.paid = np.zeros(rewards.size)
        self.filled = self.n_collected = 0

    cdef void begin(self, Py_ssize_t t) noexcept nogil:
        """A transition is paid as at step t of the block."""
        self.rewards.copy(t, self.paid)

    cdef void record(self, const World *world, const uint32_t *places) noexcept nogil:
        """Complete the transition that led to the given places with the pairs of the next step."""
        cdef Py_ssize_t l, state, n = self.learners.shape[0]
        cdef int32_t learner
        cdef uint32_t pair
        cdef const char *row
        cdef Transition *collected
        cdef bint by_cell = self.rewards.by_cell
        for l in range(n):
            if world.ahead and l + DISTANCE < n:
                learner = self.learners[l + DISTANCE]
                fetch_ahead(_row_left(world, learner, places[learner]), 1)
            learner = self.learners[l]
            pair = places[learner] >> 16
            state = (
                places[learner] & 0xFFFF if self.on_arrival else pair // <uint32_t>world.n_actions
            )
            row = _row_left(world, learner, places[learner])
            collected = &self.collected[self.n_collected, l]
            collected.pair = <uint16_t>pair
            collected.next_pair = <uint16_t>(places[world.n_agents + learner] >> 16)
            collected.reward = <float>(
                self.paid[state if by_cell else pair] + _entropy_of(row, world.n_actions)
            )
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
