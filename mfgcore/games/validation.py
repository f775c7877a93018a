"""Validation of games: whether what a class defines is a game, and errors of its code in one line.

Whatever is refused is refused in the name of the game.
"""

import contextlib
import math
import numbers
from typing import Any, NoReturn

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError, MfgcoreError, shorten
from mfgcore._base.plugins import describe_error

LAYOUTS = (None, "grid", "line", "ring")
TOLERANCE = 1e-9  # of sums that should be 1
CHUNK_SIZE = 2**20  # entries of arrays that are handled at a time
CHECKED_DISTANCES = 1000  # states: of more, distances are checked where they are used
ROUNDING = 1e-6  # differences of rewards below this are of float64 or float32
BATCH = 65  # mean fields, more than a run has at a time


class game_errors(contextlib.AbstractContextManager):
    """Context that makes whatever the code of a game raises a ConfigurationError of one line.

    Warnings of NumPy are silent in it, as all results are checked.

    Parameters
    ----------
    name : str
        Of the game.
    """

    def __init__(self, name: str) -> None:  # a step enters it twice: a generator takes longer
        self._name, self._errstate = name, np.errstate(all="ignore")

    def __enter__(self):
        self._errstate.__enter__()

    def __exit__(self, kind, error, traceback):
        self._errstate.__exit__(kind, error, traceback)
        if error is not None and not isinstance(error, MfgcoreError | KeyboardInterrupt):
            raise ConfigurationError(f"game {self._name!r}: {describe_error(error)}") from error


def refuse(name: str, what: str) -> NoReturn:
    """Raise a ConfigurationError that names the game."""
    raise ConfigurationError(f"game {name!r}: {what}")


# ------------------------------------------------------------ arrays


def is_masked(values: Any) -> bool:
    """Whether values, which may be nested lists, have masked entries."""
    if isinstance(values, (list, tuple)):
        return any(map(is_masked, values))
    return isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values)


def as_array(name: str, what: str, values: Any) -> np.ndarray:
    """Convert what a game returns to an array; masked entries are refused."""
    if type(values) is np.ndarray:
        return values
    if is_masked(values):
        refuse(name, f"{what} has masked entries, which are no numbers; fill them")
    return np.asarray(values)


def check_numbers(name: str, what: str, values: np.ndarray) -> None:
    """Check that an array holds numbers."""
    if values.dtype.kind not in "biuf":
        refuse(name, f"{what} holds {values.dtype}, expected numbers")


def checked_distributions(
    name: str, what: str, values: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Probability distributions over the last axis, checked; float64 of the shape given."""
    check_numbers(name, what, values)
    values = values.astype(np.float64, copy=False)
    if values.shape != shape:
        refuse(name, f"{what} has shape {values.shape}, expected {shape}")
    if kernels.are_distributions(values, TOLERANCE):
        return values
    if not (values >= 0.0).all():
        refuse(name, f"{what} holds {values.min():g}, which is no probability")
    sums = values.sum(axis=-1)
    wrong = np.abs(sums - 1.0).argmax()
    off = sums.flat[wrong] - 1.0
    where = np.unravel_index(wrong, sums.shape)
    hint = (
        f": it is off by {off:.2g}, as numbers of float32 or of few digits are; compute in "
        "float64, or divide by the sum"
    )
    refuse(
        name,
        f"{what} sums to {sums.flat[wrong]:.12g}"
        + (f" in state {where[0]}, action {where[1]}" if where else "")
        + ", expected 1"
        + (hint if abs(off) < 1e-3 else ""),
    )


def check_distances(name: str, distances: np.ndarray) -> None:
    """Check that distances, (n_states, n_states), are finite, symmetric and 0 on the diagonal."""
    n_states = len(distances)
    proper = not distances.diagonal().any()
    step = max(1, CHUNK_SIZE // n_states)  # of 10,000 states there are 800 MB
    for first in range(0, n_states, step):
        part = distances[first : first + step]
        if not proper or not ((part >= 0.0) & (part < np.inf)).all():
            refuse(name, "distances are not numbers >= 0, and 0 from a state to itself")
        if (part != distances[:, first : first + step].T).any():
            refuse(name, "distances are not the same there and back")


# ------------------------------------------------------------ games


def check_game(game: Any) -> None:
    """Check the definition of a game; see `Game.check`."""
    with game_errors(game.name):
        check_sizes(game)
        _check_dynamics(game)
        _check_rewards(game)
        _check_geometry(game)


def check_sizes(game: Any) -> None:
    """Check numbers of states and actions, which takes no time."""
    n_states, actions = game.n_states, game.actions
    if not isinstance(n_states, numbers.Integral) or isinstance(n_states, bool) or n_states < 1:
        game.refuse(f"n_states = {shorten(n_states)} is not a whole number >= 1")
    names = isinstance(actions, tuple) and all(type(action) is str for action in actions)
    if not names or not 0 < len(actions) == len(set(actions)):
        game.refuse(f"actions = {shorten(actions)} is not a tuple of different names")


def _check_dynamics(game):
    for name in ("mean_field_dynamics", "local_reward"):
        value = getattr(game, name)
        if not isinstance(value, bool | np.bool_):
            game.refuse(f"{name} = {shorten(value)} is not True or False")
    next_states = game.checked_next_states()
    _check_repeatable(game, "next_states()", next_states, game.checked_next_states())
    for name in ("extra_bytes", "evaluation_cost"):
        value = getattr(game, name)
        if not isinstance(value, numbers.Real) or not 0.0 <= float(value) < math.inf:
            game.refuse(f"{name} = {shorten(value)} is not a number >= 0")
    what, initial = "initial_distribution()", game.checked_initial_distribution()
    if initial is not None:
        _check_repeatable(game, what, initial, game.checked_initial_distribution())
    what = "transition_probabilities()"
    for mean_field in _samples(game) if game.mean_field_dynamics else [None]:
        given = None if mean_field is None else mean_field.copy()
        found = game.checked_transition_probabilities(next_states.shape, given).copy()
        if given is not None:
            _check_untouched(game, what, given, mean_field)
    # once, as it may take seconds
    again = game.checked_transition_probabilities(next_states.shape, given)
    _check_repeatable(game, what, found, again)


def _check_untouched(game, what, given, before):
    if not np.array_equal(given, before):
        game.refuse(f"{what} changes the array that it is given: let it change a copy of it")


def _check_repeatable(game, what, once, again):
    if not np.array_equal(once, again):
        game.refuse(
            f"{what} does not answer the same twice: what is drawn at random must be drawn "
            "once, from a seed of its own, such as in a functools.cached_property"
        )


def _check_rewards(game):
    n_states, samples = game.n_states, _samples(game)
    given = samples.copy()
    rewards = game.checked_rewards(given).copy()
    _check_untouched(game, "rewards()", given, samples)
    _check_repeatable(game, "rewards()", rewards, game.checked_rewards(given))
    for mean_field, together in zip(samples, rewards, strict=True):
        given = mean_field.copy()
        _check_batched(game, game.checked_rewards(given), together)
        _check_untouched(game, "rewards()", given, mean_field)
    if n_states**2 * BATCH <= CHUNK_SIZE:  # of more states rounding differs among few, too
        several = np.resize(rewards, (BATCH, *rewards.shape[1:]))
        _check_batched(game, game.checked_rewards(np.resize(samples, (BATCH, n_states))), several)
    if game.local_reward:
        for mean_field, together in zip(samples, rewards, strict=True):
            for s in range(0, n_states, max(1, n_states // 8)):
                # everywhere else as many as here: that must not matter
                alike = game.checked_rewards(np.full(n_states, mean_field[s]))[s]
                if not (alike == together[s, 0]).all() or not (together[s] == alike[0]).all():
                    game.refuse("its rewards depend on more than the state and its own share")


def _check_batched(game, alone, together):
    by = np.abs(alone - together).max()
    if by > 0.0:
        why = (
            "so that a run would depend on how many steps it asks for at once; @, np.dot and "
            "np.tensordot round by how many there are: write (a * b).sum(axis=-1)"
            if by < ROUNDING
            else "so that mean fields are mixed; states are on the last axis of what is given: "
            "write mean_fields[..., s] and axis=-1"
        )
        game.refuse(
            f"rewards() of one mean field differ from those among several by {by:.2g}, {why}"
        )


def _samples(game):
    """Some mean fields: even, the initial distribution, everybody in one state, random."""
    S = game.n_states
    peaks = np.arange(0, S, max(1, S // 8))
    samples = [np.full((1, S), 1.0 / S), 1.0 * (peaks[:, None] == np.arange(S))]
    initial = game.checked_initial_distribution()
    if initial is not None:
        samples.append(initial[None])
    drawn = np.random.default_rng(S).random((4, S))
    samples.append(drawn / drawn.sum(axis=1, keepdims=True))
    return np.concatenate(samples)


def _check_geometry(game):
    layout = game.layout
    if not (layout is None or isinstance(layout, str)) or layout not in LAYOUTS:
        game.refuse(f"layout = {shorten(layout)} is not one of {', '.join(map(str, LAYOUTS))}")
    game.checked_names()
    if game.checked_positions() is None and layout == "grid":
        game.refuse("layout = 'grid' needs positions, (row, column) of every state")
    if game.n_states <= CHECKED_DISTANCES:
        game.checked_distances()
