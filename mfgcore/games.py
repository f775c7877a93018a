"""Games: where an action leads, and what a cell pays by the number of agents in it (Sec. 2, F.1).

A game is two tables, ``next_state[s, a]`` and ``reward[s, count]``. To add one, write a function
here that returns the second and decorate it with ``@register``; ``docs/extending.md`` has a worked
example.
"""

from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore.errors import ConfigurationError, unknown_name

ACTIONS = ("stay", "up", "down", "left", "right")
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # (row, column) of each action
BOUNDARIES = ("wall", "torus")

GAMES = {}


def register(function):
    """Make a reward function known as the game of its name."""
    GAMES[function.__name__] = function
    return function


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
def cluster(grid, counts, n_agents, max_agents):
    """R = log(mu(s)): gather anywhere. Normalised by the loneliest agent of the run's largest
    population, so that R stays one function of mu when the population grows.
    """
    if max_agents == 1:
        return np.ones((grid.n_states, counts.size))
    log_largest = kernels.log(max_agents)
    reward = (kernels.log(counts / n_agents) + log_largest) / log_largest
    # log(1/N) + log(N) is 0 but for its last bit
    return np.tile(reward.clip(0.0, 1.0), (grid.n_states, 1))


@register
def agree(grid, counts, n_agents, max_agents):
    """R = mu(s) at a target where somebody else is too, -1 elsewhere: meet at one target."""
    collected = np.where(counts > 1, counts / n_agents, -1.0)
    return (np.where(grid.targets[:, None], collected[None, :], -1.0) + 1.0) / 2.0


@register
def diffuse(grid, counts, n_agents, max_agents):
    """R = G + 1 - mu(s) at a target, -1 elsewhere: spread over the targets."""
    averse = grid.size + 1.0 - counts / n_agents
    return (np.where(grid.targets[:, None], averse[None, :], -1.0) + 1.0) / (grid.size + 2.0)


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

    Raises
    ------
    ConfigurationError
        If the name is unknown.
    """

    name: str
    grid: Grid
    max_agents: int

    def __post_init__(self):
        if self.name not in GAMES:
            raise ConfigurationError(unknown_name("game", self.name, GAMES))

    def reward_table(self, n_agents):
        """Reward by cell and by the number of agents in it, the agent itself included.

        Parameters
        ----------
        n_agents : int
            Present population N.

        Returns
        -------
        (n_states, n_agents + 1) float64
            In [0, 1]. Column 0 is 0: nobody is there to be paid.

        Raises
        ------
        ConfigurationError
            If the game's function returns another shape, or values outside [0, 1].
        """
        table = np.zeros((self.grid.n_states, n_agents + 1))
        counts = np.arange(1, n_agents + 1)
        paid = GAMES[self.name](self.grid, counts, n_agents, self.max_agents)
        if np.shape(paid) != (self.grid.n_states, n_agents):
            raise ConfigurationError(
                f"game {self.name!r}: its reward has shape {np.shape(paid)}, "
                f"expected (n_states, counts) = {(self.grid.n_states, n_agents)}"
            )
        table[:, 1:] = paid
        if not ((table >= 0.0) & (table <= 1.0)).all():
            raise ConfigurationError(
                f"game {self.name!r}: its reward leaves [0, 1] "
                f"(from {table.min():g} to {table.max():g}); rewards must be normalised"
            )
        return table
