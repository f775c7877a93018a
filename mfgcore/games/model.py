"""What a game is: states, moves, rewards, a start, and a geometry if it has one (Sec. 2).

A game is a class in one file, decorated with :func:`register`; ``docs/extending.md`` has examples.
One definition serves the population of N agents, where mu = counts / N, the agent itself included
(D3), and the mean-field game of infinitely many.
"""

import contextlib
import copy
import dataclasses
import functools
import math
import numbers
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from mfgcore._base.errors import ConfigurationError, MfgcoreError, shorten
from mfgcore._base.plugins import blame
from mfgcore._base.registry import Registry

LAYOUTS = (None, "grid", "line", "ring")
TOLERANCE = 1e-9  # of sums that should be 1
ASKED = 2**20  # shares, in mean fields that a game is asked for at a time
CHECKED_DISTANCES = 1000  # states: of more, distances are checked where they are used
ROUNDING = 1e-6  # differences of rewards below this are of float64 or float32
AT_ONCE = 65  # mean fields, more than a run asks for at a time
MOST_DRAWN = 2**20  # cells of a grid, free or not


class _Games(Registry):
    """Games are classes, and what one reads of an experiment are its fields."""

    def register(self, cls):
        """Make a class a game, known by its name in snake case and frozen; returns it."""
        if not isinstance(cls, type) or not issubclass(cls, Game):
            raise ConfigurationError(f"game {shorten(cls)}: is no subclass of Game")
        cls = dataclasses.dataclass(frozen=True)(cls)
        words = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
        cls.name = re.sub(words, "_", cls.__name__).lower()
        for field in dataclasses.fields(cls):
            if field.default is field.default_factory is dataclasses.MISSING:
                raise ConfigurationError(f"game {cls.name!r}: field {field.name!r} has no default")
        self.add(cls.name, cls)
        return cls

    def needs(self, name):
        """The fields of a game; tuple of str."""
        return tuple(field.name for field in dataclasses.fields(self[name]))


GAMES = _Games("game")
register = GAMES.register


@contextlib.contextmanager
def in_one_line(name: str) -> Iterator[None]:
    """Let whatever the code of a game raises be a ConfigurationError, one line with its name."""
    try:
        with np.errstate(all="ignore"):  # what comes of it is checked
            yield
    except (MfgcoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit
        raise ConfigurationError(f"game {name!r}: {blame(error)}") from error


def is_masked(values: Any) -> bool:
    """Whether values, which may be nested lists, have entries that are masked, not numbers."""
    if isinstance(values, (list, tuple)):
        return any(map(is_masked, values))
    return isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values)


class Game:
    """A stationary mean-field game with finitely many states; a subclass says what it is.

    Fields that are named like parameters of an Experiment have the
    experiment's values, unless these are null. Arrays may be anything that NumPy takes for one.
    Rewards must be of the same bits on every processor, and however many mean fields are asked
    for at once: use `mfgcore.kernels.log` and `exp`, not NumPy's, and ``(a * b).sum(axis=-1)``, not
    ``@``.

    Attributes
    ----------
    n_states : int
    actions : tuple of str
    moves_depend_on_mean_field : bool
        Whether :meth:`probabilities` is to be called with a mean field.
    pays_by_own_share : bool
        Whether R(s, a, mu) is a function of s and mu(s) alone. Then :meth:`rewards` is also asked
        for shares that are no distribution, and the game is fast.
    reward_range : (float, float)
        Lowest and highest reward in the units of the source; see :meth:`normalised`.
    state_names : sequence of str, optional
        What the states are called in figures; their numbers by default.
    distances : (n_states, n_states) float64, optional
        How far apart states are; needed where agents hear those within a radius.
    layout : {None, "grid", "line", "ring"}
        How the states are drawn.
    positions : (n_states, 2) int64, optional
        (row, column) of every state of a grid.
    mean_field_agents : float
        How many agents a mean field stands for; see :meth:`seen_by`.
    held_bytes : float
        Of what it keeps beside where actions lead. Only the cost model reads it.
    """

    name = ""
    n_states: int
    actions: tuple[str, ...]
    moves_depend_on_mean_field = False
    pays_by_own_share = False
    reward_range: tuple[float, float] = (0.0, 1.0)
    state_names: tuple[str, ...] | None = None
    distances: np.ndarray | None = None
    layout: str | None = None
    positions: np.ndarray | None = None
    mean_field_agents: float = math.inf
    held_bytes: float = 0.0

    # ------------------------------------------------------------ what a subclass says

    def outcomes(self) -> np.ndarray:
        """Where an action can lead; (n_states, n_actions, K) int32. A state may occur twice."""
        raise NotImplementedError("it does not say where actions lead")

    def probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probability of every outcome; (n_states, n_actions, K) float64, sums to 1 over K."""
        shape = np.shape(self.outcomes())
        return np.full(shape, 1.0 / shape[2])

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """R(s, a, mu) in [0, 1]; (..., n_states) float64 to (..., n_states, n_actions)."""
        raise NotImplementedError("it does not say what it pays")

    def start(self) -> np.ndarray | None:
        """Where agents start; (n_states,) float64, sums to 1. None: anywhere alike."""
        return None

    # ------------------------------------------------------------ what follows

    def normalised(self, rewards: np.ndarray, mean_fields: np.ndarray) -> np.ndarray:
        """Rewards in the units of the source, mapped affinely from `reward_range` to [0, 1].

        They may be given as any array that broadcasts to (..., n_states, n_actions), the shape of
        what is returned for `mean_fields`, (..., n_states).
        """
        low, high = self.reward_range
        if not -math.inf < low < high < math.inf:
            self.refuse(f"reward_range = ({low}, {high}) does not go from a lower to a higher one")
        # the clip takes off the last bit that rounding may add, and nothing else
        rewards = ((rewards - low) / (high - low)).clip(0.0, 1.0)
        return np.broadcast_to(rewards, (*np.shape(mean_fields), len(self.actions)))

    @property
    def asked_numbers(self) -> float:
        """How many numbers an answer of :meth:`probabilities` takes the time of; float."""
        return float(np.size(self.outcomes()))

    @functools.cached_property
    def made(self) -> dict[str, Any]:
        """What has been computed of the game, by whom it concerns; dict."""
        return {}

    def best_states(self) -> np.ndarray:
        """States that pay best where everybody is spread evenly; (n_states,) bool.

        None of them where all pay the same.
        """
        pays = self.mean_field_rewards(np.full(self.n_states, 1.0 / self.n_states)).max(axis=1)
        best = pays >= pays.max() - TOLERANCE
        return best & ~best.all()

    def seen_by(self, n_agents: int) -> "Game":
        """Return the mean-field game as one of N agents sees it, who counts itself (D3, D22)."""
        self.made  # noqa: B018  both share it
        seen = copy.copy(self)
        object.__setattr__(seen, "mean_field_agents", n_agents)
        return seen

    def reward_table(self, n_agents: int) -> np.ndarray | None:
        """Reward by state and by the number of agents in it, the agent itself included.

        Returns
        -------
        (n_states, n_agents + 1) float64, or None
            In [0, 1]; None where a reward depends on more. Column 0 is 0: nobody is there to be
            paid. Not to be changed.
        """
        if not self.pays_by_own_share:
            return None
        tables = self.made.setdefault("reward_tables", {})
        if n_agents not in tables:
            shares = np.arange(1, n_agents + 1)[:, None] / n_agents
            shares = np.broadcast_to(shares, (n_agents, self.n_states))
            table = np.zeros((self.n_states, n_agents + 1))
            table[:, 1:] = self.seen_by(n_agents).paid(shares)[:, :, 0].T
            table.flags.writeable = False
            tables[n_agents] = table
        return tables[n_agents]

    def paid(self, mean_fields: np.ndarray) -> np.ndarray:
        """The rewards of :meth:`rewards`, checked; (..., n_states, n_actions) float64.

        Raises
        ------
        ConfigurationError
            If they are of another shape, or not within [0, 1].
        """
        mean_fields = np.asarray(mean_fields, dtype=np.float64)
        with in_one_line(self.name):
            rewards = self._array("rewards()", self.rewards(mean_fields))
        wanted = (*mean_fields.shape, len(self.actions))
        if rewards.shape != wanted:
            self.refuse(
                f"rewards() has shape {rewards.shape} for mean fields of shape "
                f"{mean_fields.shape}, expected {wanted}"
            )
        self._check_numbers("rewards()", rewards)
        if not ((rewards >= 0.0) & (rewards <= 1.0)).all():
            self.refuse(
                f"its rewards leave [0, 1] (from {rewards.min():g} to {rewards.max():g}); "
                "they must be normalised"
            )
        return rewards.astype(np.float64, copy=False)

    def chances(self, shape: tuple[int, ...], mean_field: np.ndarray | None = None) -> np.ndarray:
        """The probabilities of :meth:`probabilities`, checked; float64 of the shape given.

        Raises
        ------
        ConfigurationError
            If they are of another shape, or no distributions.
        """
        given = () if mean_field is None else (mean_field,)
        with in_one_line(self.name):
            values = self._array("probabilities()", self.probabilities(*given))
        return self._check_distributions("probabilities()", values, shape)

    def checked_outcomes(self) -> np.ndarray:
        """The states of :meth:`outcomes`, checked; (n_states, n_actions, K) int32.

        Raises
        ------
        ConfigurationError
            If they are of another shape, or no states.
        """
        with in_one_line(self.name):
            outcomes = self._array("outcomes()", self.outcomes())
        S, A = self.n_states, len(self.actions)
        if outcomes.ndim != 3 or outcomes.shape[:2] != (S, A) or outcomes.size == 0:
            self.refuse(f"outcomes() has shape {outcomes.shape}, expected ({S}, {A}, K)")
        if outcomes.dtype.kind not in "iu":
            self.refuse(f"outcomes() holds {outcomes.dtype}, expected states, int32")
        low, high = outcomes.min(), outcomes.max()
        if low < 0 or high >= S:
            bad = low if low < 0 else high
            self.refuse(f"outcomes() holds {bad}, which is no state: they are 0 to {S - 1}")
        return np.require(outcomes, np.int32, ("C", "A"))

    def checked_start(self) -> np.ndarray | None:
        """The distribution of :meth:`start`, checked; (n_states,) float64, or None.

        Raises
        ------
        ConfigurationError
            If it is none.
        """
        with in_one_line(self.name):
            start = self.start()
            if start is None:
                return None
            start = self._array("start()", start)
        return self._check_distributions("start()", start, (self.n_states,))

    def checked_names(self) -> list[str] | None:
        """`state_names`, checked; list of n_states str, or None.

        Raises
        ------
        ConfigurationError
            If they are no sequence of as many different names.
        """
        names, S = self.state_names, self.n_states
        if names is None:
            return None
        listed = np.asarray(names, dtype=object)  # a set, whose order is by chance, is no array
        if listed.shape != (S,) or not all(isinstance(name, str) for name in listed):
            self.refuse(f"state_names = {shorten(names)} is not a tuple of {S} different names")
        if len(set(listed)) < S:
            self.refuse(f"state_names = {shorten(names)} is not a tuple of {S} different names")
        return list(map(str, listed))

    def checked_positions(self) -> np.ndarray | None:
        """`positions`, checked; (n_states, 2) int64, or None.

        Raises
        ------
        ConfigurationError
            If they are no cells of a grid that can be drawn, one for each state.
        """
        positions, S = self.positions, self.n_states
        if positions is None:
            return None
        positions = self._array("positions", positions)
        if positions.shape != (S, 2):
            self.refuse(f"positions has shape {positions.shape}, expected {(S, 2)}")
        self._check_numbers("positions", positions)
        bad = ~((positions >= 0) & (positions < MOST_DRAWN) & (positions == np.floor(positions)))
        if bad.any():
            self.refuse(
                f"positions holds {positions[bad][0]:g}, which is no row or column: they are whole "
                f"numbers from 0, and below {MOST_DRAWN:,}"
            )
        positions = positions.astype(np.int64)
        rows, columns = (positions.max(axis=0) + 1).tolist()
        if rows * columns > MOST_DRAWN:
            self.refuse(
                f"positions are of a grid of {rows:,} x {columns:,} cells, which is more than "
                f"{MOST_DRAWN:,}: count rows and columns from 0, without gaps"
            )
        cells, numbers_of = np.unique(positions, axis=0, return_counts=True)
        if len(cells) < S:
            row, column = cells[numbers_of.argmax()]
            self.refuse(f"positions has more than one state in row {row}, column {column}")
        return positions

    def checked_distances(self) -> np.ndarray | None:
        """`distances`, checked; (n_states, n_states) float64, or None.

        Raises
        ------
        ConfigurationError
            If they are no distances.
        """
        distances, S = self.distances, self.n_states
        if distances is None:
            return None
        distances = self._array("distances", distances)
        if distances.shape != (S, S):
            self.refuse(f"distances has shape {distances.shape}, expected {(S, S)}")
        self._check_numbers("distances", distances)
        if "distances" not in self.made:
            if distances.diagonal().any():
                self.refuse("distances are not numbers >= 0, and 0 from a state to itself")
            step = max(1, ASKED // S)  # of 10,000 states there are 800 MB
            for first in range(0, S, step):
                part = distances[first : first + step]
                if not ((part >= 0.0) & (part < np.inf)).all():
                    self.refuse("distances are not numbers >= 0, and 0 from a state to itself")
                if (part != distances[:, first : first + step].T).any():
                    self.refuse("distances are not the same there and back")
            self.made["distances"] = True
        return distances.astype(np.float64, copy=False)

    def mean_field_rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Rewards in the mean-field game, R(s, a, mu) of Definition 2.4.

        Parameters
        ----------
        mean_fields : (..., n_states) float64
            Distributions mu over the states of a population of infinitely many agents.

        Returns
        -------
        (..., n_states, n_actions) float64
            In [0, 1]. An agent of infinitely many is infinitely small: it does not count in mu.
            One of N = `mean_field_agents` counts itself, as in a population (D3), and N - 1
            others, of whom it expects the shares mu: in s it sees ((N - 1) mu + delta_s) / N.
        """
        mean_fields = np.asarray(mean_fields, dtype=np.float64)
        if self.pays_by_own_share:
            return self.paid(self.own_share(np.minimum(mean_fields, 1.0)))
        if self.mean_field_agents == math.inf:
            return self.paid(mean_fields)
        n_states = self.n_states
        result = np.empty((mean_fields.size // n_states, n_states, len(self.actions)))
        weight = 1.0 / self.mean_field_agents
        at_once = max(1, ASKED // n_states)
        for row, mean_field in zip(result, mean_fields.reshape(-1, n_states), strict=True):
            for first in range(0, n_states, at_once):
                here = np.arange(first, min(first + at_once, n_states))
                seen = np.tile(mean_field * (1.0 - weight), (here.size, 1))
                seen[here - first, here] += weight
                row[here] = self.paid(seen)[here - first, here]
        return result.reshape(*mean_fields.shape, -1)

    def own_share(self, others: np.ndarray) -> np.ndarray:
        """The share that an agent sees of others' shares in its state, itself included."""
        return others + (1.0 - others) / self.mean_field_agents

    # ------------------------------------------------------------ is it a game?

    def refuse(self, what: str) -> NoReturn:
        """Raise a ConfigurationError that names the game."""
        raise ConfigurationError(f"game {self.name!r}: {what}")

    def check(self) -> None:
        """Check what the author of the game states.

        Raises
        ------
        ConfigurationError
            One line that names the game and what is wrong, also if its code fails.
        """
        with in_one_line(self.name):
            self.check_sizes()
            self._check_moves()
            self._check_rewards()
            self._check_geometry()

    def check_sizes(self) -> None:
        """Check what says how large the game is; a part of :meth:`check` that takes no time."""
        S, actions = self.n_states, self.actions
        if not isinstance(S, numbers.Integral) or isinstance(S, bool) or S < 1:
            self.refuse(f"n_states = {shorten(S)} is not a whole number >= 1")
        names = isinstance(actions, tuple) and all(type(action) is str for action in actions)
        if not names or not 0 < len(actions) == len(set(actions)):
            self.refuse(f"actions = {shorten(actions)} is not a tuple of different names")

    def _check_moves(self):
        for name in ("moves_depend_on_mean_field", "pays_by_own_share"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                self.refuse(f"{name} = {shorten(value)} is not True or False")
        outcomes = self.checked_outcomes()
        self._check_same("outcomes()", outcomes, self.checked_outcomes())
        for name in ("held_bytes", "asked_numbers"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not 0.0 <= value < math.inf:
                self.refuse(f"{name} = {shorten(value)} is not a number >= 0")
        start = self.checked_start()
        if start is not None:
            self._check_same("start()", start, self.checked_start())
        samples = self._samples() if self.moves_depend_on_mean_field else [None]
        for number, mean_field in enumerate(samples):
            given = None if mean_field is None else mean_field.copy()
            chances = self.chances(outcomes.shape, given).copy()
            self._check_untouched("probabilities()", given, mean_field)
            if number == 0:  # once, as it may take seconds
                self._check_same("probabilities()", chances, self.chances(outcomes.shape, given))

    def _check_untouched(self, what, given, before):
        if given is not None and not np.array_equal(given, before):
            self.refuse(f"{what} changes the array that it is given: let it change a copy of it")

    def _check_same(self, what, once, again):
        if not np.array_equal(once, again):
            self.refuse(
                f"{what} does not answer the same twice: what is drawn at random must be drawn "
                "once, from a seed of its own, such as in a functools.cached_property"
            )

    def _array(self, what, values):
        if is_masked(values):
            self.refuse(f"{what} has masked entries, which are no numbers; fill them")
        return np.asarray(values)

    def _check_numbers(self, what, values):
        if values.dtype.kind not in "biuf":
            self.refuse(f"{what} holds {values.dtype}, expected numbers")

    def _check_distributions(self, what, values, shape):
        self._check_numbers(what, values)
        values = values.astype(np.float64, copy=False)
        if values.shape != shape:
            self.refuse(f"{what} has shape {values.shape}, expected {shape}")
        if not (values >= 0.0).all():
            self.refuse(f"{what} holds {values.min():g}, which is no probability")
        sums = values.sum(axis=-1)
        wrong = np.abs(sums - 1.0).argmax()
        off = sums.flat[wrong] - 1.0
        if not abs(off) <= TOLERANCE:
            where = np.unravel_index(wrong, sums.shape)
            where = f" in state {where[0]}, action {where[1]}" if where else ""
            hint = (
                f": it is off by {off:.2g}, as numbers of float32 or of few digits are; compute in "
                "float64, or divide by the sum"
            )
            self.refuse(
                f"{what} sums to {sums.flat[wrong]:.12g}{where}, expected 1"
                + (hint if abs(off) < 1e-3 else "")
            )
        return values

    def _check_rewards(self):
        samples = self._samples()
        given = samples.copy()
        rewards = self.paid(given).copy()
        self._check_untouched("rewards()", given, samples)
        self._check_same("rewards()", rewards, self.paid(given))
        for mean_field, together in zip(samples, rewards, strict=True):
            given = mean_field.copy()
            self._check_alike(self.paid(given), together)
            self._check_untouched("rewards()", given, mean_field)
        if self.n_states**2 * AT_ONCE <= ASKED:  # of more states rounding differs among few, too
            several = np.resize(rewards, (AT_ONCE, *rewards.shape[1:]))
            self._check_alike(self.paid(np.resize(samples, (AT_ONCE, self.n_states))), several)
        if self.pays_by_own_share:
            for mean_field, together in zip(samples, rewards, strict=True):
                for s in range(0, self.n_states, max(1, self.n_states // 8)):
                    # everywhere else as many as here: that must not matter
                    alike = self.paid(np.full(self.n_states, mean_field[s]))[s]
                    if not (alike == together[s, 0]).all() or not (together[s] == alike[0]).all():
                        self.refuse("its rewards depend on more than the state and its own share")

    def _check_alike(self, alone, together):
        by = np.abs(alone - together).max()
        if by > 0.0:
            why = (
                "so that a run would depend on how many steps it asks for at once; @, np.dot and "
                "np.tensordot round by how many there are: write (a * b).sum(axis=-1)"
                if by < ROUNDING
                else "so that mean fields are mixed; states are on the last axis of what is given: "
                "write mean_fields[..., s] and axis=-1"
            )
            self.refuse(
                f"rewards() of one mean field differ from those among several by {by:.2g}, {why}"
            )

    def _samples(self):
        """Some mean fields: even, the start, everybody in one state, at random."""
        S = self.n_states
        peaks = np.arange(0, S, max(1, S // 8))
        samples = [np.full((1, S), 1.0 / S), 1.0 * (peaks[:, None] == np.arange(S))]
        start = self.checked_start()
        if start is not None:
            samples.append(start[None])
        drawn = np.random.default_rng(S).random((4, S))
        samples.append(drawn / drawn.sum(axis=1, keepdims=True))
        return np.concatenate(samples)

    def _check_geometry(self):
        if not (self.layout is None or isinstance(self.layout, str)) or self.layout not in LAYOUTS:
            self.refuse(
                f"layout = {shorten(self.layout)} is not one of {', '.join(map(str, LAYOUTS))}"
            )
        self.checked_names()
        if self.checked_positions() is None and self.layout == "grid":
            self.refuse("layout = 'grid' needs positions, (row, column) of every state")
        if self.n_states <= CHECKED_DISTANCES:
            self.checked_distances()
