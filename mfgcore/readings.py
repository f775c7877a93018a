"""The main claims under each reading of what the paper leaves open (docs/protocol.md).

They are judged from the dataset of the comparison *readings*, over (scenario, setting, variant,
trial, iteration). `units` is a function of the parameters of a run that returns W and P: what can
be earned in its game, as a whole and in play.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import yaml

from mfgcore.claims.evidence import NothingToJudge
from mfgcore.statistics import last_iterations
from mfgcore.verdicts import HOLDS, Rule, among_ways, each

PAPER = "paper"  # the setting that is the paper's reading, as far as it says
NOTHING, NOT_RUN = "nothing learned", "not run"
ARCHITECTURES = ("centralised", "independent", "networked")
RISE = 0.1  # of W: a smaller rise is none
AROUND = 10  # iterations before and after the growth; the runs end twelve after it
# what a parameter needs to play a part: without it a run has the bits of the paper's reading
NEEDS = {"failed_score": "failure_probability", "arrivals": "agents_after"}
OWN = ("trials", "only")  # of a setting, beside parameters


class Place:
    """The runs of one scenario under one reading.

    Attributes
    ----------
    parameters : dict
        What its networked runs were made with.
    whole, play : float
        W and P.
    """

    def __init__(self, dataset, scenario, reading, units):
        runs = dataset.sel(scenario=scenario, setting=reading)
        for dim in ("trial", "iteration"):
            runs = runs.dropna(dim, how="all", subset=["discounted_return"])
        if not runs["discounted_return"].size:
            raise KeyError(reading)
        self._runs = runs
        self.parameters = _parameters(dataset, scenario, reading)
        self.whole, self.play = units(self.parameters)

    def series(self, architecture, metric="discounted_return"):
        """A metric where it was measured; (n_trials, n) float64, and the n iterations."""
        values = self._runs[metric].sel(variant=architecture).transpose("trial", "iteration")
        values = values.values.astype(np.float64)
        measured = np.isfinite(values).all(axis=0)
        return values[:, measured], self._runs["iteration"].values[measured]

    def learning(self, architecture):
        """Return above that at k = 0, before any growth; (n_trials, n) float64."""
        origin = np.mean([self.series(name)[0][:, 0].mean() for name in ARCHITECTURES])
        values, k = self.series(architecture)
        return values[:, k < self.parameters.get("change_at", np.inf)] - origin


def _parameters(dataset, scenario, reading):
    return json.loads(dataset.attrs["configurations"])[f"{scenario}|{reading}|networked"]


def _end(values):
    """Mean over the end of each trial; (n_trials,) float64."""
    return values[:, -last_iterations(values.shape[1]) :].mean(axis=1)


# ------------------------------------------------------------ ways to measure speed


def area(place, other):
    """Area between the curves until the first has done 90 % of its rise, as a share of that time
    and the larger rise; (n_trials,) float64.

    One that rises less than half as far as the other is not the first.
    """
    _check_learned(place, other)
    curves = [place.learning(name) for name in ("networked", other)]
    rises = [_end(curve).mean() for curve in curves]
    time = min(
        np.argmax(curve.mean(axis=0) >= 0.9 * rise)
        for curve, rise in zip(curves, rises, strict=True)
        if rise >= max(rises) / 2.0
    )
    means = [curve[:, : time + 1].mean(axis=1) for curve in curves]
    return (means[0] - means[1]) / max(rises)


def _times(place, architecture, share):
    """When each trial has done a share of its own rise; (n_trials,) float64.

    A trial that has learned nothing is not there within the run: its time is the whole run.
    """
    curve = place.learning(architecture)
    rises = _end(curve)
    times = np.argmax(curve >= share * rises[:, None], axis=1)
    return np.where(rises >= RISE * place.whole, times, curve.shape[1]).astype(np.float64)


def time_of(share, start=None):
    """The way to measure speed by when a share of the rise is done, as a share of the slower's.

    With `start`, a smaller share, the time is counted from there.
    """

    def measure(place, other):
        _check_learned(place, other)
        times = []
        for name in ("networked", other):
            time = _times(place, name, share)
            if start is not None:
                learned = time < place.learning(name).shape[1]
                time = np.where(learned, time - _times(place, name, start), time)
            times.append(time)
        return (times[1] - times[0]) / max(time.mean() for time in times)

    return measure


def slope(place, other):
    """By how much the steepest rise over ten iterations is steeper, as a share of the steeper
    one's mean; (n_trials,) float64.
    """
    _check_learned(place, other)
    curves = [place.learning(name) for name in ("networked", other)]
    slopes = [(curve[:, AROUND:] - curve[:, :-AROUND]).max(axis=1) for curve in curves]
    return (slopes[0] - slopes[1]) / max(slope.mean() for slope in slopes)


def _check_learned(place, other):
    if max(_end(place.learning(name)).mean() for name in ("networked", other)) < RISE * place.whole:
        raise NothingToJudge(f"neither networked nor {other} agents learned anything")


# ------------------------------------------------------------ the other claims


def behind(end):
    """The way to measure by how much, in P, another ends below the centralised population."""

    def measure(place, other):
        found = [end(place.series(name)[0]) for name in ("centralised", other)]
        return (found[0] - found[1]) / place.play

    return measure


def _highest(values):
    """Highest mean of ten iterations; (n_trials,) float64."""
    windows = np.lib.stride_tricks.sliding_window_view(values, AROUND, axis=1)
    return windows.mean(axis=2).max(axis=1)


def setback(metric, sign):
    """The way to measure by how much more, in W, the independent population is set back."""

    def measure(place, _):
        arrived = place.parameters["change_at"]
        # who learns before it communicates is there an iteration earlier (D18)
        arrived -= place.parameters.get("arrivals") == "before_learning"
        falls = []
        for name in ("independent", "networked"):
            values, k = place.series(name, metric)
            before = values[:, (k > arrived - AROUND) & (k <= arrived)].mean(axis=1)
            falls.append(before - values[:, (k > arrived) & (k <= arrived + AROUND)].mean(axis=1))
        return sign * (falls[0] - falls[1]) / place.whole

    return measure


@dataclass(frozen=True)
class Column:
    """What is said of some scenarios.

    Parameters
    ----------
    claim, where : str
    parts : list of (scenario, str)
        Each with whom the networked, or in C3 the centralised, population is compared.
    ways : dict of str to list of (label, measure, Rule)
        The first decides. The labels tell what is measured of the same part.
    unit : str
    """

    claim: str
    where: str
    parts: list
    ways: dict
    unit: str = "share"


def _way(measure: Callable, rule, label=""):
    return [(label, measure, rule)]


FASTER = {
    "area between the curves": _way(area, Rule("more", 0.04)),
    "time of 90 %": _way(time_of(0.9), Rule("more", 0.04)),
    "time of 50 %": _way(time_of(0.5), Rule("more", 0.04)),
}
UNDISTURBED = {
    **{name: FASTER[name] for name in ("area between the curves", "time of 90 %")},
    "steepest slope": _way(slope, Rule("more", 0.1)),
    "time from 10 to 90 %": _way(time_of(0.9, 0.1), Rule("more", 0.04)),
}
HIGHEST = {
    "at the end": _way(behind(_end), Rule("not less", 0.2)),
    "best ten iterations": _way(behind(_highest), Rule("not less", 0.2)),
}
STEADIER = {
    "ten iterations": [
        ("return", setback("discounted_return", 1.0), Rule("beyond", 0.1, 0.1)),
        ("exploitability", setback("exact_exploitability", -1.0), Rule("beyond", 0.1, 0.1)),
    ]
}
GAMES = ("agree", "diffuse")
FOUR = [f"{game}, {event}" for event in ("failing", "growing") for game in GAMES]
OTHERS = ("centralised", "independent")
COLUMNS = [
    *(Column("C1", game, [(f"{game}, failing", OTHERS[0])], FASTER) for game in GAMES),
    *(Column("C2", game, [(f"{game}, failing", OTHERS[1])], FASTER) for game in GAMES),
    Column(
        "C3", "all four", [(s, o) for s in FOUR for o in ("networked", OTHERS[1])], HIGHEST, "P"
    ),
    Column("C4", "both", [(f"{game}, growing", OTHERS[1]) for game in GAMES], STEADIER, "W"),
    *(Column("C5", game, [(f"{game}, growing", OTHERS[1])], UNDISTURBED) for game in GAMES),
    Column("C8", "cluster", [("cluster, failing", other) for other in OTHERS], FASTER),
]


# ------------------------------------------------------------ judged


def judge_readings(dataset, settings, units, seed):
    """Judge the main claims under every reading.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of the comparison.
    settings : dict of str to dict
        Its settings in the configuration: what each reading flips.
    units : callable
        Of the parameters of a run; returns W and P.
    seed : int
        Root of the bootstrap's random numbers.

    Returns
    -------
    pandas.DataFrame
        A row for each reading, claim, way and part. Columns reading, claim, where, way, part,
        effect, low, high, unit, margin, trials, verdict (of the part), way_verdict (of all parts),
        distance (by how many margins the effect is beyond what is asked for), source (of the
        runs: "own", or "paper" where a reading plays no part and its runs are those of the paper's
        reading). Where a way cannot be judged, one row says why in its verdict.
    """
    places = {
        (scenario, reading): _place(dataset, scenario, reading, settings, units)
        for scenario in map(str, dataset["scenario"].values)
        for reading in settings
    }
    rows = []
    for reading in settings:
        for column in COLUMNS:
            for way in column.ways:
                rows += _judge_way(column, way, reading, places, seed)
    return pd.DataFrame(rows)


def _place(dataset, scenario, reading, settings, units):
    """The runs of a reading, and whose they are; None if there are none."""
    try:
        return Place(dataset, scenario, reading, units), "own"
    except KeyError:
        paper = _parameters(dataset, scenario, PAPER)
    flipped = _flips(settings[reading])
    if all(key in NEEDS and not paper.get(NEEDS[key]) for key in flipped):
        return Place(dataset, scenario, PAPER, units), "paper"
    return None


def _flips(setting):
    return {key: value for key, value in setting.items() if key not in OWN}


def _judge_way(column, way, reading, places, seed):
    about = {"reading": reading, "claim": column.claim, "where": column.where, "way": way}
    found = [places.get((scenario, reading)) for scenario, _ in column.parts]
    if None in found:
        return [about | {"verdict": NOT_RUN, "way_verdict": NOT_RUN, "source": "none"}]
    source = "own" if any(whose == "own" for _, whose in found) else "paper"
    parts, samples, rules = [], [], []
    try:
        for (place, _), (scenario, other) in zip(found, column.parts, strict=True):
            for label, measure, rule in column.ways[way]:
                sample = measure(place, other)
                if not np.isfinite(sample).all():
                    raise NothingToJudge(f"{label} was not measured")
                parts.append(f"{scenario}: {label or other}")
                samples.append(sample)
                rules.append(rule)
    except NothingToJudge:
        return [about | {"verdict": NOTHING, "way_verdict": NOTHING, "source": source}]
    labels = [f"{reading}|{column.claim}|{column.where}|{way}|{part}" for part in parts]
    verdict, verdicts, intervals = each(samples, rules, seed, labels)
    return [
        about
        | {
            "part": part,
            "effect": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "unit": column.unit,
            "margin": rule.margin,
            "trials": interval.trials,
            "verdict": own,
            "way_verdict": verdict,
            "distance": rule.distance(interval.estimate),
            "source": source,
        }
        for part, own, interval, rule in zip(parts, verdicts, intervals, rules, strict=True)
    ]


def cells(table):
    """What the table of :func:`judge_readings` says of each reading and claim.

    Returns
    -------
    pandas.DataFrame
        Columns reading, claim, where, verdict (by all ways), effect (of the deciding way's part
        that is furthest from what is asked for), unit, source, ways (verdicts by way, in words).
    """
    rows = []
    for (reading, claim, where), group in table.groupby(["reading", "claim", "where"], sort=False):
        verdicts = group.groupby("way", sort=False)["way_verdict"].first()
        decides = group[group["way"] == verdicts.index[0]]
        measured = decides.dropna(subset=["effect"])
        worst = measured.loc[measured["distance"].idxmin()] if len(measured) else decides.iloc[0]
        rows.append(
            {
                "reading": reading,
                "claim": claim,
                "where": where,
                "verdict": among_ways(list(verdicts)),
                **worst[["effect", "unit", "source"]].to_dict(),
                "ways": "; ".join(f"{way}: {verdict}" for way, verdict in verdicts.items()),
            }
        )
    return pd.DataFrame(rows)


def claims_that_hold(found):
    """The claims that hold wherever they are judged, by :func:`cells`; dict of str to list."""
    kept = {}
    for (reading, claim), group in found.groupby(["reading", "claim"], sort=False):
        kept.setdefault(reading, [])
        if (group["verdict"] == HOLDS).all():
            kept[reading].append(claim)
    return kept


def closest(found, settings):
    """The reading under which most main claims hold.

    Ties go to fewer flips, and then to the order of the settings.

    Returns
    -------
    reading : str
    text : str
        Of a configuration file of the workflow with the reading's parameters.
    """
    kept = claims_that_hold(found)
    reading = min(settings, key=lambda name: (-len(kept[name]), len(_flips(settings[name]))))
    n_claims = found["claim"].nunique()
    content = {"output": {kind: f"{kind}/closest" for kind in ("results", "figures")}}
    if flips := _flips(settings[reading]):
        content["parameters"] = flips
    text = (
        "# The reading of docs/decisions.md under which most of the paper's main claims hold, as\n"
        f"# docs/protocol.md defines it: {reading}. {len(kept[reading])} of {n_claims} hold: "
        f"{', '.join(kept[reading]) or 'none'}.\n"
        "# snakemake --configfile config/closest.yaml\n"
    )
    return reading, text + yaml.safe_dump(content, sort_keys=False)
