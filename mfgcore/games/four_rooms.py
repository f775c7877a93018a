"""Four rooms: spread out over a building, through its doors."""

from functools import cached_property

import numpy as np

from mfgcore import kernels
from mfgcore.games.grid import MOVES, Grid, OnGrid
from mfgcore.games.model import register


@register
class FourRooms(OnGrid):
    """Be where few others are, in four rooms of 5 x 5 cells with doors between them.

    r(s, a, mu) = -log mu(s), x' = x + a + e with e one of the five moves. Geist et al. 2022
    (arXiv 2106.03787); four rooms in Bench-MFG (arXiv 2602.12517), in OpenSpiel
    `mfg_crowd_modelling_2d`. A share below 1/N_max, which nobody in a population ever sees, pays
    as much as this one does (Bench-MFG: 1e-12). A wall stops the action and then the noise; with
    `through_walls`, as in Bench-MFG, only the cell at the end of both has to be free, and so
    agents leap over walls.
    """

    doors: tuple[tuple[int, int], ...] = ((2, 5), (8, 5), (5, 8), (5, 2))
    noise: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)  # of stay, up, down, left, right
    max_agents: int = 200
    through_walls: bool = False

    local_reward = True
    reward_range = property(lambda self: (0.0, float(kernels.log(max(self.max_agents, 2)))))

    @cached_property
    def grid(self) -> Grid:
        """Grid with a cross of walls and four doors."""
        cross = {(5, n) for n in range(11)} | {(n, 5) for n in range(11)}
        walls = sorted(cross - set(self.doors))
        return Grid(11, obstacles=" ".join(f"{row},{column}" for row, column in walls))

    def next_states(self) -> np.ndarray:
        """Cells after the action and the noise."""
        if self.through_walls:
            moves = np.array(MOVES)
            return self.grid.next_state(moves[:, None, :] + moves)
        step = self.grid.next_state()
        return step[step]

    def transition_probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probabilities of the noise."""
        return np.broadcast_to(self.noise, (self.n_states, 5, 5))

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Aversion to the crowd, -log mu(s)."""
        averse = -kernels.log(np.maximum(mean_fields, 1.0 / self.max_agents))
        return self.normalised(averse[..., None], mean_fields)
