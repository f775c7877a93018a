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


cdef inline void _advance_all(
    uint32_t *generators, Py_ssize_t n_generators, uint32_t *words, Py_ssize_t n, int dropped
) noexcept nogil:
    """One word, less its lowest bits, from n of the generators whose state is (4, n_generators)."""
    cdef Py_ssize_t i
    for i in range(n):
        words[i] = _advance(
            generators + i, generators + n_generators + i, generators + 2 * n_generators + i,
            generators + 3 * n_generators + i,
        ) >> dropped


cdef inline void _draw_swaps(
    uint32_t *lanes, uint32_t *swaps, uint32_t first, uint32_t n
) noexcept nogil:
    """Swap partners of the positions first ... first + LANES - 1 of one Fisher-Yates pass.

    swaps[l] is uniform on {first + l, ..., n - 1}; beyond the last position it means nothing.
    `lanes` is the (4, LANES) state of one stream. A 32-bit word times the number of choices, high
    half kept, is off uniform by less than n / 2**32 in relative terms (7e-7 at the paper's 2979
    transitions).
    """
    cdef uint32_t lane, position, word
    for lane in range(LANES):
        word = _advance(
            lanes + lane, lanes + LANES + lane, lanes + 2 * LANES + lane, lanes + 3 * LANES + lane
        )
        position = first + lane
        swaps[lane] = position + <uint32_t>((<uint64_t>word * <uint32_t>(n - position)) >> 32)


@_changing("generators", "words")
def next_words(uint32_t[:, ::1] generators not None, uint32_t[::1] words not None):
    """Advance n generators by one word each.

    Parameters
    ----------
    generators : (4, n) uint32
        States; changed in place.
    words : (n,) uint32
        Output.
    """
    _demand(
        generators.shape[0] == 4 and words.shape[0] == generators.shape[1],
        "generators must have shape (4, n), and words (n,)",
    )
    if words.shape[0] == 0:
        return
    with nogil:
        _advance_all(
            &generators[0, 0], generators.shape[1], &words[0], words.shape[0], 0
        )


@_changing("generators")
def shuffle_swaps(uint32_t[:, ::1] generators not None, Py_ssize_t n):
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
    _demand(
        (generators.shape[0], generators.shape[1]) == (4, LANES),
        f"generators must have shape (4, {LANES})",
    )
    _check_count("n", n, MOST)
    swaps = np.empty((n + LANES - 1) // LANES * LANES, dtype=np.uint32)
    cdef uint32_t[::1] view = swaps
    cdef Py_ssize_t block
    with nogil:
        for block in range((n + LANES - 1) // LANES):
            _draw_swaps(
                &generators[0, 0], &view[block * LANES], <uint32_t>(block * LANES), <uint32_t>n
            )
    return swaps[:n]
