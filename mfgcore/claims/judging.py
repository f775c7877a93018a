"""How a claim is decided: by a rule for each of its parts, from intervals over trials."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mfgcore.claims.evidence import Evidence, NothingToJudge
from mfgcore.registry import Registry
from mfgcore.statistics import Interval, bootstrap, interquartile_mean, trials_needed

CLAIMS = Registry("claim")
HOLDS, FAILS, OPEN = "holds", "does not hold", "inconclusive"


@dataclass(frozen=True)
class Rule:
    """Decides by an interval.

    Parameters
    ----------
    kind : {"above", "below", "within", "zero"}
        What must be so of the whole interval: above the threshold, below it, or between its
        negative and itself. If the whole interval is on the other side, the part does not hold.
        "zero": of a share of violations, that there is none.
    threshold : float
    """

    kind: str
    threshold: float

    def region(self) -> tuple[float, float]:
        """Lowest and highest value with which the claim agrees."""
        return {
            "above": (self.threshold, np.inf),
            "below": (-np.inf, self.threshold),
            "within": (-self.threshold, self.threshold),
            "zero": (-np.inf, 0.0),
        }[self.kind]

    def decide(self, interval: Interval) -> str:
        """Verdict for an interval; on the threshold itself nothing is decided."""
        if self.kind == "zero":
            return FAILS if interval.estimate > 0.0 else HOLDS
        low, high = self.region()
        if low < interval.low and interval.high < high:
            return HOLDS
        return FAILS if interval.high < low or interval.low > high else OPEN

    def needed(self, interval: Interval) -> int | None:
        """About how many trials would decide; int or None."""
        counts = [
            trials_needed(interval, bound)
            for bound in self.region()
            if interval.low <= bound <= interval.high
        ]
        known = [count for count in counts if count is not None]
        return max(known, default=None) if len(known) == len(counts) else None

    def words(self) -> str:
        """The rule as text."""
        where = {"above": "> ", "below": "< ", "within": "within ±", "zero": "= "}[self.kind]
        return f"{where}{self.threshold:g}"


@dataclass(frozen=True)
class Part:
    """What a claim says of one experiment: by a rule, of a (n_trials,) float64 sample."""

    label: str
    sample: np.ndarray
    rule: Rule


@dataclass(frozen=True)
class Judged:
    """A part with its interval and verdict.

    Where it is inconclusive, about `needed` trials would settle it; None where that is unknown.
    """

    label: str
    rule: Rule
    interval: Interval
    interquartile_mean: float
    verdict: str
    needed: int | None = None


@dataclass(frozen=True)
class Claim:
    """One claim.

    Parameters
    ----------
    name : str
    text, source, quantity : str
        The claim in a sentence, where the paper makes it, and what is measured.
    parts : callable of Evidence
        Yields each :class:`Part`.
    enough : {"all", "any"}
        Whether every part must hold, or one is enough.
    remark : callable of list of Judged, optional
        Returns a sentence on what was found.
    """

    name: str
    text: str
    source: str
    quantity: str
    parts: Callable
    enough: str = "all"
    remark: Callable | None = None


@dataclass(frozen=True)
class Finding:
    """A claim, judged.

    Parameters
    ----------
    claim : Claim
    verdict : str
        One of `HOLDS`, `FAILS`, `OPEN`.
    parts : list of Judged
    pooled : Interval or None
        Of the mean over parts, stratified by them, where all parts have the same rule.
    note : str
        Why nothing could be measured, or what else was found.
    """

    claim: Claim
    verdict: str
    parts: list = field(default_factory=list)
    pooled: Interval | None = None
    note: str = ""


def claim(name: str, source: str, quantity: str, **details: Any) -> Callable[[Callable], Callable]:
    """Make a function known as the one that measures a claim; its docstring is the claim."""

    def decorate(function):
        text = " ".join(function.__doc__.split())
        CLAIMS.add(name, Claim(name, text, source, quantity, function, **details))
        return function

    return decorate


def judge(evidence: Evidence, seed: int) -> list[Finding]:
    """Judge all claims, in the order of their names; list of Finding.

    `seed` is the root of the bootstrap's random numbers. Each claim has a generator of its own, so
    that one claim more changes no other.
    """
    return [judge_one(CLAIMS[name], evidence, seed) for name in sorted(CLAIMS, key=_place)]


def _place(name):
    """Of C4, C4b, C10: in this order."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def judge_one(each: Claim, evidence: Evidence, seed: int) -> Finding:
    """Judge one claim, as :func:`judge` does; Finding."""
    generator = np.random.default_rng(
        np.random.SeedSequence(seed, spawn_key=(zlib.crc32(each.name.encode()),))
    )
    try:
        parts = list(each.parts(evidence))
    except NothingToJudge as reason:
        return Finding(each, OPEN, note=f"{reason}")
    if not parts:
        return Finding(each, OPEN, note="its premises never held")
    if min(part.sample.size for part in parts) < 2:
        return Finding(each, OPEN, note="a single trial says nothing about the spread over trials")
    if not all(np.isfinite(part.sample).all() for part in parts):
        return Finding(each, OPEN, note="the runs are too short for what is measured")
    judged = []
    for part in parts:
        interval = bootstrap([part.sample], generator)
        verdict = part.rule.decide(interval)
        middle = float(interquartile_mean(part.sample))
        needed = part.rule.needed(interval) if verdict == OPEN else None
        judged.append(Judged(part.label, part.rule, interval, middle, verdict, needed))
    verdicts = {part.verdict for part in judged}
    decisive, otherwise = (FAILS, HOLDS) if each.enough == "all" else (HOLDS, FAILS)
    verdict = next((found for found in (decisive, OPEN) if found in verdicts), otherwise)
    pooled = None
    if len(parts) > 1 and len({part.rule for part in parts}) == 1:
        pooled = bootstrap([part.sample for part in parts], generator)
    note = each.remark(judged) if each.remark is not None else ""
    return Finding(each, verdict, judged, pooled, note)
