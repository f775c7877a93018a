"""SIS epidemic: activity against the risk of infection."""

from typing import Any

import numpy as np

from mfgcore.games.model import Game, register


@register
class SISEpidemic(Game):
    """Go out as much as is good while a disease is about: susceptible or infected.

    p(infected | susceptible, a, mu) = beta a mu(infected), p(susceptible | infected) = nu,
    r(s, a) = a - cost 1[infected]. Bench-MFG (arXiv 2602.12517). With levels = 2, beta = 0.81,
    nu = 0.3, cost = 2 it is the game of Cui & Koeppl 2021 (arXiv 2102.01585) and of MFGLib, whose
    rewards are half as large and 1/2 less. An epidemic that has died out among finitely many
    agents stays out, unless a share `from_outside` is infected wherever one goes.
    """

    levels: int = 5
    beta: float = 0.8
    nu: float = 0.1
    cost: float = 10.0
    from_outside: float = 0.0

    n_states = 2
    state_names = ("susceptible", "infected")
    mean_field_dynamics = True
    activity = property(lambda self: np.linspace(0.0, 1.0, self.levels))
    actions = property(lambda self: tuple(f"{level:.3g}" for level in self.activity))
    reward_range = property(lambda self: (-self.cost, 1.0))

    def next_states(self) -> np.ndarray:
        """Both states."""
        return np.broadcast_to(np.array([0, 1], dtype=np.int32), (2, self.levels, 2))

    def transition_probabilities(self, mean_field: Any = None) -> np.ndarray:
        """Probabilities of recovery and infection, by activity and the share of the infected."""
        infected = self.beta * self.activity * (mean_field[1] + self.from_outside)
        infected = np.stack([infected.clip(0.0, 1.0), np.full(self.levels, 1.0 - self.nu)])
        return np.stack([1.0 - infected, infected], axis=2)

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Activity, less the cost of being infected."""
        return self.normalised(self.activity - np.array([[0.0], [self.cost]]), mean_fields)
