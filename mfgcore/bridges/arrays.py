"""Games that are known by their arrays of rewards and probabilities at each mean field."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mfgcore._base.errors import ConfigurationError
from mfgcore.games import Game

ALIKE = 1e-6  # differences below this are of float32
DRAWN = 8  # mean fields at which a game is looked at


def check_has(environment: Any, library: str, *needed: str) -> None:
    """Refuse what is no environment of a library, as it lacks an attribute."""
    if missing := [name for name in needed if not hasattr(environment, name)]:
        raise ConfigurationError(f"environment: is not {library}'s: it has no {missing[0]!r}")


@dataclass(frozen=True)
class ArrayGame(Game):
    """Base class of games that other libraries define.

    A subclass defines :meth:`environment`, :meth:`rewards_at` and :meth:`moves_at`. `reward_range`
    is that of the rewards when all agents are in one state, or evenly spread, or anyhow; a subclass
    that has others sets it.
    """

    def environment(self) -> Any:
        """The object of the other library."""
        raise NotImplementedError("environment() is not defined")

    @cached_property
    def _made(self):
        return self.environment()

    @classmethod
    def read_from(
        cls, environment: Any, name: str, reward_range: tuple[float, float] | None
    ) -> "ArrayGame":
        """The game of an object of the other library, checked.

        Raises
        ------
        ConfigurationError
            If it is no game that can be read.
        """
        game = cls()
        vars(game).update(_made=environment, name=name)
        if reward_range is not None:
            vars(game)["reward_range"] = reward_range
        game.check()
        return game

    def rewards_at(self, mean_field: np.ndarray) -> np.ndarray:
        """Rewards in the units of the source; (n_states,) to (n_states, n_actions) float64."""
        raise NotImplementedError("rewards_at() is not defined")

    def moves_at(self, mean_field: np.ndarray) -> np.ndarray:
        """P(s' | s, a); (n_states,) to (n_states, n_actions, n_states) float64."""
        raise NotImplementedError("moves_at() is not defined")

    def looked_at(self) -> Iterator[np.ndarray]:
        """Mean fields at which the game is looked at; each (n_states,) float64."""
        yield np.full(self.n_states, 1.0 / self.n_states)
        yield from np.eye(self.n_states)
        yield from np.random.default_rng(0).dirichlet(np.ones(self.n_states), DRAWN)

    def check(self) -> None:
        """Check also that the range of rewards is one."""
        low, high = self.reward_range
        if not -np.inf < low < high < np.inf:
            self.refuse(f"reward_range = ({low}, {high}) does not go from a lower to a higher one")
        super().check()

    @cached_property
    def reward_range(self) -> tuple[float, float]:
        """Lowest and highest reward at the mean fields that are looked at."""
        found = [self.rewards_at(mean_field) for mean_field in self.looked_at()]
        low, high = float(np.min(found)), float(np.max(found))
        return low, high if high > low else low + 1.0

    @cached_property
    def mean_field_dynamics(self) -> bool:
        """Whether moves differ between mean fields."""
        first, *others = map(self.moves_at, self.looked_at())
        return any(np.abs(other - first).max() > ALIKE for other in others)

    @cached_property
    def _outcomes(self) -> tuple[np.ndarray, Any]:
        """Next states, (n_states, n_actions, K), and their probabilities if these are fixed."""
        n_states = self.n_states
        if self.mean_field_dynamics:
            shape = n_states, len(self.actions), n_states
            return np.broadcast_to(np.arange(n_states, dtype=np.int32), shape), None
        moves = self.moves_at(next(self.looked_at()))
        most = int((moves > 0.0).sum(axis=-1).max())
        likely = np.argsort(-moves, axis=-1, kind="stable")[..., :most]
        return likely.astype(np.int32), np.take_along_axis(moves, likely, axis=-1)

    def next_states(self) -> np.ndarray:
        """Those that an action can lead to; (n_states, n_actions, K) int32."""
        return self._outcomes[0]

    def transition_probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probabilities of the next states; (n_states, n_actions, K) float64."""
        return self._outcomes[1] if mean_field is None else self.moves_at(mean_field)

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Rewards, mapped from `reward_range` to [0, 1]; what is outside is refused."""
        flat = np.reshape(mean_fields, (-1, self.n_states))
        low, high = self.reward_range
        found = (np.array([self.rewards_at(each) for each in flat]) - low) / (high - low)
        rounded = np.where(
            np.abs(found - found.clip(0.0, 1.0)) < ALIKE, found.clip(0.0, 1.0), found
        )
        return rounded.reshape(*np.shape(mean_fields), len(self.actions))
