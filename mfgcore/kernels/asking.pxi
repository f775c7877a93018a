# A game is asked while everybody waits. What it answers is checked where it arrives: a wrong
# probability or reward would be in the results, and nowhere to be seen.

def _refuse(game, what):
    raise ConfigurationError(f"game {getattr(game, 'name', type(game).__name__)!r}: {what}")


def _answer(game, method, mean_fields, shape):
    """What a method of the game says at mean fields; float64 of the shape given."""
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(getattr(game, method)(mean_fields))
    except Exception as error:  # whatever the code of an author may raise
        _refuse(game, blame(error))
    if values.dtype.kind not in "biuf":
        _refuse(game, f"{method}() holds {values.dtype}, expected numbers")
    values = _numbers(values)
    if values.shape != shape:
        _refuse(game, f"{method}() has shape {values.shape}, expected {shape}")
    return values


def _asked_rewards(game, mean_fields, n_actions):
    """Rewards at mean fields, (n, n_states); (n, n_states, n_actions) float64."""
    values = _answer(game, "rewards", mean_fields, (*mean_fields.shape, n_actions))
    cdef const double[::1] rewards = values.ravel()
    cdef Py_ssize_t i, outside = 0
    for i in range(rewards.shape[0]):
        outside += not 0.0 <= rewards[i] <= 1.0  # also if it is NaN
    if outside:
        bad = np.argwhere(~((values >= 0.0) & (values <= 1.0)))[0]
        _refuse(
            game, f"rewards() holds {values[tuple(bad)]:g} in state {bad[1]}, action {bad[2]}, "
            "which is not within [0, 1]"
        )
    return values


def _asked_probabilities(game, mean_field, shape):
    """Probabilities of outcomes at a mean field; float64 of the shape given."""
    values = _answer(game, "probabilities", mean_field, shape)
    cdef const double[:, :, ::1] probabilities = values
    cdef Py_ssize_t s, a, k
    cdef double total
    cdef bint negative
    for s in range(probabilities.shape[0]):
        for a in range(probabilities.shape[1]):
            total, negative = 0.0, False
            for k in range(probabilities.shape[2]):
                total += probabilities[s, a, k]
                negative |= not probabilities[s, a, k] >= 0.0
            if negative or not fabs(total - 1.0) <= 1e-9:
                row = ", ".join(f"{p:g}" for p in values[s, a])
                _refuse(
                    game, f"probabilities() holds ({row}) in state {s}, action {a}, "
                    "which is no distribution"
                )
    return values
