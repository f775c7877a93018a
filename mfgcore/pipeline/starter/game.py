"""A game of your own; docs/extending.md of mfgcore shows what else one can say."""

import numpy as np

from mfgcore.games import GridGame, register


@register
class Lakeside(GridGame):
    """Be near the water, the left edge of the grid, but not in a crowd."""

    local_reward = True

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Rewards that fall with the distance to the water and with the crowd."""
        near = 1.0 - self.positions[:, 1] / self.grid_size
        return self.normalised((near * (1.0 - mean_fields))[..., None], mean_fields)
