# TD learning from stored transitions (Def. 3.1; Alg. 2, lines 14-19; Alg. 1, line 8).

cdef enum:
    PAIRED = 2  # learners side by side: while one waits for its last update, the other goes on


cdef extern from *:
    """
    #include <string.h>
    typedef struct { uint16_t pair, next_pair; float reward; } token;

    /* Exchange one position with its swap partner; update with what came there. */
    static inline void replay_one(
            void *buffer, void *position, uint32_t swap, double *q, double keep, double rate, double ahead) {
        token chosen;
        memcpy(&chosen, (char *)buffer + 8 * (size_t)swap, 8);
        memcpy((char *)buffer + 8 * (size_t)swap, position, 8);
        memcpy(position, &chosen, 8);
        q[chosen.pair] = keep * q[chosen.pair] + (rate * chosen.reward + ahead * q[chosen.next_pair]);
    }

    /* The same for two positions in a row. Stores to different cache lines leave one by one, and
       that is what a replay waits for: both tokens go to their place, where no later swap of the
       pass looks, in one store; and one instruction widens both rewards. */
    #ifdef __SSE2__
    #include <emmintrin.h>
    static inline void replay_two(
            void *buffer, void *position, const uint32_t *swaps, double *q, double keep,
            double rate, double ahead) {
        typedef uint64_t __attribute__((may_alias)) word;
        word *words = (word *)buffer, *here = (word *)position;
        uint64_t moved, first, second;
        first = words[swaps[0]];
        words[swaps[0]] = here[0];
        moved = here[1];
        second = words[swaps[1]];
        words[swaps[1]] = moved;
        __m128i both = _mm_set_epi64x((int64_t)second, (int64_t)first);
        _mm_storeu_si128((__m128i *)position, both);
        __m128d rewards = _mm_mul_pd(
            _mm_set1_pd(rate), _mm_cvtps_pd(_mm_castsi128_ps(_mm_shuffle_epi32(both, 0x0d))));
        double *updated = q + (first & 0xFFFF);
        *updated = keep * *updated
            + (_mm_cvtsd_f64(rewards) + ahead * q[first >> 16 & 0xFFFF]);
        updated = q + (second & 0xFFFF);
        *updated = keep * *updated
            + (_mm_cvtsd_f64(_mm_unpackhi_pd(rewards, rewards)) + ahead * q[second >> 16 & 0xFFFF]);
    }
    #else
    static inline void replay_two(
            void *buffer, void *position, const uint32_t *swaps, double *q, double keep,
            double rate, double ahead) {
        replay_one(buffer, position, swaps[0], q, keep, rate, ahead);
        replay_one(buffer, (char *)position + 8, swaps[1], q, keep, rate, ahead);
    }
    #endif
    """
    void replay_one(
        void *buffer, void *position, uint32_t swap, double *q, double keep, double rate, double ahead
    ) noexcept nogil
    void replay_two(
        void *buffer, void *position, const uint32_t *swaps, double *q, double keep, double rate, double ahead
    ) noexcept nogil


cdef inline void _replay(
    Transition *buffers,
    Py_ssize_t n,
    double *q_values,
    Py_ssize_t n_pairs,
    uint32_t *generators,
    Py_ssize_t replay_cycles,
    double keep,
    double rate,
    double ahead,
    int n_learners,
) noexcept nogil:
    # The TD operator, with its terms collected so that an update waits for one product and one
    # sum of the update before it:
    #   Q(z) <- (1 - beta) Q(z) + [beta (r + h) + (beta gamma) Q(z')]
    # The swap of the Fisher-Yates pass and the update of what it put in place are one loop: the
    # buffer is read once a cycle. A cycle starts from the order that the last one left, and a
    # uniform permutation of any order is uniform.
    # Swaps are drawn one block ahead: the vector instructions that draw a block do not depend on
    # the updates of the block before, and the processor does both at once.
    cdef uint32_t lanes[PAIRED][4 * LANES]
    cdef uint32_t swaps[2][PAIRED][LANES]
    cdef Transition *positions
    cdef Py_ssize_t cycle, i, block, n_blocks = n // LANES
    cdef int l
    for l in range(n_learners):
        for i in range(4 * LANES):
            lanes[l][i] = generators[l * 4 * LANES + i]
    for cycle in range(replay_cycles):
        for l in range(n_learners):
            _draw_swaps(lanes[l], swaps[0][l], 0, <uint32_t>n)
        for block in range(n_blocks):
            if (block + 1) * LANES < n:
                for l in range(n_learners):
                    _draw_swaps(
                        lanes[l], swaps[1 - (block & 1)][l], <uint32_t>((block + 1) * LANES),
                        <uint32_t>n,
                    )
            positions = buffers + block * LANES
            for i in range(0, LANES, 2):
                for l in range(n_learners):
                    replay_two(
                        buffers + l * n, positions + l * n + i, &swaps[block & 1][l][i],
                        q_values + l * n_pairs, keep, rate, ahead,
                    )
        positions = buffers + n_blocks * LANES
        for i in range(n - n_blocks * LANES):
            for l in range(n_learners):
                replay_one(
                    buffers + l * n, positions + l * n + i, swaps[n_blocks & 1][l][i],
                    q_values + l * n_pairs, keep, rate, ahead,
                )
    for l in range(n_learners):
        for i in range(4 * LANES):
            generators[l * 4 * LANES + i] = lanes[l][i]


@_changing("transitions", "q_values", "generators")
def replay_td(
    Transition[:, ::1] transitions not None,
    double[:, ::1] q_values not None,
    uint32_t[:, :, ::1] generators not None,
    Py_ssize_t replay_cycles,
    double td_learning_rate,
    double discount,
):
    """TD learning from replay buffers, shuffled in every cycle (Alg. 2, lines 14-19).

    Parameters
    ----------
    transitions : (n_learners, n) of :data:`TRANSITION`
        Replay buffers; left in the order of the last shuffle.
    q_values : (n_learners, n_states * n_actions) float64
        Q-functions, changed in place.
    generators : (n_learners, 4, 16) uint32
        Shuffle streams, one for each learner; changed in place.
    replay_cycles : int
        L of the paper.
    td_learning_rate : float
        beta of the paper.
    discount : float
        gamma of the paper.
    """
    cdef Py_ssize_t n = transitions.shape[1], n_pairs = q_values.shape[1]
    cdef Py_ssize_t n_learners = transitions.shape[0] if n else 0
    cdef Py_ssize_t l, i
    cdef double keep = 1.0 - td_learning_rate, ahead = td_learning_rate * discount
    _demand(
        q_values.shape[0] == generators.shape[0] == transitions.shape[0],
        "transitions, q_values and generators must have one entry for each learner",
    )
    _demand(
        (generators.shape[1], generators.shape[2]) == (4, LANES),
        f"generators must have shape (n_learners, 4, {LANES})",
    )
    _check_count("replay_cycles", replay_cycles)
    _demand(n <= MOST, f"transitions must be at most {MOST} for each learner")
    _check_pairs(transitions, n_pairs)
    with nogil:
        for l in range(n_learners):
            if l % PAIRED == PAIRED - 1:  # the compiler knows the number of learners inside
                _replay(
                    &transitions[l - 1, 0], n, &q_values[l - 1, 0], n_pairs,
                    &generators[l - 1, 0, 0], replay_cycles, keep, td_learning_rate, ahead,
                    PAIRED,
                )
            elif l == n_learners - 1:
                _replay(
                    &transitions[l, 0], n, &q_values[l, 0], n_pairs, &generators[l, 0, 0],
                    replay_cycles, keep, td_learning_rate, ahead, 1,
                )


@_changing("q_values")
def online_td(
    const Transition[:, ::1] transitions not None,
    double[:, ::1] q_values not None,
    const double[::1] learning_rates not None,
    double discount,
):
    """TD learning online: every transition once, in the order of time (Alg. 1, line 8).

    Parameters
    ----------
    transitions : (n_learners, n) of :data:`TRANSITION`
    q_values : (n_learners, n_states * n_actions) float64
        Q-functions, changed in place.
    learning_rates : (n,) float64
        beta_m of the paper for each transition.
    discount : float
        gamma of the paper.
    """
    cdef Py_ssize_t learner, i
    cdef double *q
    cdef Transition chosen
    _demand(
        q_values.shape[0] == transitions.shape[0],
        "transitions and q_values must have one entry for each learner",
    )
    _demand(
        learning_rates.shape[0] == transitions.shape[1],
        "learning_rates must have one entry for each transition",
    )
    _check_pairs(transitions, q_values.shape[1])
    with nogil:
        for learner in range(transitions.shape[0]):
            q = &q_values[learner, 0]
            for i in range(transitions.shape[1]):
                chosen = transitions[learner, i]
                q[chosen.pair] = (1.0 - learning_rates[i]) * q[chosen.pair] + (
                    learning_rates[i] * chosen.reward
                    + learning_rates[i] * discount * q[chosen.next_pair]
                )
