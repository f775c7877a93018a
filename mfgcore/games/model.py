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

from mfgcore.errors import ConfigurationError, MfgcoreError, shorten
from mfgcore.imports import blame
from mfgcore.registry import Registry

LAYOUTS = (None, "grid", "line", "ring")
TOLERANCE = 1e-9  # of sums that should be 1
ASKED = 2**20  # shares, in mean fields that a game is asked for at a time
CHECKED_DISTANCES = 1000  # states: of more, distances would take long to check


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
        self.add(cls.name, cls, [field.name for field in dataclasses.fields(cls)])
        return cls


GAMES = _Games("game")
register = GAMES.register


@contextlib.contextmanager
def in_one_line(name: str) -> Iterator[None]:
    """Let whatever the code of a game raises be a ConfigurationError, one line with its name."""
    try:
        with np.errstate(all="ignore"):  # what comes of it is checked
            yield
    except MfgcoreError:
        raise
    except Exception as error:
        raise ConfigurationError(f"game {name!r}: {blame(error)}") from error


class Game:
    """A stationary mean-field game with finitely many states; a subclass says what it is.

    Fields that are named like parameters of an :class:`~mfgcore.experiment.Experiment` have the
    experiment's values, unless these are null. Rewards must be of the same bits on every
    processor: use `mfgcore.kernels.log` and `exp`, not NumPy's, and no ``@``.

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
    state_names : tuple of str, optional
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
        if not low < high:
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
            rewards = np.asarray(self.rewards(mean_fields))
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
            values = self.probabilities(*given)
        return self._check_distributions("probabilities()", values, shape)

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
        if not isinstance(S, numbers.Integral) or S < 1:
            self.refuse(f"n_states = {shorten(S)} is not a whole number >= 1")
        names = isinstance(actions, tuple) and all(type(action) is str for action in actions)
        if not names or not 0 < len(actions) == len(set(actions)):
            self.refuse(f"actions = {shorten(actions)} is not a tuple of different names")

    def _check_moves(self):
        S, A = self.n_states, len(self.actions)
        outcomes = np.asarray(self.outcomes())
        if outcomes.ndim != 3 or outcomes.shape[:2] != (S, A) or outcomes.size == 0:
            self.refuse(f"outcomes() has shape {outcomes.shape}, expected ({S}, {A}, K)")
        if outcomes.dtype.kind not in "iu":
            self.refuse(f"outcomes() holds {outcomes.dtype}, expected states, int32")
        if outcomes.min() < 0 or outcomes.max() >= S:
            bad = outcomes.min() if outcomes.min() < 0 else outcomes.max()
            self.refuse(f"outcomes() holds {bad}, which is no state: they are 0 to {S - 1}")
        for name in ("held_bytes", "asked_numbers"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not 0.0 <= value < math.inf:
                self.refuse(f"{name} = {shorten(value)} is not a number >= 0")
        start = self.start()
        if start is not None:
            self._check_distributions("start()", start, (S,))
        for mean_field in self._samples() if self.moves_depend_on_mean_field else [None]:
            self.chances(outcomes.shape, mean_field)

    def _check_numbers(self, what, values):
        if values.dtype.kind not in "biuf":
            self.refuse(f"{what} holds {values.dtype}, expected numbers")

    def _check_distributions(self, what, values, shape):
        values = np.asarray(values)
        self._check_numbers(what, values)
        values = values.astype(np.float64, copy=False)
        if values.shape != shape:
            self.refuse(f"{what} has shape {values.shape}, expected {shape}")
        if not (values >= 0.0).all():
            self.refuse(f"{what} holds {values.min():g}, which is no probability")
        sums = values.sum(axis=-1)
        wrong = np.abs(sums - 1.0).argmax()
        if not abs(sums.flat[wrong] - 1.0) <= TOLERANCE:
            where = np.unravel_index(wrong, sums.shape)
            where = f" in state {where[0]}, action {where[1]}" if where else ""
            self.refuse(f"{what} sums to {sums.flat[wrong]:g}{where}, expected 1")
        return values

    def _check_rewards(self):
        samples = self._samples()
        rewards = self.paid(samples)
        for mean_field, together in zip(samples, rewards, strict=True):
            if not np.array_equal(self.paid(mean_field), together):
                self.refuse("rewards() of one mean field differ from those among several")
        if self.pays_by_own_share:
            for mean_field, together in zip(samples, rewards, strict=True):
                for s in range(0, self.n_states, max(1, self.n_states // 8)):
                    # everywhere else as many as here: that must not matter
                    alike = self.paid(np.full(self.n_states, mean_field[s]))[s]
                    if not (alike == together[s, 0]).all() or not (together[s] == alike[0]).all():
                        self.refuse("its rewards depend on more than the state and its own share")

    def _samples(self):
        """Some mean fields: even, the start, everybody in one state, at random."""
        S = self.n_states
        peaks = np.arange(0, S, max(1, S // 8))
        samples = [np.full((1, S), 1.0 / S), 1.0 * (peaks[:, None] == np.arange(S))]
        if self.start() is not None:
            samples.append(np.asarray(self.start(), dtype=np.float64)[None])
        drawn = np.random.default_rng(S).random((4, S))
        samples.append(drawn / drawn.sum(axis=1, keepdims=True))
        return np.concatenate(samples)

    def _check_geometry(self):
        S = self.n_states
        if self.layout not in LAYOUTS:
            self.refuse(f"layout = {self.layout!r} is not one of {', '.join(map(str, LAYOUTS))}")
        names = self.state_names
        if names is not None and (
            len(names) != S or len(set(names)) < S or not all(type(each) is str for each in names)
        ):
            self.refuse(f"state_names = {shorten(names)} is not a tuple of {S} different names")
        if self.layout == "grid" and self.positions is None:
            self.refuse("layout = 'grid' needs positions, (row, column) of every state")
        if self.positions is not None and np.shape(self.positions) != (S, 2):
            self.refuse(f"positions has shape {np.shape(self.positions)}, expected {(S, 2)}")
        if S > CHECKED_DISTANCES or self.distances is None:
            return
        distances = np.asarray(self.distances)
        if distances.shape != (S, S):
            self.refuse(f"distances has shape {distances.shape}, expected {(S, S)}")
        if not (np.isfinite(distances) & (distances >= 0.0)).all() or distances.diagonal().any():
            self.refuse("distances are not numbers >= 0, and 0 from a state to itself")
        if (distances != distances.T).any():
            self.refuse("distances are not the same there and back")
