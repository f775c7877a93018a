"""xoshiro128++ (Blackman & Vigna, 2021) and the shuffles drawn from it."""

MASK = 0xFFFFFFFF
LANES = 16


def rotate_left(word, bits):
    return ((word << bits) | (word >> (32 - bits))) & MASK


def next_word(state):
    """The next 32-bit word of one generator; `state`, a list of four ints, moves on."""
    s0, s1, s2, s3 = state
    result = (rotate_left((s0 + s3) & MASK, 7) + s0) & MASK
    s2 ^= s0
    s3 ^= s1
    t = (s1 << 9) & MASK
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = rotate_left(s3, 11)
    state[:] = s0, s1, s2, s3
    return result


def state_yielding(word):
    """A generator's state whose next word is the given one."""
    return [0, 0x9E3779B9, 0x85EBCA6B, rotate_left(word, 32 - 7)]


def state_before(state):
    """The generator's state that the next word turns into the given one."""
    s0, s1, s2, s3 = state
    s3 = rotate_left(s3, 32 - 11)
    s0 ^= s3
    s1 ^= s2  # s1 ^ s1 << 9 of the state before
    s1 = (s1 ^ (s1 << 9) ^ (s1 << 18) ^ (s1 << 27)) & MASK
    s2 ^= ((s1 << 9) & MASK) ^ s0
    s3 ^= s1
    return [s0, s1, s2, s3]


def next_words(generators, words):
    """One word from each generator; both arrays change in place."""
    for i in range(len(words)):
        state = [int(word) for word in generators[:, i]]
        words[i] = next_word(state)
        generators[:, i] = state


def shuffle_swaps(generators, n):
    """Partners of one Fisher-Yates pass: position i is served by lane i modulo 16.

    Lanes advance together, also those that the last positions leave unused.
    """
    words = [0] * (-(-n // LANES) * LANES)
    for lane in range(LANES):
        state = [int(word) for word in generators[:, lane]]
        for i in range(lane, len(words), LANES):
            words[i] = next_word(state)
        generators[:, lane] = state
    return [i + words[i] * (n - i) // 2**32 for i in range(n)]


def shuffle(items, swaps):
    """Exchange items[i] with items[swaps[i]], in the order of i."""
    for i, partner in enumerate(swaps):
        items[i], items[partner] = items[partner], items[i]
