"""What can be earned in a game, the units of returns (docs/protocol.md): computed without a run."""

import dataclasses
import functools
import math

import numpy as np
import xarray as xr

from mfgcore._base.arguments import explained
from mfgcore.experiment.experiment import Experiment
from mfgcore.games import GAMES
from mfgcore.meanfield import population_metrics
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.runs.datasets import configuration
from mfgcore.study.claims.evidence import NothingToJudge


@explained
def whole(dataset: xr.Dataset) -> float:
    """W: what the best division of the population earns, minus what the uniform policy earns.

    As a discounted return, for the largest population of the run. Where the game has no corners,
    the best is the most that any game can pay. NothingToJudge if nothing can be earned.
    """
    best, _, uniform = _earned(*_game(configuration(dataset)))
    if best <= uniform:
        raise NothingToJudge("however the population divides, it earns no more than at random")
    return best - uniform


@explained
def play(dataset: xr.Dataset) -> float:
    """P: the return of all at one corner against that of an even division among the corners.

    NothingToJudge if there are no corners, or both earn the same: there is nothing to play for.
    """
    _, difference, _ = _earned(*_game(configuration(dataset)))
    if not difference:
        raise NothingToJudge("however the population divides, it earns the same: P = 0")
    return difference


def _game(parameters):
    """What the earnings depend on, in a form that can be kept: name and value of each."""
    game = parameters["game"]
    read = {field.name for field in dataclasses.fields(GAMES[game])}
    read |= {"game", "game_settings", "discount", "entropy_weight"}
    found = {key: value for key, value in parameters.items() if key in read}
    sizes = [parameters["agents"], parameters.get("agents_after")]
    found["agents"] = max(size for size in sizes if size is not None)
    return tuple(sorted(found.items()))


@functools.cache
def _earned(*parameters):
    """Returns: of the best division, between the two divisions, of the uniform policy; floats."""
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
