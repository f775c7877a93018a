"""Finite mean-field games: states, transitions, rewards and an initial distribution (Sec. 2).

A game is a class in one file, decorated with :func:`register`; ``docs/extending.md`` has examples.
One definition serves the population of N agents, where mu = counts / N, the agent itself included
(D3), and the mean-field game of infinitely many.
"""

import copy
import dataclasses
import functools
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.registry import Registry
from mfgcore.games import validation
from mfgcore.games.validation import CHUNK_SIZE, TOLERANCE, game_errors

MAX_CELLS = 2**20  # of a grid, free or not


class _Games(Registry):
    """Registry of game classes; the fields of a class are the parameters that it reads."""

    def register(self, cls):
        """Register a game class under its name in snake case; returns it, frozen."""
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


class Game:
    """Base class of stationary mean-field games with finitely many states.

    Fields that are named like parameters of an Experiment have the
    experiment's values, unless these are null. Arrays may be anything that NumPy takes for one.
    Rewards must be of the same bits on every processor, and for any number of mean fields at
    once: use `mfgcore.kernels.log` and `exp`, not NumPy's, and ``(a * b).sum(axis=-1)``, not
    ``@``.

    The methods ``checked_...`` return what a subclass defines as arrays of a known kind, and raise
    a ConfigurationError of one line, in the name of the game, where it is not that.

    Attributes
    ----------
    n_states : int
    actions : tuple of str
    mean_field_dynamics : bool
        Whether :meth:`transition_probabilities` depends on the mean field, which it then is given.
    local_reward : bool
        Whether R(s, a, mu) is a function of s and mu(s) alone. Then :meth:`rewards` is also given
        shares that are no distribution, and the game is fast.
    reward_range : (float, float)
        Lowest and highest reward in the units of the source; see :meth:`normalised`.
    state_names : sequence of str, optional
        Names of the states in figures; their numbers by default.
    distances : (n_states, n_states) float64, optional
        Distances between states; needed by the network `radius`.
    layout : {None, "grid", "line", "ring"}
        Layout of the states in figures.
    positions : (n_states, 2) int64, optional
        (row, column) of every state of a grid.
    mean_field_agents : float
        Number of agents that a mean field stands for; see :meth:`for_population`.
    extra_bytes : float
        Memory beside that of its transitions, for the estimate of a run's memory.
    """

    name = ""
    n_states: int
    actions: tuple[str, ...]
    mean_field_dynamics = False
    local_reward = False
    reward_range: tuple[float, float] = (0.0, 1.0)
    state_names: tuple[str, ...] | None = None
    distances: np.ndarray | None = None
    layout: str | None = None
    positions: np.ndarray | None = None
    mean_field_agents: float = math.inf
    extra_bytes: float = 0.0

    # ------------------------------------------------------------ defined by subclasses

    def next_states(self) -> np.ndarray:
        """Possible next states; (n_states, n_actions, K) int32. One may occur several times."""
        raise NotImplementedError("next_states() is not defined")

    def transition_probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probabilities of the next states; (n_states, n_actions, K) float64, sums to 1 over K."""
        shape = np.shape(self.next_states())
        return np.full(shape, 1.0 / shape[2])

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Rewards R(s, a, mu) in [0, 1]; (..., n_states) float64 to (..., n_states, n_actions)."""
        raise NotImplementedError("rewards() is not defined")

    def initial_distribution(self) -> np.ndarray | None:
        """Initial distribution; (n_states,) float64, sums to 1. None: uniform."""
        return None

    # ------------------------------------------------------------ derived

    def normalised(self, rewards: np.ndarray, mean_fields: np.ndarray) -> np.ndarray:
        """Map rewards in the units of the source affinely from `reward_range` to [0, 1].

        They may be given as any array that broadcasts to (..., n_states, n_actions), the shape of
        what is returned for `mean_fields`, (..., n_states).
        """
        low, high = self.reward_range
        if not -math.inf < low < high < math.inf:
            self.refuse(f"reward_range = ({low}, {high}) does not go from a lower to a higher one")
        # the clip takes off the last bit that rounding may add, and nothing else
        rewards = ((rewards - low) / (high - low)).clip(0.0, 1.0)
        return np.broadcast_to(rewards, (*np.shape(mean_fields), self._n_actions))

    @property
    def evaluation_cost(self) -> float:
        """Time of :meth:`transition_probabilities`, in that of computing one number; float."""
        return float(np.size(self.next_states()))

    @functools.cached_property
    def _n_actions(self) -> int:
        return len(self.actions)

    @functools.cached_property
    def _cache(self) -> dict[Any, Any]:
        """Values computed once for the game and its copies by :meth:`for_population`; dict."""
        return {}

    def cached(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Compute a value at most once for the game and its copies by :meth:`for_population`."""
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]

    def best_states(self) -> np.ndarray:
        """States of highest reward at the uniform mean field; (n_states,) bool.

        None of them if the rewards are all the same.
        """
        rewards = self.mean_field_rewards(np.full(self.n_states, 1.0 / self.n_states)).max(axis=1)
        best = rewards >= rewards.max() - TOLERANCE
        return best & ~best.all()

    def for_population(self, n_agents: int) -> "Game":
        """The mean-field game as seen by one of N agents, which counts itself (D3, D22)."""
        self._cache  # noqa: B018  both share it
        seen = copy.copy(self)
        object.__setattr__(seen, "mean_field_agents", n_agents)
        return seen

    def reward_table(self, n_agents: int) -> np.ndarray | None:
        """Rewards by state and number of agents in it, the agent itself included.

        Returns
        -------
        (n_states, n_agents + 1) float64, or None
            In [0, 1]; None where a reward depends on more. Column 0 is 0: nobody is there. It is
            read-only.
        """
        if not self.local_reward:
            return None
        return self.cached(("reward_table", n_agents), lambda: self._reward_table(n_agents))

    def _reward_table(self, n_agents):
        shares = np.arange(1, n_agents + 1)[:, None] / n_agents
        shares = np.broadcast_to(shares, (n_agents, self.n_states))
        table = np.zeros((self.n_states, n_agents + 1))
        table[:, 1:] = self.for_population(n_agents).checked_rewards(shares)[:, :, 0].T
        table.flags.writeable = False
        return table

    def checked_rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """:meth:`rewards`, checked; (..., n_states, n_actions) float64."""
        mean_fields = np.asarray(mean_fields, dtype=np.float64)
        with game_errors(self.name):
            rewards = validation.as_array(self.name, "rewards()", self.rewards(mean_fields))
        wanted = (*mean_fields.shape, self._n_actions)
        if rewards.shape != wanted:
            self.refuse(
                f"rewards() has shape {rewards.shape} for mean fields of shape "
                f"{mean_fields.shape}, expected {wanted}"
            )
        validation.check_numbers(self.name, "rewards()", rewards)
        if not kernels.are_normalised(rewards):
            inside = (rewards >= 0.0) & (rewards <= 1.0)
            *_, state, action = np.argwhere(~inside)[0]
            self.refuse(
                f"rewards() holds {rewards[~inside][0]:g} in state {state}, action {action}, which "
                "is not within [0, 1]: they must be normalised"
            )
        return rewards.astype(np.float64, copy=False)

    def checked_transition_probabilities(
        self, shape: tuple[int, ...], mean_field: np.ndarray | None = None
    ) -> np.ndarray:
        """:meth:`transition_probabilities`, checked; float64 of the shape given."""
        given, what = () if mean_field is None else (mean_field,), "transition_probabilities()"
        with game_errors(self.name):
            values = validation.as_array(self.name, what, self.transition_probabilities(*given))
        return validation.checked_distributions(self.name, what, values, shape)

    def checked_next_states(self) -> np.ndarray:
        """:meth:`next_states`, checked; (n_states, n_actions, K) int32."""
        with game_errors(self.name):
            states = validation.as_array(self.name, "next_states()", self.next_states())
        S, A = self.n_states, self._n_actions
        if states.ndim != 3 or states.shape[:2] != (S, A) or states.size == 0:
            self.refuse(f"next_states() has shape {states.shape}, expected ({S}, {A}, K)")
        if states.dtype.kind not in "iu":
            self.refuse(f"next_states() holds {states.dtype}, expected states, int32")
        low, high = states.min(), states.max()
        if low < 0 or high >= S:
            bad = low if low < 0 else high
            self.refuse(f"next_states() holds {bad}, which is no state: they are 0 to {S - 1}")
        return np.require(states, np.int32, ("C", "A"))

    def checked_initial_distribution(self) -> np.ndarray | None:
        """:meth:`initial_distribution`, checked; (n_states,) float64, or None."""
        what = "initial_distribution()"
        with game_errors(self.name):
            initial = self.initial_distribution()
            if initial is None:
                return None
            initial = validation.as_array(self.name, what, initial)
        return validation.checked_distributions(self.name, what, initial, (self.n_states,))

    def checked_names(self) -> list[str] | None:
        """`state_names`, checked; list of n_states str, or None."""
        names, S = self.state_names, self.n_states
        if names is None:
            return None
        listed = np.asarray(names, dtype=object)  # a set, whose order is by chance, is no array
        strings = listed.shape == (S,) and all(isinstance(name, str) for name in listed)
        if not strings or len(set(listed)) < S:
            self.refuse(f"state_names = {shorten(names)} is not a tuple of {S} different names")
        return list(map(str, listed))

    def checked_positions(self) -> np.ndarray | None:
        """`positions`, checked; (n_states, 2) int64, or None."""
        positions, S = self.positions, self.n_states
        if positions is None:
            return None
        positions = validation.as_array(self.name, "positions", positions)
        if positions.shape != (S, 2):
            self.refuse(f"positions has shape {positions.shape}, expected {(S, 2)}")
        validation.check_numbers(self.name, "positions", positions)
        bad = ~((positions >= 0) & (positions < MAX_CELLS) & (positions == np.floor(positions)))
        if bad.any():
            self.refuse(
                f"positions holds {positions[bad][0]:g}, which is no row or column: they are whole "
                f"numbers from 0, and below {MAX_CELLS:,}"
            )
        positions = positions.astype(np.int64)
        rows, columns = (positions.max(axis=0) + 1).tolist()
        if rows * columns > MAX_CELLS:
            self.refuse(
                f"positions are of a grid of {rows:,} x {columns:,} cells, which is more than "
                f"{MAX_CELLS:,}: count rows and columns from 0, without gaps"
            )
        cells, numbers_of = np.unique(positions, axis=0, return_counts=True)
        if len(cells) < S:
            row, column = cells[numbers_of.argmax()]
            self.refuse(f"positions has more than one state in row {row}, column {column}")
        return positions

    def checked_distances(self) -> np.ndarray | None:
        """`distances`, checked; (n_states, n_states) float64, or None."""
        distances, S = self.distances, self.n_states
        if distances is None:
            return None
        distances = validation.as_array(self.name, "distances", distances)
        if distances.shape != (S, S):
            self.refuse(f"distances has shape {distances.shape}, expected {(S, S)}")
        validation.check_numbers(self.name, "distances", distances)
        self.cached("distances", lambda: validation.check_distances(self.name, distances))
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
        if self.local_reward:
            return self.checked_rewards(self.own_share(np.minimum(mean_fields, 1.0)))
        if self.mean_field_agents == math.inf:
            return self.checked_rewards(mean_fields)
        n_states = self.n_states
        result = np.empty((mean_fields.size // n_states, n_states, self._n_actions))
        weight = 1.0 / self.mean_field_agents
        at_once = max(1, CHUNK_SIZE // n_states)
        for row, mean_field in zip(result, mean_fields.reshape(-1, n_states), strict=True):
            for first in range(0, n_states, at_once):
                here = np.arange(first, min(first + at_once, n_states))
                seen = np.tile(mean_field * (1.0 - weight), (here.size, 1))
                seen[here - first, here] += weight
                row[here] = self.checked_rewards(seen)[here - first, here]
        return result.reshape(*mean_fields.shape, -1)

    def own_share(self, others: np.ndarray) -> np.ndarray:
        """Share of the population in an agent's state, itself included, from that of the others."""
        return others + (1.0 - others) / self.mean_field_agents

    # ------------------------------------------------------------ validation

    def refuse(self, what: str) -> NoReturn:
        """Raise a ConfigurationError that names the game."""
        validation.refuse(self.name, what)

    def check(self) -> None:
        """Check the definition of the game; a subclass may check more.

        Raises
        ------
        ConfigurationError
            One line that names the game and what is wrong, also if its code fails.
        """
        validation.check_game(self)
