"""What N agents do with given policies: their returns, and what a deviation gains."""

import datetime
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mfgcore import meanfield
from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, RunFileError, shorten, unknown_name
from mfgcore._base.files import reason, refuse
from mfgcore._base.plugins import user_errors
from mfgcore.equilibrium.games import describe_game, find_game, fingerprint_of, game_digest, game_of
from mfgcore.equilibrium.joint_chain import JointChain, is_small
from mfgcore.equilibrium.play import Population, play
from mfgcore.equilibrium.solve import described, weights_of
from mfgcore.experiment.experiment import Experiment
from mfgcore.games import Game
from mfgcore.meanfield.policies import checked_policies
from mfgcore.meanfield.stationary import agent_mean, certify, stationary_flow
from mfgcore.runs.datasets import COMMON, configuration, describe, load, state_coordinates
from mfgcore.runs.provenance import environment

STARTS = ("stationary", "initial")
NEGLIGIBLE = 1e-12  # weight of a reward from which on none is counted
LEVEL = 0.95
MOST_AGENTS = 10**9
RETURN = "discounted regularised return"
BOUND = "a lower bound of the gain of a best deviation: the response need not be the best one"
EXACT = "In the mean-field game, s_0 ~ mu^i (Definition 2.4), whatever the start"
AS_ONE = "The same as one of N agents sees the game: it counts itself (D3, D22)"
ENUMERATED = "From the Markov chain of all agents together"
DEVIATION = "response to the mean field of the others as one of N sees it"
VARIABLES = {
    "agents": ("number of agents that follow the policy", "1", "They share it"),
    "policies": ("policies that agents follow", "probability", "Each is there once"),
    "deviation_policy": (f"exact {DEVIATION}", "probability", "It is what a deviating agent plays"),
    "sampled_return": (f"{RETURN} of an agent of the policy", RETURN, "Mean over trials"),
    "mean_sampled_return": (f"{RETURN}, mean over all agents", RETURN, "Mean over trials"),
    "sampled_deviation_return": (
        f"{RETURN} of one agent of the policy that deviates",
        RETURN,
        "Among the others as they are",
    ),
    "nash_gap": (
        f"gain of one agent that plays the {DEVIATION}, a lower bound of the Nash gap",
        RETURN,
        BOUND,
    ),
    "largest_nash_gap": (
        "gain of the worst-off agent, a lower bound of the Nash gap",
        RETURN,
        f"Of `worst_policy`; {BOUND}",
    ),
    "worst_policy": (
        "policy of the worst-off agent",
        "1",
        "That of the largest `exact_exploitability_of_n`: the largest estimate is biased",
    ),
    "exact_return": (f"{RETURN} among infinitely many agents, exact", RETURN, EXACT),
    "exact_exploitability": ("exploitability among infinitely many agents, exact", RETURN, EXACT),
    "exact_return_of_n": (f"{RETURN} as one of N sees it, exact", RETURN, AS_ONE),
    "exact_exploitability_of_n": ("exploitability as one of N sees it, exact", RETURN, AS_ONE),
    "enumerated_return": (f"{RETURN} among N agents, exact", RETURN, ENUMERATED),
    "enumerated_nash_gap": (
        f"exact gain of the {DEVIATION}, a lower bound of the Nash gap",
        RETURN,
        f"{ENUMERATED}; {BOUND}",
    ),
    "enumerated_deterministic_gain": (
        "exact gain of the best deterministic response to one's own state",
        RETURN,
        f"{ENUMERATED}; a lower bound of the Nash gap: responses may be random, or to all states",
    ),
    "mean_field": ("mean field of infinitely many agents", "share", "Definition 2.5"),
    "sampled_mean_field": ("mean field of the N agents", "share", "Mean over steps and trials"),
    "mean_field_distance": (
        "distance of the N agents from the mean field",
        "share",
        "Mean of ||mu_N - mu||_1 over steps and trials",
    ),
}


@checked
def evaluate(
    policies: np.ndarray | xr.Dataset | str | Path,
    game: str | Game | Experiment | None = None,
    agents: int | None = None,
    *,
    counts: np.ndarray | None = None,
    start: str = "stationary",
    burn_in: int = 1000,
    trials: int = 100,
    discount: float | None = None,
    entropy_weight: float | None = None,
    seed: int = 0,
    game_settings: Mapping | None = None,
    **parameters: Any,
) -> xr.Dataset:
    """Let N agents play policies, and say what they are paid and what a deviation gains.

    One agent after the other deviates, for each of the policies: it plays the exact best response
    to the mean field of the N - 1 others, as one of N sees it, and they play on. What it gains is a
    lower bound of the Nash gap of the game of N agents. A Markov chain of all agents gives exact
    values beside it where there are few enough agents and states.

    Parameters
    ----------
    policies : array, xarray.Dataset or path
        (n_states, n_actions) for all agents; (N, n_states, n_actions), one for each; with `counts`
        (k, n_states, n_actions); or what :func:`mfgcore.solve` returned, or a run. Also the file of
        one of these, netCDF or ``.npy``.
    game : str, Game or Experiment, optional
        As in :func:`mfgcore.solve`; that of the dataset by default.
    agents : int, optional
        N; may be left out if it follows from the policies.
    counts : (k,) int, optional
        Agents that follow each of the policies.
    start : {"stationary", "initial"}
        Where agents are paid first: each where its policy keeps it in the long run, s_0 ~ mu^i, or
        where the game lets them start.
    burn_in : int
        Steps after a `stationary` start before agents are paid, where moves depend on the mean
        field: that of N agents fluctuates. Elsewhere agents are stationary at once.
    trials : int
        Independent ones, over which intervals are taken.
    discount, entropy_weight : float, optional
        By default those of the dataset, the experiment, or every experiment.
    seed : int
    game_settings : mapping, optional
    **parameters
        As in :func:`mfgcore.solve`.

    Returns
    -------
    xarray.Dataset
        Over `policy`, the different policies; each estimate has an `..._interval` over `bound`,
        Student's of 95 %. They are of what the trials have shown: where something that matters
        happens in few of them, or in none, they are too narrow, and more trials are needed.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, out of bounds or of another shape.
    RunFileError
        If a file cannot be used, or its game has changed since.
    NumericalError
        If transitions depend on the mean field, and the fixed point is not found.

    Examples
    --------
    >>> found = evaluate(np.full((10, 3), 1 / 3), "beach_bar", agents=50, trials=10)
    >>> bool(found["nash_gap"] > 0.1), found["nash_gap_interval"].dims
    (True, ('policy', 'bound'))
    """
    started = datetime.datetime.now(datetime.UTC)
    wall, cpu = time.perf_counter(), time.process_time()
    _check_numbers(start, {"burn_in": (burn_in, 0), "trials": (trials, 2), "seed": (seed, 0)})
    with user_errors():
        given: Mapping[str, Any] = {"discount": discount, "entropy_weight": entropy_weight}
        if isinstance(policies, str | Path):
            name, policies = str(policies), _read(policies)
        else:
            name = "policies"
        if isinstance(policies, xr.Dataset):
            extra = [*parameters, *(["game_settings"] if game_settings else [])]
            if game is None and extra:
                raise ConfigurationError(f"{extra[0]}: is not allowed: {name} has its game")
            own = None if game is None else find_game(game, game_settings, parameters)
            policies, found, given = _of_dataset(policies, name, own, given, counts)
        elif game is None:
            raise ConfigurationError("game: missing: arrays do not say theirs")
        else:
            found = find_game(game, game_settings, parameters)
            given = {"discount": discount, "entropy_weight": entropy_weight}
        experiment = game if isinstance(game, Experiment) else None
        weights = weights_of(experiment, given["discount"], given["entropy_weight"])
        distinct, numbers = _who_plays(policies, found, agents, counts, weights)
        horizon = 1
        if weights[0] > 0.0:
            horizon = max(1, math.ceil(math.log(NEGLIGIBLE) / math.log(weights[0])))
        flows, residual = stationary_flow(distinct, numbers / numbers.sum(), found)
        certify(residual)
        starts = flows / flows.sum(axis=1, keepdims=True)
        if start == "initial":
            initial = found.checked_initial_distribution()
            starts = np.full_like(flows, 1.0 / found.n_states)
            starts = starts if initial is None else np.tile(initial, (len(flows), 1))
        population = Population(found, distinct, numbers, starts, *weights, horizon)
        # agents that do not notice each other are where they stay
        steps = burn_in if start == "stationary" and found.mean_field_dynamics else 0
        dataset = _measured(population, flows, trials, steps, seed)
    dataset.attrs = {
        "title": f"{found.name}, {population.size} agents that play given policies",
        "kind": "evaluation",
        **COMMON,
        **describe_game(found),
        "discount": weights[0],
        "entropy_weight": weights[1],
        "start": start,
        "burn_in": steps,
        "trials": trials,
        "horizon": horizon,
        "level": LEVEL,
        "seed": seed,
        "fingerprint": fingerprint_of(type(found)),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        **environment("evaluate"),
    }
    return dataset


def _check_numbers(start, numbers):
    if start not in STARTS:
        raise ConfigurationError(f"start: {unknown_name('start', start, STARTS)}")
    for key, (value, least) in numbers.items():
        if value < least:
            raise ConfigurationError(f"{key}: {value} is not >= {least}")


def _read(path):
    """What a file holds: an array, or a dataset that mfgcore made."""
    if Path(path).suffix != ".npy":
        return load(path, kind="any")
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        refuse(path, f"is no array of NumPy ({reason(error)})")
    if values.dtype.kind not in "biuf":
        refuse(path, f"holds {values.dtype}, not numbers")
    return values


def _of_dataset(dataset, name, game, given, counts):
    """Policies, game, discount and entropy weight of a run or of what solve found."""
    kind = dataset.attrs.get("kind")
    if kind not in ("run", "equilibrium", "optimum") or "policy" not in dataset:
        raise RunFileError(f"{name}: holds no policies: it is neither a run nor what solve found")
    if counts is not None and kind == "run":
        raise ConfigurationError(f"counts: {shorten(counts)} is not allowed: {name} is a run")
    if game is None or kind == "run":
        own = game_of(dataset, name)
        known, its = game_digest(own), own.name
    else:  # it need not be one that can be made from its name
        own, known, its = game, dataset.attrs["game_digest"], dataset.attrs["game"]
    if game is not None and game_digest(game) != known:
        what = f"is not the {its!r} of {name}, or has other parameters"
        raise ConfigurationError(f"game: {game.name!r} {what}")
    said = configuration(dataset) if kind == "run" else dataset.attrs
    given = {key: said[key] if value is None else value for key, value in given.items()}
    dims = [dim for dim in ("agent", "state", "action") if dim in dataset["policy"].dims]
    return dataset["policy"].transpose(*dims).values, own, given


def _who_plays(policies, game, agents, counts, weights):
    """The different policies, and how many agents follow each."""
    if agents is not None and not 2 <= agents <= MOST_AGENTS:
        why = "a deviation is played among others"
        raise ConfigurationError(f"agents: {agents} is not >= 2 and <= {MOST_AGENTS:,}: {why}")
    try:
        policies = np.array(policies, dtype=np.float64)
    except (TypeError, ValueError) as error:
        what = f"policies: {shorten(policies)} is not an array of numbers"
        raise ConfigurationError(what) from error
    several = policies.ndim == 3
    policies = checked_policies(policies, game, *weights)
    if counts is not None:
        counts = np.asarray(counts)
        whole = counts.dtype.kind in "iu" and counts.shape == (len(policies),)
        if not whole or not (counts >= 1).all():
            what = f"is not a whole number >= 1 for each of the {len(policies)} policies"
            raise ConfigurationError(f"counts: {shorten(counts.tolist())} {what}")
    elif several:
        counts = np.ones(len(policies), dtype=np.int64)
    elif agents is None:
        raise ConfigurationError("agents: missing; a whole number >= 2")
    else:
        counts = np.array([agents])
    size = int(counts.sum())
    if agents not in (None, size):
        raise ConfigurationError(f"agents: {agents} is not {size}, those that the policies are of")
    if not 2 <= size <= MOST_AGENTS:
        raise ConfigurationError(f"agents: {size} is not >= 2 and <= {MOST_AGENTS:,}")
    found: dict[bytes, int] = {}
    for policy, number in zip(policies, counts.tolist(), strict=True):
        found[policy.tobytes()] = found.get(policy.tobytes(), 0) + number
    distinct = np.frombuffer(b"".join(found)).reshape(-1, *policies.shape[1:])
    return distinct, np.array(list(found.values()), dtype=np.int64)


def _measured(population, flows, trials, burn_in, seed):
    game, size = population.game, population.size
    shares = population.agents / size
    mean_field = agent_mean(flows, shares)
    weights = {"discount": population.discount, "entropy_weight": population.entropy_weight}
    deviations = np.stack(
        [
            meanfield.best_response(
                _others(mean_field, own, size), population.seen, **weights
            ).policy
            for own in flows
        ]
    )
    data = {
        "agents": ("policy", population.agents),
        "policies": (("policy", "state", "action"), population.policies),
        "deviation_policy": (("policy", "state", "action"), deviations),
        "mean_field": ("state", mean_field),
    }
    for ending, seen in (("", game), ("_of_n", population.seen)):
        returns, gaps = _exact(population, seen, flows, mean_field, weights)
        data["exact_return" + ending] = "policy", returns
        data["exact_exploitability" + ending] = "policy", gaps
    played = play(population, deviations, mean_field, trials, burn_in, seed)
    gains = played.deviation_returns - played.returns
    worst = int(gaps.argmax())  # not by the sample, in which the largest gain is too large
    data["sampled_mean_field"] = "state", played.mean_field
    data["worst_policy"] = (), worst
    for name, dims, sample in (
        ("sampled_return", ("policy",), played.returns),
        ("mean_sampled_return", (), played.returns @ shares),
        ("sampled_deviation_return", ("policy",), played.deviation_returns),
        ("nash_gap", ("policy",), gains),
        ("largest_nash_gap", (), gains[:, worst]),
        ("mean_field_distance", (), played.distance),
    ):
        data[name] = dims, sample.mean(axis=0)
        data[f"{name}_interval"] = (*dims, "bound"), interval(sample)
    if is_small(population):
        data |= _enumerated(population, deviations, burn_in)
    dataset = xr.Dataset(
        data,
        coords={
            "policy": np.arange(len(shares)),
            "bound": ["low", "high"],
            "action": list(game.actions),
            **state_coordinates(game),
        },
    )
    described(describe(dataset), VARIABLES)
    for name in VARIABLES:
        if f"{name}_interval" in dataset:
            said = dataset[name].attrs
            long_name = f"{LEVEL:.0%} interval of the {said['long_name']}"
            comment = "Student's, over trials; too narrow where what matters is rare"
            dataset[f"{name}_interval"].attrs = said | {"long_name": long_name, "comment": comment}
    return dataset


def _others(mean_field, own, size):
    """Mean field of the others of an agent; sums to 1."""
    others = np.maximum(mean_field * size - own, 0.0)
    return others / others.sum()


def _exact(population, game, flows, mean_field, weights):
    """Return and exploitability of each policy in the mean-field game; (n_policies,) each."""
    best = meanfield.best_response(mean_field, game, **weights).values
    values = [
        meanfield.policy_value(policy, mean_field, game, **weights)
        for policy in population.policies
    ]
    gaps = np.maximum(best - np.stack(values), 0.0)
    return (flows * values).sum(axis=1), (flows * gaps).sum(axis=1)


def _enumerated(population, deviations, burn_in):
    chain, rows = JointChain(population, burn_in), range(len(deviations))
    returns = np.array([chain.expected_return(row, population.policies[row]) for row in rows])
    deviating = np.array([chain.expected_return(row, deviations[row]) for row in rows])
    best = np.array([chain.best_deterministic_return(row) for row in rows])
    return {
        "enumerated_return": ("policy", returns),
        "enumerated_nash_gap": ("policy", deviating - returns),
        "enumerated_deterministic_gain": ("policy", best - returns),
    }


def interval(sample: np.ndarray) -> np.ndarray:
    """Student's confidence interval of a mean over trials, (trials, ...); (..., 2) float64."""
    from scipy.special import stdtrit  # a tenth of a second that few need

    n_trials = len(sample)
    error = sample.std(axis=0, ddof=1) / math.sqrt(n_trials)
    half = stdtrit(n_trials - 1, 0.5 + LEVEL / 2.0) * error
    return np.stack((sample.mean(axis=0) - half, sample.mean(axis=0) + half), axis=-1)
