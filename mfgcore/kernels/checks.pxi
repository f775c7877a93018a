# Checks of the arguments from Python, before any loop. An index or a shape that does not fit would
# read or write other memory, and a NaN would make a search endless; so would an index that changes
# under way, because an output shares its memory. Compilers may assume aligned access.

cdef enum:
    MOST = 2000000000  # agents, groups, transitions: what fits into 32 bits, with some to spare

    LONGEST = 1000000  # cycles, rounds or iterations of a call, which nothing interrupts

cdef double EXCESS = 1e-6  # that a probability may have by rounding


def _numbers(values):
    """Convert array_like to a C-contiguous float64 array."""
    if type(values) is np.ndarray and values.dtype == np.float64:  # np.require takes its time
        flags = values.flags
        if flags.c_contiguous and flags.aligned:
            return values
    return np.require(values, np.float64, ("C", "A"))


def _demand(fits, text):
    if not fits:
        raise ValueError(text)


cdef _memory(value):
    """Begin, end and alignment of the memory of an array; None if it is none, or empty."""
    cdef Py_buffer view
    if not PyObject_CheckBuffer(value):
        return None
    try:
        PyObject_GetBuffer(value, &view, PyBUF_STRIDED_RO)
    except (BufferError, TypeError, ValueError):  # it is refused where it is used
        return None
    first = <uint64_t>view.buf
    found = (first, first + view.len, min(view.itemsize, 8)) if view.len else None
    PyBuffer_Release(&view)
    return found


def _changing(*changed):
    """Check the memory of the arrays that a kernel is given; `changed` are those that it writes."""
    def decorate(kernel):
        names = kernel.__code__.co_varnames[:kernel.__code__.co_argcount]

        @functools.wraps(kernel)
        def checked(*given, **named):
            arrays = [(*each, _memory(each[1])) for each in (*zip(names, given), *named.items())]
            arrays = [(name, memory) for name, _, memory in arrays if memory is not None]
            for name, (first, end, unit) in arrays:
                _demand(first % unit == 0, f"{name} must be aligned in memory")
                if name in changed:
                    for other, (other_first, other_end, _) in arrays:
                        _demand(
                            name == other or end <= other_first or other_end <= first,
                            f"{name} must not share memory with {other}",
                        )
            return kernel(*given, **named)

        return checked

    return decorate


cdef int _check_indices(str name, const int32_t[::1] values, Py_ssize_t end) except -1:
    """Check that indices are within 0 ... end - 1."""
    cdef Py_ssize_t i
    cdef int32_t least = 0, most = 0
    for i in range(values.shape[0]):
        least = min(least, values[i])
        most = max(most, values[i])
    if least < 0 or (values.shape[0] and most >= end):
        raise ValueError(f"{name} must be 0 to {end - 1}, not {least if least < 0 else most}")
    return 0


cdef int _check_probabilities(str name, const double[:, :, ::1] values) except -1:
    """Check that values are within [0, 1], up to rounding."""
    cdef Py_ssize_t i, j, k
    cdef bint fit = True
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            for k in range(values.shape[2]):
                fit &= 0.0 <= values[i, j, k] <= 1.0 + EXCESS  # not if it is NaN
    if not fit:
        raise ValueError(f"{name} must be within [0, 1]")
    return 0


cdef int _check_pairs(const Transition[:, ::1] transitions, Py_ssize_t n_pairs) except -1:
    """Check that transitions are between pairs of a state and an action that exist."""
    cdef Py_ssize_t learner, i
    cdef uint16_t most = 0
    for learner in range(transitions.shape[0]):
        for i in range(transitions.shape[1]):
            most = max(most, transitions[learner, i].pair, transitions[learner, i].next_pair)
    if transitions.shape[0] and transitions.shape[1] and most >= n_pairs:
        raise ValueError(f"transitions must be between pairs 0 to {n_pairs - 1}, not {most}")
    return 0


cdef int _check_count(str name, Py_ssize_t value, Py_ssize_t most=LONGEST) except -1:
    if not 0 <= value <= most:
        raise ValueError(f"{name} must be 0 to {most}, not {value}")
    return 0


cdef int _check_finite(str name, double value, double least=0.0) except -1:
    if not least <= value <= 1e300:
        raise ValueError(f"{name} must be finite and >= {least:g}, not {value}")
    return 0
