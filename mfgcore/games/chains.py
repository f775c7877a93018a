"""Chain games: a beach with a bar or two, a Lasry-Lions chain, one without interaction.

x' = x + a + e with a in {-1, 0, 1} and a random e in {-1, 0, 1}.
"""

from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError
from mfgcore.games.model import Game, register

STEPS = np.array([-1, 0, 1])


@dataclass(frozen=True)
class Chain(Game):
    """Base class of chains: steps with noise, and distances."""

    states: int = 7
    noise: tuple[float, float, float] = (0.025, 0.95, 0.025)  # of e = -1, 0, 1

    actions = ("left", "stay", "right")
    layout = "line"
    n_states = property(lambda self: self.states)
    places = property(lambda self: np.arange(self.states))
    distances = property(lambda self: self.apart(self.places[:, None], self.places))

    def apart(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Distances between states; float64."""
        return np.abs(one - other) * 1.0

    def next_states(self) -> np.ndarray:
        """Step and noise, stopped at the ends."""
        to = self.places[:, None, None] + STEPS[:, None] + STEPS
        return to.clip(0, self.states - 1).astype(np.int32)

    def transition_probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probabilities of the noise."""
        return np.broadcast_to(self.noise, (self.states, 3, 3))

    def with_step_cost(
        self, rewards: np.ndarray, mean_fields: np.ndarray, cost: float
    ) -> np.ndarray:
        """Rewards of states less the cost of a step; normalised."""
        return self.normalised(rewards[..., None] - cost * np.abs(STEPS), mean_fields)


@register
class BeachBar(Chain):
    """Be near the bar of a beach around a lake, but not in a crowd.

    r(s, a, mu) = attraction (1 - d(s, bar) / floor(S/2)) - `|a|` / S - log mu(s). Perrin et al.
    2020 (arXiv 2007.03458), Sec. 4.2; with these values OpenSpiel's `mfg_crowd_modelling`. A share
    below 1/N_max, which nobody in a population ever sees, pays as much as this one does.
    """

    states: int = 10
    noise: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)  # MFGLib 1/4, 1/2, 1/4
    attraction: float = 1.0  # MFGLib floor(S/2)
    max_agents: int = 200

    layout = "ring"
    bar = property(lambda self: self.states // 2)

    def apart(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Distances by the shorter way round the lake."""
        there = np.abs(one - other)
        return np.minimum(there, self.states - there) * 1.0

    @property
    def near(self) -> np.ndarray:
        """Rewards of being near the bar; (n_states,) float64."""
        return self.attraction * (1.0 - self.apart(self.bar, self.places) / (self.states // 2))

    @property
    def reward_range(self) -> tuple[float, float]:
        """Rewards of the crowd that is farthest from the bar, and of one alone at it."""
        crowd = float(kernels.log(max(self.max_agents, 2)))
        return self.near.min() - 1.0 / self.states, self.attraction + crowd

    def next_states(self) -> np.ndarray:
        """Step and noise, around the lake."""
        to = self.places[:, None, None] + STEPS[:, None] + STEPS
        return (to % self.states).astype(np.int32)

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Attraction of the bar and aversion to the crowd."""
        averse = -kernels.log(np.maximum(mean_fields, 1.0 / self.max_agents))
        return self.with_step_cost(self.near + averse, mean_fields, 1.0 / self.states)


@register
class TwoBars(Chain):
    """Be at one of two bars, the same as everybody else: more than one equilibrium.

    r(s, a, mu) = company mu(s) - distance cost to the nearer bar - cost `|a|`. Two beach bars in
    Bench-MFG (arXiv 2602.12517), there `MultipleEquilibriaGame`.
    """

    bars: tuple[int, ...] = (2, 4)
    company: float = 5.0
    distance_cost: float = 20.0
    movement_cost: float = 4.0

    @property
    def away(self) -> np.ndarray:
        """Distances to the nearer bar; (n_states,) float64."""
        return self.apart(self.places[:, None], np.array(self.bars)).min(axis=1)

    def check(self) -> None:
        """Check also that the bars are on the beach."""
        if not all(0 <= bar < self.states for bar in self.bars):
            raise ConfigurationError(f"states: {self.states} are too few for bars = {self.bars}")
        super().check()

    @property
    def reward_range(self) -> tuple[float, float]:
        """Rewards of one alone on the way, farthest from a bar, and of everybody at one."""
        return -self.movement_cost - self.distance_cost * self.away.max(), self.company

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Value of company, less the cost of the distance to a bar."""
        there = self.company * mean_fields - self.distance_cost * self.away
        return self.with_step_cost(there, mean_fields, self.movement_cost)


@register
class LasryLionsChain(Chain):
    """Be near the middle, but not in a crowd: a monotone game in the sense of Lasry and Lions.

    r(s, a, mu) = -cost `|a|` - attraction (s - middle)^2 - aversion mu(s). Lasry & Lions 2007;
    the beach bar problem of Bench-MFG (arXiv 2602.12517), there `LasryLionsChain`.
    """

    crowd_aversion: float = 40.0
    movement_cost: float = 2.0
    attraction: float = 3.0

    away = property(lambda self: (self.places - (self.states - 1) / 2.0) ** 2)

    @property
    def reward_range(self) -> tuple[float, float]:
        """Rewards of everybody on the way at an end, and of one alone in the middle."""
        low = -self.movement_cost - self.attraction * self.away.max() - self.crowd_aversion
        return low, -self.attraction * self.away.min()

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Costs of the distance to the middle and of the crowd."""
        there = -self.attraction * self.away - self.crowd_aversion * mean_fields
        return self.with_step_cost(there, mean_fields, self.movement_cost)


@register
class NoInteraction(Chain):
    """Move forward, each for himself: a single-agent problem that everybody has.

    r(s, a) = s - cost `|a|`. Bench-MFG (arXiv 2602.12517), there `NoInteractionChain`.
    """

    movement_cost: float = 0.1

    reward_range = property(lambda self: (-self.movement_cost, self.states - 1.0))

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Number of the state, less the cost of a step."""
        return self.with_step_cost(1.0 * self.places, mean_fields, self.movement_cost)
