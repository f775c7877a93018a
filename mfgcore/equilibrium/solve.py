"""Equilibria of mean-field games, and the policies of the largest welfare."""

import datetime
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mfgcore import meanfield
from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten, unknown_name
from mfgcore._base.plugins import user_errors
from mfgcore._base.registry import keyword_names
from mfgcore.equilibrium.games import describe_game, find_game, fingerprint_of
from mfgcore.equilibrium.solvers import SOLVERS, Problem
from mfgcore.experiment.experiment import Experiment
from mfgcore.experiment.parameters import defaults
from mfgcore.games import Game
from mfgcore.meanfield import PopulationMetrics
from mfgcore.meanfield.policies import checked_policies, policy_distances
from mfgcore.meanfield.stationary import pushed
from mfgcore.runs.datasets import COMMON, describe, state_coordinates
from mfgcore.runs.provenance import environment

OBJECTIVES = "own", "shared"
DEFAULTS = {"method": "fixed_point", "iterations": 10_000, "tolerance": 1e-6}
PATIENCE = 30  # iterations without progress, after which the step size is halved
HALVINGS = 15
VARIABLES = {
    "policy": (
        "policy",
        "probability",
        "Of the iterate of smallest exploitability, or of the largest welfare",
    ),
    "mean_field": ("stationary mean field of the policy", "share", "Definition 2.5"),
    "exploitability": (
        "exploitability of the policy of each iteration, exact",
        "discounted regularised return",
        "Gain of a deviation to the best response, from where agents are in the long run (F.2); "
        "NaN where the mean field of the policy is not found",
    ),
    "exact_return": (
        "discounted regularised return of the policy, exact",
        "discounted regularised return",
        "In a population of infinitely many agents that follow it: their social welfare",
    ),
    "welfare_by_start": (
        "social welfare to which each start of the ascent led",
        "discounted regularised return",
        "How far they differ says how far to trust the largest",
    ),
    "mean_field_residual": (
        "residual of the mean field",
        "share",
        "Largest change of a share in one step of the population",
    ),
    "best_response_distance": (
        "distance of the policy to the best response",
        "probability",
        "sup_s ||pi(s) - BR(s)||_1; need not be small at an equilibrium where several actions are "
        "equally good and the entropy weight is 0",
    ),
}


@checked
def solve(
    game: str | Game | Experiment,
    method: str | None = None,
    *,
    objective: str = "own",
    discount: float | None = None,
    entropy_weight: float | None = None,
    iterations: int | None = None,
    tolerance: float | None = None,
    step_size: float | None = None,
    initial_policy: np.ndarray | None = None,
    game_settings: Mapping | None = None,
    **parameters: Any,
) -> xr.Dataset:
    """Find an equilibrium of the mean-field game of infinitely many agents, or the best policy.

    An equilibrium is a policy pi that is a best response to the mean field mu^pi that it generates
    (Definition 2.5): its exploitability is 0, as :func:`mfgcore.meanfield.exact.exploitability` has
    it::

        E(pi) = max_pi' V_h(pi', mu^pi) - V_h(pi, mu^pi),    s_0 ~ mu^pi.

    mu^pi is the stationary distribution of the policy, and does not depend on the discount, which
    weighs the rewards to come. With an entropy weight lambda > 0 the equilibrium is that of the
    regularised game, in which every action has a probability > 0: no policy is better in r + h. It
    is no equilibrium of the game of lambda = 0, but tends to one as lambda falls.

    Where the objective is shared, it is the policy of the largest social welfare that
    :func:`mfgcore.meanfield.welfare.welfare_optimum` finds: mean-field control.

    Parameters
    ----------
    game : str, Game or Experiment
        A game's name, a game, such as ``game.for_population(20)``, as one of 20 agents sees it, or
        an experiment with one.
    method : str, optional
        One of `mfgcore.equilibrium.solvers.SOLVERS`; by default ``"fixed_point"``. This and the
        other settings of the search, from `iterations` to `initial_policy`, are for equilibria.
    objective : {"own", "shared"}
        What an agent maximises: its own return, or the mean of all.
    discount, entropy_weight : float, optional
        gamma and lambda; by default those of the experiment, or of every experiment, 0.9 and 0.01.
    iterations : int, optional
        The most that are done; by default 10,000.
    tolerance : float, optional
        Exploitability at which it stops; by default 1e-6.
    step_size : float, optional
        alpha of the method at first; see :mod:`mfgcore.equilibrium.solvers`.
    initial_policy : (n_states, n_actions) float64, optional
        Where the method starts; by default a policy that is not quite uniform, as uniform ones are
        unstable equilibria of games such as `cluster`.
    game_settings : mapping, optional
        As in an Experiment.
    **parameters
        Those of an Experiment that the game reads, such as `grid_size`.

    Returns
    -------
    xarray.Dataset
        The `policy` of smallest exploitability, its `mean_field`, the `exploitability` of each
        iteration; `mean_field_residual` and `best_response_distance` say how far they are from an
        equilibrium. The attribute `stopped` says why it stopped, and `converged` is 1 if the
        tolerance was reached. Of a shared objective there are neither these nor iterations, but
        the `welfare_by_start` of each local optimum.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, out of bounds or of another shape.
    NumericalError
        If a best response is not found to its tolerance, or the mean field of no start.

    Examples
    --------
    >>> found = solve("beach_bar")
    >>> found["policy"].dims, found.attrs["converged"]
    (('state', 'action'), 1)
    """
    started = datetime.datetime.now(datetime.UTC)
    wall, cpu = time.perf_counter(), time.process_time()
    if objective not in OBJECTIVES:
        raise ConfigurationError(f"objective: {unknown_name('objective', objective, OBJECTIVES)}")
    search: dict[str, Any] = {"method": method, "iterations": iterations, "tolerance": tolerance}
    search |= {"step_size": step_size, "initial_policy": initial_policy}
    with user_errors():
        found = find_game(game, game_settings, parameters)
        own = game if isinstance(game, Experiment) else None
        problem = Problem(found, *weights_of(own, discount, entropy_weight))
        if objective == "shared":
            dataset = _optimum(problem, search)
        else:
            given = {key: value for key, value in search.items() if value is not None}
            dataset = _equilibrium(problem, **(DEFAULTS | given))
    dataset.attrs |= {
        **COMMON,
        **describe_game(found),
        **problem.weights,
        "objective": objective,
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        **environment("solve"),
    }
    return dataset


def _equilibrium(problem, method, iterations, tolerance, step_size=None, initial_policy=None):
    """The dataset of an equilibrium."""
    game, function = problem.game, SOLVERS[method]
    if not iterations >= 1:
        raise ConfigurationError(f"iterations: {iterations} is not >= 1")
    if not tolerance >= 0.0:
        raise ConfigurationError(f"tolerance: {tolerance} is not >= 0")
    step_size = _first_step_size(method, step_size)
    policy = nearly_uniform_policy(game) if initial_policy is None else initial_policy
    policy = checked_policies(policy, game, one=True, name="initial_policy")[0]
    search = _search(problem, function, policy, step_size, iterations, tolerance)
    best, gaps, last_step_size, stopped = search
    metrics = problem.metrics(best)
    dataset = _to_dataset(problem, best, metrics.mean_field, metrics.discounted_return)
    dataset["exploitability"] = "iteration", gaps
    dataset = _described(dataset.assign_coords(iteration=np.arange(len(gaps))))
    dataset.attrs = {
        "title": f"{game.name}, equilibrium by {method}",
        "kind": "equilibrium",
        "method": method,
        "tolerance": tolerance,
        "iterations": len(gaps),
        "stopped": stopped,
        "converged": int(np.nanmin(gaps, initial=np.inf) <= tolerance),
        "fingerprint": fingerprint_of(type(game), function),
    }
    if step_size is not None:
        dataset.attrs |= {"step_size": step_size, "last_step_size": last_step_size}
    return dataset


def _optimum(problem, search):
    """The dataset of the policy of the largest welfare."""
    for key, value in search.items():
        if value is not None:
            why = "of a shared objective the optimum is found by gradient ascent"
            raise ConfigurationError(f"{key}: {shorten(value)} is not allowed: {why}")
    best = meanfield.welfare_optimum(problem.game, **problem.weights)
    dataset = _to_dataset(problem, best.policy, best.mean_field, best.welfare)
    dataset["exploitability"] = problem.metrics(best.policy).exploitability
    dataset["welfare_by_start"] = "start", best.found
    dataset = _described(dataset)
    title = f"{problem.game.name}, optimum of the social welfare"
    dataset.attrs = {"title": title, "kind": "optimum", "method": "welfare_optimum"}
    dataset.attrs["fingerprint"] = fingerprint_of(type(problem.game))
    return dataset


def weights_of(
    experiment: Experiment | None, discount: float | None, entropy_weight: float | None
) -> tuple[float, float]:
    """Discount and entropy weight: those given, those of an experiment, or the defaults."""
    given = {"discount": discount, "entropy_weight": entropy_weight}
    known = defaults() if experiment is None else vars(experiment)
    discount, entropy_weight = (known[key] if x is None else x for key, x in given.items())
    return discount, entropy_weight


def nearly_uniform_policy(game: Game) -> np.ndarray:
    """A policy that is not quite uniform, always the same; (n_states, n_actions) float64."""
    shape = game.n_states, len(game.actions)
    weights = np.exp(0.1 * np.random.default_rng(0).random(shape))
    return weights / weights.sum(axis=1, keepdims=True)


def _first_step_size(method, given):
    """The step size that a method starts with; None if it has none."""
    function = SOLVERS[method]
    if "step_size" not in keyword_names(function):
        if given is not None:
            raise ConfigurationError(f"step_size: {given} is not allowed: {method} has none")
        return None
    step_size = function.__kwdefaults__["step_size"] if given is None else given
    if not 0.0 < step_size < np.inf or (method == "fixed_point" and step_size > 1.0):
        most = " and <= 1" if method == "fixed_point" else ""
        raise ConfigurationError(f"step_size: {shorten(step_size)} is not > 0{most}")
    return step_size


def _search(problem, method, policy, step_size, iterations, tolerance):
    """Best policy, exploitability of each iteration, last step size, and why it stopped."""

    def begin():
        return method(problem, best, **({} if step_size is None else {"step_size": step_size}))

    gaps: list[float] = []
    best, least, idle, halvings = policy, np.inf, 0, 0
    policies = begin()
    while len(gaps) < iterations:
        try:
            policy = next(policies)
        except StopIteration:
            return best, gaps, step_size, "the method came to its end"
        if not np.isfinite(policy).all():
            why = "a policy is not finite, as where a mean field on the way is not found"
            return best, gaps, step_size, why
        policy = checked_policies(policy, problem.game, one=True, name="method's policy")[0]
        metrics = problem.metrics(policy)
        gaps.append(metrics.exploitability)
        if gaps[-1] < least:
            best, least, idle = policy, gaps[-1], 0
        else:
            idle += 1
        if least <= tolerance:
            return best, gaps, step_size, "the exploitability is within the tolerance"
        lost = not np.isfinite(gaps[-1])
        if lost and (step_size is None or not np.isfinite(least)):
            return best, gaps, step_size, _lost(metrics)
        if step_size is not None and (lost or idle >= PATIENCE):
            halvings += 1
            if halvings > HALVINGS:
                why = _lost(metrics) if lost else "no smaller step makes progress"
                return best, gaps, step_size, f"{why}; the step size was halved {HALVINGS} times"
            step_size, idle = step_size / 2.0, 0
            policies = begin()
    return best, gaps, step_size, f"{iterations} iterations were not enough"


def _lost(metrics: PopulationMetrics) -> str:
    residual = f"its residual is {metrics.residual:.1g}"
    return f"the mean field of a policy, a fixed point, is not found: {residual}"


def _to_dataset(problem, policy, mean_field, welfare):
    game = problem.game
    residual = distance = np.nan
    if np.isfinite(welfare):
        residual = np.abs(pushed(mean_field[:, None] * policy, game, mean_field) - mean_field).max()
        best = meanfield.best_response(mean_field, game, **problem.weights, start=policy).policy
        distance = policy_distances(policy[None], best)[0]
    return xr.Dataset(
        {
            "policy": (("state", "action"), policy),
            "mean_field": ("state", mean_field),
            "exact_return": ((), welfare),
            "mean_field_residual": ((), residual),
            "best_response_distance": ((), distance),
        },
        coords={"action": list(game.actions), **state_coordinates(game)},
    )


def _described(dataset):
    return described(describe(dataset), VARIABLES)


def described(dataset: xr.Dataset, variables: Mapping[str, tuple[str, str, str]]) -> xr.Dataset:
    """Give variables their long name, unit and comment; returns the dataset."""
    for name, (long_name, units, comment) in variables.items():
        if name in dataset:
            dataset[name].attrs = {"long_name": long_name, "units": units, "comment": comment}
    return dataset
