"""Units of returns, computed from the game: its attainable gain, and the value of a split."""

import dataclasses
import functools
import math

import numpy as np
import xarray as xr

from mfgcore.experiment.experiment import Experiment
from mfgcore.games import GAMES
from mfgcore.meanfield import population_metrics
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims.evidence import NothingToJudge


def gain(dataset: xr.Dataset) -> float:
    """Attainable gain: discounted return of the best division, minus that of the uniform policy.

    W of ``docs/protocol.md``; float. For the largest population of the run. Where the game has no
    targets, the best is the most that any game can pay.

    Raises
    ------
    NothingToJudge
        If nothing can be earned.
    """
    best, _, uniform = _earned(*_game(configuration(dataset)))
    if best <= uniform:
        raise NothingToJudge("however the population divides, it earns no more than at random")
    return best - uniform


def split(dataset: xr.Dataset) -> float:
    """Difference of the returns of all at one target and of an even split among the targets.

    P of ``docs/protocol.md``; float.

    Raises
    ------
    NothingToJudge
        If there are no targets, or both earn the same.
    """
    _, difference, _ = _earned(*_game(configuration(dataset)))
    if not difference:
        raise NothingToJudge("however the population divides, it earns the same")
    return difference


def _game(parameters):
    """Parameters that the earnings depend on, hashable."""
    game = parameters["game"]
    read = {field.name for field in dataclasses.fields(GAMES[game])}
    read |= {"game", "game_settings", "discount", "entropy_weight"}
    found = {key: value for key, value in parameters.items() if key in read}
    sizes = [parameters["agents"], parameters.get("final_agents")]
    found["agents"] = max(size for size in sizes if size is not None)
    return tuple(sorted(found.items()))


@functools.cache
def _earned(*parameters):
    """Return of the best division, difference of the two, return of the uniform policy; floats."""
    experiment = Experiment(**dict(parameters))
    game, discount = experiment.make_game(), experiment.discount
    n_states, n_actions = game.n_states, len(game.actions)
    uniform = population_metrics(
        uniform_policy(n_states, n_actions)[None],
        game.for_population(experiment.agents),
        discount=discount,
        entropy_weight=experiment.entropy_weight,
    ).discounted_return
    grid = getattr(game, "grid", None)
    if grid is None or not grid.targets.any():
        return 1.0 / (1.0 - discount), 0.0, uniform
    even = grid.targets / grid.targets.sum()
    together = 1.0 * (np.arange(n_states) == np.flatnonzero(grid.targets)[0])
    # shares are those of the population, in which everybody is counted already
    earned = [
        math.fsum(mu * game.mean_field_rewards(mu)[:, 0]) / (1.0 - discount)
        for mu in (together, even)
    ]
    return max(earned), abs(earned[0] - earned[1]), uniform
