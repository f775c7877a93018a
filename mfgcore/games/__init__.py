"""Games: where actions lead, and what states pay by where the population is (Sec. 2, F.1).

To add one, write a class as those here, in a file of its own; ``docs/extending.md`` says how.
"""

from mfgcore.games.grid import ACTIONS, BOUNDARIES, MOVES, Grid, GridGame
from mfgcore.games.model import GAMES, Game, register
from mfgcore.games.paper import Agree, Cluster, Diffuse

__all__ = [
    "ACTIONS",
    "BOUNDARIES",
    "GAMES",
    "MOVES",
    "Agree",
    "Cluster",
    "Diffuse",
    "Game",
    "Grid",
    "GridGame",
    "register",
]
