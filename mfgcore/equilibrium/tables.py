"""Tables of equilibria: what solvers reach, what is gained among N agents, what anarchy costs."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mfgcore.equilibrium.evaluate import evaluate
from mfgcore.equilibrium.solve import solve
from mfgcore.equilibrium.solvers import SOLVERS
from mfgcore.games import GAMES, Game

TOLERANCE = 1e-8  # of the equilibria that are evaluated
POINTS = 100  # of each method and game, at most
METHODS = "online_mirror_descent", "fixed_point"  # the first that finds one is taken


def games_by_name(names: Sequence[str], garnets: int = 0) -> dict[str, Game]:
    """Games of some names as they are by default, and random ones; dict of Game.

    Moves of the random ones do not depend on the mean field; every other one is cyclic.
    """
    found = {name: GAMES[name]() for name in names}
    for seed in range(garnets):
        interaction = ("potential", "cyclic")[seed % 2]
        game = GAMES["garnet"](game_seed=seed, coupling=0.0, interaction=interaction)
        found[f"garnet {seed}"] = game
    return found


def nash_gaps(
    games: dict[str, Game], agents: Sequence[int], trials: int
) -> Iterator[dict[str, Any]]:
    """Gain of one of N agents that deviates from an equilibrium of infinitely many.

    Yields
    ------
    dict
        game, agents, nash_gap with its 95 % interval low, high, and the exploitability among
        infinitely many agents.
    """
    for name, game in games.items():
        equilibrium = solve(game, tolerance=TOLERANCE)
        exploitability = float(np.nanmin(equilibrium["exploitability"]))
        for n_agents in agents:
            found = evaluate(equilibrium, agents=n_agents, trials=trials, burn_in=100)
            low, high = found["nash_gap_interval"].values[0].tolist()
            row = {"game": name, "agents": n_agents, "nash_gap": found["nash_gap"].item()}
            yield row | {"low": low, "high": high, "exploitability": exploitability}


def exploitability_by_method(games: dict[str, Game], iterations: int) -> Iterator[dict[str, Any]]:
    """Smallest exploitability so far of each method in each game, over its iterations.

    Yields
    ------
    dict
        game, method, iteration (from 1), exploitability.
    """
    for name, game in games.items():
        for method in SOLVERS:
            found = solve(game, method, iterations=iterations)["exploitability"].values
            least = np.fmin.accumulate(found)
            shown = np.unique(np.geomspace(1, least.size, POINTS).astype(int))
            for k in shown.tolist():
                row = {"game": name, "method": method, "iteration": k}
                yield row | {"exploitability": float(least[k - 1])}


def first_equilibrium(game: Game, **options: Any) -> xr.Dataset:
    """Solve a game by the first of `METHODS` that converges; the last one's dataset if none does.

    Options are those of :func:`mfgcore.solve`.
    """
    for method in METHODS:
        found = solve(game, method, **options)
        if found.attrs["converged"]:
            break
    return found


def welfare_by_game(games: dict[str, Game]) -> Iterator[dict[str, Any]]:
    """Social welfare of an equilibrium and of the optimum, and the price of anarchy.

    Where there are several equilibria, it depends on method and start which one is found, and the
    price of anarchy is that of this one; its definition has the worst.

    Yields
    ------
    dict
        game, equilibrium, optimum, price (optimum over equilibrium), exploitability of the
        equilibrium. Where none is found, they are NaN, and no optimum is looked for.
    """
    for name, game in games.items():
        found, welfare, optimum = first_equilibrium(game), np.nan, np.nan
        if found.attrs["converged"]:
            welfare = float(found["exact_return"])
            optimum = float(solve(game, objective="shared")["exact_return"])
        row = {"game": name, "equilibrium": welfare, "optimum": optimum, "price": optimum / welfare}
        yield row | {"exploitability": float(np.nanmin(found["exploitability"], initial=np.inf))}
