"""Games: where actions lead, and what states pay by where the population is (Sec. 2, F.1).

To add one, write a class as those here, in a file of its own; ``docs/extending.md`` says how.
"""

from mfgcore.games import paper  # noqa: F401  the first to be known
from mfgcore.games.chains import BeachBar, LasryLionsChain, NoInteraction, TwoBars
from mfgcore.games.contraction import Contraction
from mfgcore.games.four_rooms import FourRooms
from mfgcore.games.garnet import Garnet
from mfgcore.games.grid import ACTIONS, BOUNDARIES, MOVES, Grid, GridGame
from mfgcore.games.kinetic_congestion import KineticCongestion
from mfgcore.games.model import GAMES, Game, in_one_line, register
from mfgcore.games.paper import NORMALISATIONS, Agree, Cluster, Diffuse
from mfgcore.games.rock_paper_scissors import RockPaperScissors
from mfgcore.games.sis_epidemic import SISEpidemic

__all__ = [
    "ACTIONS",
    "BOUNDARIES",
    "GAMES",
    "MOVES",
    "NORMALISATIONS",
    "Agree",
    "BeachBar",
    "Cluster",
    "Contraction",
    "Diffuse",
    "FourRooms",
    "Game",
    "Garnet",
    "Grid",
    "GridGame",
    "KineticCongestion",
    "LasryLionsChain",
    "NoInteraction",
    "RockPaperScissors",
    "SISEpidemic",
    "TwoBars",
    "in_one_line",
    "register",
]
