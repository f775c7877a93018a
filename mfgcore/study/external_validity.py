"""External validity: effects in other games, on other networks, under other disturbances.

Estimated from the datasets of the comparisons *generality* and *garnets*, over (scenario, setting,
variant, trial, iteration): a setting is a game, and a variant an architecture or a network. An
effect is the mean return of the run, networked minus another architecture, in units of the gain
that was observed in the game (docs/protocol.md).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from mfgcore._base.errors import RunFileError
from mfgcore.experiment.experiment import make_experiment
from mfgcore.plotting.statistics import bootstrap, generator_of, last_iterations, widened_tail
from mfgcore.study.claims.evidence import configurations
from mfgcore.study.claims.judging import Rule
from mfgcore.study.theory.constants import distances

UNDISTURBED, LINKS_FAIL = "undisturbed", "links fail"
OTHERS = ("independent", "centralised")
RULE = Rule("more", 0.04)
MIN_GAIN = 0.1  # of 10: a game with a smaller observed gain has nothing to learn
ALL = "all networks"
KINDS_ALIKE = "kinds weighted alike"
RESAMPLES = 10_000
# their names are those of the bootstrap's random numbers, too
PREDICTORS = {
    "states": "number of states",
    "moves": "moves depend on the mean field",
    "yields": "what there is to earn",
    "distance": "distance between agents in the network",
}


def measure(datasets: Mapping[str, xr.Dataset]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate the effects in every game, on every network, under every disturbance.

    Parameters
    ----------
    datasets : dict of str to xarray.Dataset
        By kind of games.

    Returns
    -------
    effects : pandas.DataFrame
        Columns kind, game, disturbance, against, network (or `ALL`: the mean over the
        networks), estimate, low, high, trials (interval over trials). NaN where the observed gain
        is less than `MIN_GAIN`.
    games : pandas.DataFrame
        A row for each game and network. Columns kind, game, network, states, moves (1 where they
        depend on the mean field), yields (observed gain), learned (whether that is enough),
        distance.
    """
    effects, games = [], []
    for kind, dataset in datasets.items():
        for game in map(str, dataset["setting"].values):
            found, about = _measure_game(dataset, game)
            effects += [{"kind": kind, "game": game, **row} for row in found]
            games += [{"kind": kind, "game": game, **row} for row in about]
    return pd.DataFrame(effects), pd.DataFrame(games)


def _measure_game(dataset, game):
    returns = {
        (scenario, variant): _returns(dataset, scenario, game, variant)
        for scenario in map(str, dataset["scenario"].values)
        for variant in map(str, dataset["variant"].values)
    }
    networks = [name for name in map(str, dataset["variant"].values) if name not in OTHERS]
    undisturbed = [values for (scenario, _), values in returns.items() if scenario == UNDISTURBED]
    gain = max(
        values[:, -last_iterations(values.shape[1]) :].mean() for values in undisturbed
    ) - np.mean([values[:, 0].mean() for values in undisturbed])
    unit = gain if gain >= MIN_GAIN else np.nan
    every = configurations(dataset)
    parameters = {name: every[UNDISTURBED, game, name] for name in networks}
    names = {name: parameters[name]["network"] for name in networks}
    effects = []
    for scenario in map(str, dataset["scenario"].values):
        for other in OTHERS:
            # links concern the networked population alone
            met = returns[UNDISTURBED if scenario == LINKS_FAIL else scenario, other]
            samples = {
                names[name]: (returns[scenario, name].mean(axis=1) - met.mean(axis=1)) / unit
                for name in networks
            }
            samples[ALL] = np.mean(list(samples.values()), axis=0)
            about = {"disturbance": scenario, "against": other}
            effects += [about | {"network": name, **_over(own)} for name, own in samples.items()]
    played = make_experiment(**parameters[networks[0]]).make_game()
    own = {
        "states": played.n_states,
        "moves": int(played.mean_field_dynamics),
        "yields": gain,
        "learned": bool(gain >= MIN_GAIN),
    }
    n_trials = len(undisturbed[0])
    return effects, [
        {"network": names[name], **own, "distance": mean_distance(parameters[name], n_trials)}
        for name in networks
    ]


def _returns(dataset, scenario, game, variant):
    """Returns of a game's runs, (n_trials, n_iterations) float64."""
    found = dataset["discounted_return"].sel(scenario=scenario, setting=game, variant=variant)
    found = found.transpose("trial", "iteration").values.astype(np.float64)
    return found[:, np.isfinite(found).any(axis=0)][np.isfinite(found).any(axis=1)]


def _over(sample):
    """Interval of a sample of few trials, which is Student's and needs no random numbers; dict."""
    if not np.isfinite(sample).all():
        return {"estimate": np.nan, "low": np.nan, "high": np.nan, "trials": sample.size}
    return dataclasses.asdict(bootstrap([sample], np.random.default_rng(0)))


def mean_distance(parameters: dict[str, Any], n_trials: int) -> float:
    """Mean number of links between two agents of a run's network, over its trials; float.

    Agents that no path connects are left out.
    """
    means = []
    for trial in range(n_trials):
        experiment = make_experiment(**parameters | {"trial": trial})
        links = experiment.make("network").links(experiment.agents)
        assert links.groups is not None  # where cells are linked, distances change as agents move
        steps = distances(links)
        # those of one group are linked
        apart = np.maximum(steps[np.ix_(links.groups, links.groups)], 1.0)
        pairs = apart[~np.eye(experiment.agents, dtype=bool)]
        means.append(pairs[np.isfinite(pairs)].mean())
    return float(np.mean(means))


# ------------------------------------------------------------ pooled over games


def pool(effects: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Pool the effects over the games in which something is learned, by disturbance.

    Returns
    -------
    pandas.DataFrame
        Columns disturbance, against, kind ("all", `KINDS_ALIKE`: the mean of the kinds' means, or a
        kind of games), estimate, low, high (bootstrapped over games), games, better (how many have
        an interval above 0), worse, verdict.

    Raises
    ------
    RunFileError
        If there are not two such games.
    """
    own = effects[(effects["network"] == ALL) & effects["estimate"].notna()]
    rows = []
    for (disturbance, against), group in own.groupby(["disturbance", "against"], sort=False):
        kinds = dict(list(group.groupby("kind", sort=False)))
        pools = {"all": [group], KINDS_ALIKE: list(kinds.values())}
        for kind, strata in (pools | {kind: [own] for kind, own in kinds.items()}).items():
            if min(map(len, strata)) < 2:
                continue
            place = disturbance, against, kind
            among = pd.concat(strata)
            samples = [each["estimate"].to_numpy() for each in strata]
            found = bootstrap(samples, generator_of(seed, "|".join(place)))
            rows.append(
                {
                    **dict(zip(("disturbance", "against", "kind"), place, strict=True)),
                    "estimate": found.estimate,
                    "low": found.low,
                    "high": found.high,
                    "games": len(among),
                    "better": int((among["low"] > 0.0).sum()),
                    "worse": int((among["high"] < 0.0).sum()),
                    "verdict": RULE.decide(found),
                }
            )
    if not rows:
        raise RunFileError(f"in no two games is a return of {MIN_GAIN} learned: nothing to pool")
    return pd.DataFrame(rows)


def predict(effects: pd.DataFrame, games: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Correlate the effect against independent agents with properties of games: Spearman's rho.

    Over games; of the distance between agents over pairs of game and network, in the games that
    were played on several, of what an effect differs from the game's mean over the networks: games
    differ in more than their networks. The intervals are bootstrapped over games.

    Returns
    -------
    pandas.DataFrame
        Columns disturbance, predictor, correlation, low, high, games, found (whether the interval
        excludes 0). NaN where a predictor is the same in all games.
    """
    against = effects[(effects["against"] == OTHERS[0]) & effects["estimate"].notna()]
    joined = against.merge(games, on=["kind", "game", "network"], how="left")
    by_game = games.drop_duplicates(["kind", "game"]).drop(columns=["network", "distance"])
    whole = against[against["network"] == ALL].merge(by_game, on=["kind", "game"])
    pairs = joined[joined["network"] != ALL]
    group = ["kind", "game", "disturbance"]
    pairs = pairs[pairs.groupby(group)["network"].transform("count") > 1].copy()
    pairs["estimate"] -= pairs.groupby(group)["estimate"].transform("mean")
    rows = []
    for disturbance in whole["disturbance"].unique():
        for predictor in PREDICTORS:
            data = pairs if predictor == "distance" else whole
            data = data[data["disturbance"] == disturbance]
            clusters = [
                group[[predictor, "estimate"]].to_numpy(dtype=np.float64)
                for _, group in data.groupby(["kind", "game"], sort=False)
            ]
            found = correlation(clusters, generator_of(seed, f"{disturbance}|{predictor}"))
            rows.append(
                {
                    "disturbance": disturbance,
                    "predictor": predictor,
                    **dict(zip(("correlation", "low", "high"), found, strict=True)),
                    "games": len(clusters),
                    "found": bool(found[1] > 0.0 or found[2] < 0.0),
                }
            )
    return pd.DataFrame(rows)


def correlation(
    clusters: Sequence[np.ndarray], generator: np.random.Generator
) -> tuple[float, float, float]:
    """Spearman's correlation with its 95 % interval, of clusters that are resampled as wholes.

    Parameters
    ----------
    clusters : list of (n, 2) float64
        All with the same n.
    generator : numpy.random.Generator

    Returns
    -------
    tuple of float
        The correlation and the ends of its interval; NaN where there is none. The percentiles are
        moved outwards for few clusters, as in :func:`mfgcore.plotting.statistics.bootstrap`.
    """
    if len(clusters) < 3:
        return (np.nan,) * 3
    values = np.stack(clusters)
    chosen = generator.integers(len(clusters), size=(RESAMPLES, len(clusters)))
    drawn = values[chosen].reshape(RESAMPLES, -1, 2)
    # resamples in which all are alike have no correlation
    resampled = _spearman(drawn)
    found = _spearman(values.reshape(1, -1, 2))[0]
    if np.isnan(found):
        return (np.nan,) * 3
    n = len(clusters)
    tail = widened_tail(n, stats.t.ppf(0.975, n - 1))
    low, high = np.nanquantile(resampled, [tail, 1.0 - tail])
    return float(found), float(low), float(high)


def _spearman(drawn):
    """Spearman's rho of (n_samples, n, 2) float64; (n_samples,), NaN where a column is constant."""
    ranks = stats.rankdata(drawn, axis=1)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    products = (ranks[..., 0] * ranks[..., 1]).sum(axis=1)
    norms = np.sqrt((ranks**2).sum(axis=1).prod(axis=1))
    return np.divide(products, norms, out=np.full(len(drawn), np.nan), where=norms > 0.0)
