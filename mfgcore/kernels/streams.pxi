# Random streams: xoshiro128++ (Blackman & Vigna, 2021), many generators side by side.
#
# The four state words of all generators are stored word by word, so that the compiler can
# advance 4, 8 or 16 generators with one instruction. Each generator is a stream of its own and
# is never shared: which instructions advance it cannot change what it yields.

cdef enum:
    LANES = 16  # generators of one shuffle stream; fixed, as it is part of what a seed means


cdef inline uint32_t _rotate_left(uint32_t word, int bits) noexcept nogil:
    return (word << bits) | (word >> (32 - bits))


cdef inline uint32_t _advance(
    uint32_t *s0, uint32_t *s1, uint32_t *s2, uint32_t *s3
) noexcept nogil:
    """Next 32-bit word of one generator; its state moves on."""
    cdef uint32_t result = _rotate_left(s0[0] + s3[0], 7) + s0[0]
    cdef uint32_t shifted = s1[0] << 9
    s2[0] ^= s0[0]
    s3[0] ^= s1[0]
    s1[0] ^= s2[0]
    s0[0] ^= s3[0]
    s2[0] ^= shifted
    s3[0] = _rotate_left(s3[0], 11)
    return result


cdef void _advance_all(uint32_t *generators, uint32_t *words, Py_ssize_t n) noexcept nogil:
    """One word from each of n generators whose state is stored as (4, n)."""
    cdef Py_ssize_t i
    for i in range(n):
        words[i] = _advance(
            generators + i, generators + n + i, generators + 2 * n + i, generators + 3 * n + i
        )


cdef void _draw_swaps(uint32_t *generators, uint32_t *swaps, Py_ssize_t n) noexcept nogil:
    """Swap partners of one Fisher-Yates pass: swaps[i] uniform on {i, ..., n - 1}.

    `generators` is the (4, LANES) state of one stream; lane l serves the positions l modulo
    LANES. A 32-bit word times the number of choices, high half kept, is off uniform by less
    than n / 2**32 in relative terms (7e-7 at the paper's 2979 transitions).
    """
    cdef uint32_t s0[LANES]
    cdef uint32_t s1[LANES]
    cdef uint32_t s2[LANES]
    cdef uint32_t s3[LANES]
    cdef Py_ssize_t block, lane
    cdef Py_ssize_t i
    cdef uint32_t *words
    for lane in range(LANES):
        s0[lane] = generators[lane]
        s1[lane] = generators[LANES + lane]
        s2[lane] = generators[2 * LANES + lane]
        s3[lane] = generators[3 * LANES + lane]
    for block in range((n + LANES - 1) // LANES):
        words = swaps + block * LANES
        for lane in range(LANES):
            words[lane] = _advance(s0 + lane, s1 + lane, s2 + lane, s3 + lane)
    for i in range(n):
        swaps[i] = <uint32_t>i + <uint32_t>(
            (<uint64_t>swaps[i] * <uint32_t>(<uint32_t>n - <uint32_t>i)) >> 32
        )
    for lane in range(LANES):
        generators[lane] = s0[lane]
        generators[LANES + lane] = s1[lane]
        generators[2 * LANES + lane] = s2[lane]
        generators[3 * LANES + lane] = s3[lane]


def next_words(uint32_t[:, ::1] generators, uint32_t[::1] words):
    """Advance n generators by one word each.

    Parameters
    ----------
    generators : (4, n) uint32
        States; changed in place.
    words : (n,) uint32
        Output.
    """
    with nogil:
        _advance_all(&generators[0, 0], &words[0], words.shape[0])


def shuffle_swaps(uint32_t[:, ::1] generators, Py_ssize_t n):
    """Swap partners of one Fisher-Yates pass over n positions (Alg. 2, line 15).

    Parameters
    ----------
    generators : (4, 16) uint32
        State of one agent's shuffle stream; changed in place.
    n : int
        Number of positions.

    Returns
    -------
    (n,) uint32
        ``swaps[i]``, uniform on {i, ..., n - 1}: position i is exchanged with it, in order.
    """
    swaps = np.empty(_padded(n), dtype=np.uint32)
    cdef uint32_t[::1] view = swaps
    with nogil:
        _draw_swaps(&generators[0, 0], &view[0], n)
    return swaps[:n]


cdef Py_ssize_t _padded(Py_ssize_t n):
    """Room for n swaps, rounded up to whole blocks."""
    return (n + LANES - 1) // LANES * LANES
