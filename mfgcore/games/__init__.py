"""Games: states, transitions, and rewards by where the population is (Sec. 2, F.1).

Every module of this folder is imported, and the classes of all games are attributes of this one.
To add a game, write a class in a file of its own; ``docs/extending.md`` has examples.
"""

import importlib
import pkgutil

from mfgcore.games import paper  # its games are listed first
from mfgcore.games.grid import ACTIONS, BOUNDARIES, MOVES, Grid, GridGame
from mfgcore.games.model import GAMES, Game, register
from mfgcore.games.paper import NORMALISATIONS
from mfgcore.games.validation import game_errors

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

globals().update({game.__name__: game for game in GAMES.values()})
