"""Games: where an action leads, and what a cell pays by how many agents are in it (Sec. 2, F.1).

A game is a table ``next_state[s, a]`` and a reward R(s, mu), a function of the cell and of the
fraction mu(s) of the population in it. To add one, write this function here and decorate it with
``@register``; ``docs/extending.md`` has a worked example. One function serves the population of N
agents, where mu(s) = count / N, and the mean-field game of infinitely many, where mu(s) is any
fraction. It is called as ``function(grid, fraction, accompanied, max_agents)``:

- fraction : float64 array that broadcasts against (n_states, n), mu(s) in n situations;
- accompanied : bool array of the same shape, whether an agent in the cell has company there. The
  paper writes mu(s) > 1/N. It is count > 1 among N agents, and mu(s) > 0, its limit, among
  infinitely many;
- max_agents : the largest population of the run (D4).

It returns rewards within [0, 1] that broadcast to (n_states, n).
"""

import dataclasses
import functools
import math
from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore.errors import ConfigurationError
from mfgcore.registry import Registry

ACTIONS = ("stay", "up", "down", "left", "right")
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # (row, column) of each action
BOUNDARIES = ("wall", "torus")

GAMES = Registry("game")
register = GAMES.register


@dataclass(frozen=True)
class Grid:
    """A square grid; cell ``row * size + column`` is state s.

    Parameters
    ----------
    size : int
        Cells along an edge (G).
    boundary : {"wall", "torus"}
        What a move off the edge does: nothing, or come in on the other side.
    """

    size: int
    boundary: str = "wall"

    @property
    def n_states(self):
        """Number of cells."""
        return self.size**2

    @property
    def positions(self):
        """(row, column) of every cell; (n_states, 2) int64."""
        return np.stack(np.divmod(np.arange(self.n_states), self.size), axis=1)

    @property
    def targets(self):
        """Whether a cell is one of the four corners; (n_states,) bool."""
        return np.isin(self.positions, (0, self.size - 1)).all(axis=1)

    def next_state(self):
        """Where each action leads; (n_states, n_actions) int32. Moves are deterministic."""
        moved = self.positions[:, None, :] + np.array(MOVES)[None, :, :]
        if self.boundary == "torus":
            moved %= self.size
        else:
            moved = moved.clip(0, self.size - 1)
        return (moved[..., 0] * self.size + moved[..., 1]).astype(np.int32)

    def squared_distances(self):
        """Squared Euclidean distance between cells; (n_states, n_states) int64.

        On a torus it is measured the shorter way round.
        """
        offsets = np.abs(self.positions[:, None, :] - self.positions[None, :, :])
        if self.boundary == "torus":
            offsets = np.minimum(offsets, self.size - offsets)
        return (offsets**2).sum(axis=-1)


@register
def cluster(grid, fraction, accompanied, max_agents):
    """Gather anywhere: the more of the population is in an agent's cell, the more it is paid.

    R = log(mu(s)), normalised by the loneliest agent of the run's largest
    population, so that R stays one function of mu when the population grows. A fraction below
    its 1/N_max, which only a mean field can have, pays as much as 1/N_max: nothing.
    """
    if max_agents == 1:
        return np.ones(fraction.shape)
    log_largest = kernels.log(max_agents)
    reward = (kernels.log(fraction) + log_largest) / log_largest
    # also, log(1/N) + log(N) is 0 but for its last bit
    return reward.clip(0.0, 1.0)


@register
def agree(grid, fraction, accompanied, max_agents):
    """Meet at a single target, a corner: the more of the population is there, the better.

    R = mu(s) at a target where somebody else is too, -1 elsewhere.
    """
    collected = np.where(accompanied, fraction, -1.0)
    return (np.where(grid.targets[:, None], collected, -1.0) + 1.0) / 2.0


@register
def diffuse(grid, fraction, accompanied, max_agents):
    """Spread over the targets, the corners: each pays less where more of the population is.

    R = G + 1 - mu(s) at a target, -1 elsewhere.
    """
    averse = grid.size + 1.0 - fraction
    return (np.where(grid.targets[:, None], averse, -1.0) + 1.0) / (grid.size + 2.0)


@dataclass(frozen=True)
class Game:
    """A game on a grid.

    Parameters
    ----------
    name : str
        Key of :data:`GAMES`.
    grid : Grid
    max_agents : int
        Largest population of the run (D4).
    mean_field_agents : float
        How many agents a mean field stands for, see :meth:`mean_field_rewards`.

    Raises
    ------
    ConfigurationError
        If the name is unknown.
    """

    name: str
    grid: Grid
    max_agents: int
    mean_field_agents: float = math.inf
    moves_depend_on_mean_field = False

    def __post_init__(self):
        GAMES[self.name]  # an unknown one is refused here

    def seen_by(self, n_agents):
        """Return the mean-field game as one of N agents sees it, who counts itself (D3, D22)."""
        return dataclasses.replace(self, mean_field_agents=n_agents)

    def outcomes(self):
        """Where an action can lead, here to one state; (n_states, n_actions, 1) int32."""
        return self.grid.next_state()[..., None]

    def reward_table(self, n_agents):
        """Reward by cell and by the number of agents in it, the agent itself included.

        Parameters
        ----------
        n_agents : int
            Present population N.

        Returns
        -------
        (n_states, n_agents + 1) float64
            In [0, 1]. Column 0 is 0: nobody is there to be paid. Not to be changed.

        Raises
        ------
        ConfigurationError
            If the game's function returns another shape, or values outside [0, 1].
        """
        return _reward_table(self, n_agents)

    def mean_field_rewards(self, mean_fields):
        """Reward of every cell in the mean-field game, R(s, mu) of Definition 2.4.

        Parameters
        ----------
        mean_fields : (..., n_states) float64
            Distributions mu over the cells of a population of infinitely many agents.

        Returns
        -------
        (..., n_states) float64
            In [0, 1]. An agent of infinitely many is infinitely small: it does not count in mu(s),
            and it has company where mu(s) > 0. With `mean_field_agents` = N it counts itself, as
            in the tables (D3), and N - 1 others of whom it expects the share mu(s) in its cell:
            the fraction that it sees is (1 + (N - 1) mu(s)) / N.

        Raises
        ------
        ConfigurationError
            As :meth:`reward_table`.
        """
        mean_fields = np.asarray(mean_fields, dtype=np.float64)
        others = np.minimum(mean_fields.reshape(-1, self.grid.n_states).T, 1.0)
        fractions = others + (1.0 - others) / self.mean_field_agents
        rewards = self._rewards(fractions, others > 0.0)
        return np.ascontiguousarray(rewards.T).reshape(np.shape(mean_fields))

    def _rewards(self, fractions, accompanied):
        shape = (self.grid.n_states, fractions.shape[1])
        rewards = GAMES[self.name](self.grid, fractions, accompanied, self.max_agents)
        try:
            rewards = np.broadcast_to(rewards, shape)
        except ValueError:
            raise ConfigurationError(
                f"game {self.name!r}: its reward has shape {np.shape(rewards)}, "
                f"expected (n_states, n) = {shape}"
            ) from None
        if not ((rewards >= 0.0) & (rewards <= 1.0)).all():
            raise ConfigurationError(
                f"game {self.name!r}: its reward leaves [0, 1] "
                f"(from {rewards.min():g} to {rewards.max():g}); rewards must be normalised"
            )
        return rewards


@functools.lru_cache(maxsize=2)  # before and after an increase
def _reward_table(game, n_agents):
    counts = np.arange(1, n_agents + 1)[None, :]
    table = np.zeros((game.grid.n_states, n_agents + 1))
    table[:, 1:] = game._rewards(counts / n_agents, counts > 1)
    table.flags.writeable = False
    return table
