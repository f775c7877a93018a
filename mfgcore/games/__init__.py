"""Games: states, transitions, and rewards by where the population is (Sec. 2, F.1).

A shipped game is a module of this folder, which is found by itself. To add one, write a class as
those here, in a file of its own; ``docs/extending.md`` says how.
"""

import importlib
import pkgutil

from mfgcore.games import paper  # noqa: F401  its games are listed first
from mfgcore.games.grid import ACTIONS, BOUNDARIES, MOVES, Grid, GridGame
from mfgcore.games.model import GAMES, Game, register
from mfgcore.games.paper import NORMALISATIONS
from mfgcore.games.validation import game_errors

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

_CLASSES = {game.__name__: game for game in GAMES.values()}
globals().update(_CLASSES)
__all__ = [
    "ACTIONS",
    "BOUNDARIES",
    "GAMES",
    "MOVES",
    "NORMALISATIONS",
    "Game",
    "Grid",
    "GridGame",
    "game_errors",
    "register",
    *_CLASSES,
]
