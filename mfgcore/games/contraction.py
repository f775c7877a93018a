"""Contraction game: what others do is never worth a move."""

import numpy as np

from mfgcore.games.model import Game, register


@register
class Contraction(Game):
    """Stay or switch between two states: what others do is never worth it.

    r(s, a, mu) = -cost 1[switch] - congestion mu(s). Bench-MFG (arXiv 2602.12517), there
    `ContractionGame`. Staying is the best response to any mean field if
    cost >= discount congestion / (1 - discount), 9 congestion at 0.9.
    """

    switching_cost: float = 10.0
    congestion: float = 1.0

    n_states = 2
    actions = ("stay", "switch")
    reward_range = property(lambda self: (-self.switching_cost - self.congestion, 0.0))

    def next_states(self) -> np.ndarray:
        """The same state, or the other."""
        return np.array([[0, 1], [1, 0]], dtype=np.int32)[:, :, None]

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Costs of a switch and of the crowd."""
        cost = self.switching_cost * np.array([0.0, 1.0])
        return self.normalised(-cost - self.congestion * mean_fields[..., None], mean_fields)
