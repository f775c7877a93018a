"""Kinetic congestion: crowded cells are hard to enter."""

from functools import cached_property
from typing import Any

import numpy as np

from mfgcore.games.grid import Grid, OnGrid
from mfgcore.games.model import register


@register
class KineticCongestion(OnGrid):
    """Get to the last cell of a grid; the fuller a cell is, the harder it is to enter.

    p(y | s, a) = max(0, 1 - mu(y) / capacity) for the neighbour y that a leads to, otherwise the
    agent stays; r(s, a) = -1[s is not the target] - cost 1[a moves]. Bench-MFG (arXiv 2602.12517),
    dynamics-coupled games.
    """

    size: int = 5
    movement_cost: float = 0.1
    capacity: float = 0.18

    mean_field_dynamics = True
    grid = cached_property(lambda self: Grid(self.size))
    reward_range = property(lambda self: (-1.0 - self.movement_cost, 0.0))

    @cached_property
    def _next_states(self):
        there = self.grid.next_state()
        here = np.broadcast_to(there[:, :1], there.shape)
        return np.stack([there, here], axis=2)

    def next_states(self) -> np.ndarray:
        """The neighbour, or the agent's own cell."""
        return self._next_states

    def transition_probabilities(self, mean_field: Any = None) -> np.ndarray:
        """Probabilities of entering, which fall with the share in the cell, and of staying."""
        there, here = self._next_states[:, :, 0], self._next_states[:, :, 1]
        enters = (1.0 - mean_field[there] / self.capacity).clip(0.0, 1.0)
        enters = np.where(there == here, 1.0, enters)
        return np.stack([enters, 1.0 - enters], axis=2)

    @cached_property
    def _costs(self):
        elsewhere = np.arange(self.n_states) != self.n_states - 1
        moves = np.array(self.actions) != "stay"
        return -1.0 * elsewhere[:, None] - self.movement_cost * moves

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Costs of being elsewhere than at the target, and of moving."""
        return self.normalised(self._costs, mean_fields)
