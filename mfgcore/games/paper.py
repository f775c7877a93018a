"""Games of the paper (Sec. 4, F.1), with slips and obstacles.

Benjamin & Abate, Networked Communication for Decentralised Agents in Mean-Field Games
(arXiv 2306.02766).
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError
from mfgcore.games.grid import GridGame
from mfgcore.games.model import register

NORMALISATIONS = ("extremes", "clip", "attainable")


@dataclass(frozen=True)
class PaperGame(GridGame):
    """Base class of the paper's games: normalisation of rewards to [0, 1] (D4).

    `extremes` maps them affinely from the lowest and the highest that there are, `clip` leaves
    them and cuts off what is outside, and `attainable` maps those that agents are there for, in any
    cell of cluster and at a target in the other games, and cuts off what is outside.
    """

    local_reward = True
    normalisation: str = "extremes"
    extremes: ClassVar[Any]
    attainable: ClassVar[Any]

    @property
    def reward_range(self) -> tuple[float, float]:
        """Range of rewards by `normalisation`."""
        ranges = {"extremes": self.extremes, "clip": (0.0, 1.0), "attainable": self.attainable}
        return ranges[self.normalisation]


@register
class Cluster(PaperGame):
    """Gather anywhere: the more of the population is in an agent's cell, the more it is paid.

    R = log(mu(s)), normalised by the loneliest agent of the run's largest
    population, so that R stays one function of mu when the population grows. A fraction below
    its 1/N_max, which only a mean field can have, pays as much as 1/N_max: nothing. The paper's,
    arXiv 2306.02766, Sec. 4 and F.1.
    """

    max_agents: int = 200
    extremes = property(lambda self: (-float(kernels.log(self.max_agents)), 0.0))
    attainable = extremes

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """R = log(mu(s)); one agent alone is paid 1."""
        if self.max_agents == 1:
            return np.ones((*mean_fields.shape, len(self.actions)))
        return self.normalised(kernels.log(mean_fields)[..., None], mean_fields)


class CornerGame(PaperGame):
    """Base class of games whose targets are the corners of the grid; one must be free."""

    def check(self) -> None:
        """Check also that a corner is free."""
        if not self.grid.targets.any():
            raise ConfigurationError("obstacles: none of the four corners, the targets, is free")
        super().check()

    def at_targets(self, rewards: np.ndarray, mean_fields: np.ndarray) -> np.ndarray:
        """Rewards at the corners, and -1 elsewhere; normalised."""
        rewards = np.where(self.grid.targets, rewards, -1.0)
        return self.normalised(rewards[..., None], mean_fields)


@register
class Agree(CornerGame):
    """Meet at a single target, a corner: the more of the population is there, the better.

    R = mu(s) at a target where somebody else is too, -1 elsewhere. The paper's, arXiv 2306.02766,
    Sec. 4 and F.1.
    """

    extremes = (-1.0, 1.0)
    attainable = (0.0, 1.0)

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Company is mu(s) > 1/N: more than one agent of N, and anybody among infinitely many."""
        n_agents = self.mean_field_agents
        # halfway between one agent and two, whatever the rounding of a share
        alone = 0.0 if n_agents == math.inf else 1.5 / n_agents
        return self._rewards(mean_fields, mean_fields > alone)

    def mean_field_rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """One of N agents has company wherever mu(s) > 0, the limit of mu(s) > 1/N."""
        others = np.minimum(np.asarray(mean_fields, dtype=np.float64), 1.0)
        return self._rewards(self.own_share(others), others > 0.0)

    def _rewards(self, shares, accompanied):
        return self.at_targets(np.where(accompanied, shares, -1.0), shares)


@register
class Diffuse(CornerGame):
    """Spread over the targets, the corners: each pays less where more of the population is.

    R = G + 1 - mu(s) at a target, -1 elsewhere. The paper's, arXiv 2306.02766, Sec. 4 and F.1.
    """

    extremes = property(lambda self: (-1.0, self.grid_size + 1.0))
    attainable = property(lambda self: (1.0 * self.grid_size, self.grid_size + 1.0))

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """R = G + 1 - mu(s) at a target."""
        return self.at_targets(self.grid_size + 1.0 - mean_fields, mean_fields)
