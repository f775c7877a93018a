"""Grids: cells, moves among walls and obstacles, distances."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgcore._base.errors import ConfigurationError
from mfgcore.games.model import Game

ACTIONS = ("stay", "up", "down", "left", "right")
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # (row, column) of each action
BOUNDARIES = ("wall", "torus")


@dataclass(frozen=True)
class Grid:
    """A square grid; its free cells, row by row, are the states.

    Parameters
    ----------
    size : int
        Cells along an edge (G).
    boundary : {"wall", "torus"}
        What a move off the edge does: nothing, or come in on the other side.
    obstacles : str, optional
        Cells where nobody can be, as ``"1,2 3,4"``: row and column, from 0.

    Raises
    ------
    ConfigurationError
        If an obstacle is outside of the grid, or the free cells are not all linked.
    """

    size: int
    boundary: str = "wall"
    obstacles: str | None = None

    @cached_property
    def index(self) -> np.ndarray:
        """State of every cell, -1 where an obstacle is; (size, size) int32."""
        free = np.ones((self.size, self.size), dtype=bool)
        for text in (self.obstacles or "").split():
            row, column = map(int, text.split(","))
            if max(row, column) >= self.size:
                raise ConfigurationError(
                    f"obstacles: {text} is outside of the grid of {self.size} x {self.size} cells"
                )
            free[row, column] = False
        states = np.cumsum(free, dtype=np.int32).reshape(free.shape) - np.int32(1)
        return np.where(free, states, np.int32(-1))

    @cached_property
    def positions(self) -> np.ndarray:
        """(row, column) of every state; (n_states, 2) int64."""
        positions = np.argwhere(self.index >= 0)
        if self.obstacles:
            self._check_linked(positions)
        return positions

    def _check_linked(self, positions):
        linked = np.zeros(len(positions), dtype=bool)
        linked[:1], found = True, 0
        while linked.sum() > found:
            found = linked.sum()
            linked[self._reached(positions, MOVES)[linked]] = True
        if not linked.any() or not linked.all():
            lost = ",".join(map(str, positions[~linked][0])) if linked.any() else "any cell"
            raise ConfigurationError(f"obstacles: leave no way to {lost}")

    @property
    def n_states(self) -> int:
        """Number of free cells."""
        return len(self.positions)

    @property
    def targets(self) -> np.ndarray:
        """Whether a state is one of the four corners; (n_states,) bool."""
        return np.all(np.isin(self.positions, (0, self.size - 1)), axis=1)

    def next_state(self, moves: Sequence[tuple[int, int]] = MOVES) -> np.ndarray:
        """Next states by moves, where those off the grid or into an obstacle fail; int32.

        Moves are (rows, columns), (..., 2), the same for every cell; what is returned is
        (n_states, ...).
        """
        return self._reached(self.positions, moves)

    def _reached(self, positions, moves):
        moves = np.asarray(moves)
        cells = positions.reshape(-1, *[1] * (moves.ndim - 1), 2) + moves
        inside = ((cells >= 0) & (cells < self.size)).all(axis=-1) | (self.boundary == "torus")
        cells %= self.size
        reached = np.where(inside, self.index[cells[..., 0], cells[..., 1]], -1)
        here = np.arange(len(positions)).reshape(-1, *[1] * (reached.ndim - 1))
        return np.where(reached >= 0, reached, here).astype(np.int32, order="C")

    @cached_property
    def distances(self) -> np.ndarray:
        """Euclidean distances between cells, on a torus the shorter way round; float64."""
        offsets = np.abs(self.positions[:, None, :] - self.positions[None, :, :])
        if self.boundary == "torus":
            offsets = np.minimum(offsets, self.size - offsets)
        return np.sqrt((offsets**2).sum(axis=-1))


class OnGrid(Game):
    """Base class of games with the five moves on a `grid`, which a subclass defines."""

    actions = ACTIONS
    layout = "grid"
    grid: Grid
    n_states = property(lambda self: self.grid.n_states)
    positions = property(lambda self: self.grid.positions)
    distances = property(lambda self: self.grid.distances)


@dataclass(frozen=True)
class GridGame(OnGrid):
    """Base class of games on a :class:`Grid` with the five moves; a subclass defines rewards.

    With `slip_probability` an action becomes any of the five, each as likely as the others.
    """

    grid_size: int = 8
    boundary: str = "wall"
    obstacles: str | None = None
    slip_probability: float = 0.0

    grid = cached_property(lambda self: Grid(self.grid_size, self.boundary, self.obstacles))

    def next_states(self) -> np.ndarray:
        """The intended cell; where an agent can slip, also those of all five moves."""
        intended = self.grid.next_state()
        if self.slip_probability == 0.0:
            return intended[:, :, None]
        anywhere = np.broadcast_to(intended[:, None, :], (self.n_states, 5, 5))
        return np.concatenate([intended[:, :, None], anywhere], axis=2)

    def transition_probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probabilities of the intended move and of slips."""
        slip = self.slip_probability
        each = [1.0] if slip == 0.0 else [1.0 - slip] + 5 * [slip / 5]
        return np.broadcast_to(each, (self.n_states, 5, len(each)))
