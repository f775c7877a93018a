"""What score rules are worth in every game of the second protocol, beside a central learner."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mfgcore.plotting.statistics import Interval
from mfgcore.study.claims.evidence import NothingToJudge
from mfgcore.study.law.measures import NEAR, Law, counts, interval_of, lead, price, rise

MARGIN = 0.04  # smallest effect size of interest, of the rise
FEW_LOOPS = "C=20"  # the setting of *later_versions* that the aim is about
RULES = (
    "sigma",
    "random",
    "return",
    "weighted",
    "expected",
    "confirmed",
    "confirmed per change",
)
# kind of games; where the undisturbed central learner is; where the rules are
PLACES = (
    ("fresh", "undisturbed", "selection", "selection"),
    ("fresh", "failing", "selection", "selection_failing"),
    ("known", "undisturbed", "known", "known"),
    ("the paper's", "undisturbed", "compensation", "compensation"),
    ("the paper's", "failing", "compensation", "compensation_failing"),
)


def measure(law: Law) -> pd.DataFrame:
    """Lead of each rule over a central learner that never fails, and its price, in every game.

    Returns
    -------
    pandas.DataFrame
        Columns kind, disturbance, game, rule, selection_gain, lead, lead_low, lead_high, price,
        price_low, price_high, aim (reached, missed or open). Games that do not count are left out.
    """
    return pd.DataFrame(list(_rows(law)))


def aim(ahead: Interval, paid: Interval) -> str:
    """Whether a rule is not slower than a central learner, and has no price, by both intervals.

    Returns
    -------
    str
        *reached*; *missed* where one of them lies beyond the margin; *open* where one includes it.
    """
    if ahead.low > -MARGIN and paid.high < MARGIN:
        return "reached"
    return "missed" if ahead.high <= -MARGIN or paid.low >= MARGIN else "open"


def _rows(law: Law) -> Iterator[dict]:
    for kind, disturbance, undisturbed, name in PLACES:
        try:
            games = law.levels(name, "setting")
        except NothingToJudge:
            continue
        for game in games:
            centralised = law.runs(undisturbed, setting=game, variant="centralised")
            if counts(centralised, f"{undisturbed}, {game}"):
                about = {"kind": kind, "disturbance": disturbance, "game": game}
                yield from _of_game(law, name, centralised, about, setting=game)
    if "later_versions" in law.datasets:
        for game in law.levels("later_versions", "scenario"):
            labels = {"scenario": game}
            centralised = law.runs("later_versions", setting=NEAR, variant="centralised", **labels)
            about = {"kind": "few loops", "disturbance": "undisturbed", "game": game}
            labels |= {"setting": FEW_LOOPS}
            yield from _of_game(law, "later_versions", centralised, about, **labels)


def _of_game(law, name, centralised, about, **labels):
    unit = rise(centralised).mean()
    for rule in RULES:
        try:
            runs = law.runs(name, variant=rule, **labels)
        except NothingToJudge:
            continue
        key = ", ".join([name, *labels.values(), rule])
        ahead = interval_of(lead(runs, centralised, unit), f"lead, {key}")
        paid = interval_of(price(runs, centralised, unit), f"price, {key}")
        yield {
            **about,
            "rule": rule,
            "selection_gain": float(np.mean(runs.selection_gain)),
            "lead": ahead.estimate,
            "lead_low": ahead.low,
            "lead_high": ahead.high,
            "price": paid.estimate,
            "price_low": paid.low,
            "price_high": paid.high,
            "aim": aim(ahead, paid),
        }
