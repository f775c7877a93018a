"""How a claim is decided: by a rule for each of its parts, from intervals over trials.

The rules, verdicts and corrections are those of ``docs/protocol.md``.
"""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mfgcore._base.arguments import checked, explained
from mfgcore._base.registry import Registry
from mfgcore.plotting.statistics import Interval, bootstrap, generator_of, interquartile_mean
from mfgcore.study.claims.evidence import Evidence, NothingToJudge

CLAIMS = Registry("claim")
HOLDS, FAILS, DEPENDS = "holds", "does not hold", "depends"
THRESHOLD, OPEN = "on the threshold", "not decided"
NOT_JUDGED = "not judged"  # no verdict: its data are not there
OPPOSITE = {HOLDS: FAILS, FAILS: HOLDS}
KINDS = {
    "R": "result",
    "T": "theorem",
    "J": "conjecture",
    "P": "about a parameter",
    "H": "our own hypothesis",
}
LEVEL = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Rule:
    """Decides by an interval of an effect d.

    Parameters
    ----------
    kind : {"more", "not less", "beyond", "below", "equal", "differs", "always"}
        d > 0; nothing beats it by what matters; d > t; d < t; -m < d < m; d < -m or d > m; of a
        share of violations, that there is none.
    number : float
        The smallest difference that matters, m; of "beyond" and "below" the number t.
    width : float
        Of these two: m.
    """

    kind: str
    number: float = 0.0
    width: float = 0.0

    @property
    def threshold(self) -> float:
        """What the effect is compared with."""
        return self.number if self.kind in ("beyond", "below") else 0.0

    @property
    def margin(self) -> float:
        """The smallest difference that matters, m."""
        return self.width if self.kind in ("beyond", "below") else self.number

    def decide(self, found: Interval) -> str:
        """Verdict for an :class:`~mfgcore.plotting.statistics.Interval`; str."""
        low, high, m = found.low, found.high, self.margin
        if self.kind in ("not less", "differs"):  # the opposite of another rule
            reverse = self.kind == "not less"
            verdict = Rule("more" if reverse else "equal", m).decide(
                _negative(found) if reverse else found
            )
            return OPPOSITE.get(verdict, verdict)
        if self.kind == "below":
            return Rule("beyond", -self.threshold, m).decide(_negative(found))
        if self.kind == "always":
            return FAILS if found.estimate > 0.0 else HOLDS
        if self.kind == "more":
            if low > 0.0:
                return HOLDS if found.estimate >= m else THRESHOLD
            return FAILS if high < m else OPEN
        if self.kind == "beyond":
            holds, fails = low > self.threshold, high < self.threshold
        else:
            holds, fails = -m < low and high < m, high < -m or low > m
        if holds or fails:
            return HOLDS if holds else FAILS
        return THRESHOLD if high - low <= 2.0 * m else OPEN

    def words(self, unit: str = "") -> str:
        """The rule as text."""
        value = f"{self.number:g} {unit}".strip()
        return {
            "more": f"> 0, by {value}" if self.number else "> 0",
            "not less": f"not less by {value}",
            "beyond": f"> {value}",
            "below": f"< {value}",
            "equal": f"within ±{value}",
            "differs": f"differs by {value}",
            "always": "never violated",
        }[self.kind]

    def in_margins(self, values: ArrayLike) -> np.ndarray:
        """Effects with the threshold at 0 and the margin at 1; where there is none, as they are."""
        return (np.asarray(values) - self.threshold) / (self.margin or 1.0)


def _negative(found):
    return dataclasses.replace(found, estimate=-found.estimate, low=-found.high, high=-found.low)


@dataclass(frozen=True)
class Part:
    """What a claim says of one experiment.

    Parameters
    ----------
    label : str
    sample : (n_trials,) float64, or tuple of such
        The effect of every trial; of a pool, a sample for each of its experiments.
    rule : Rule
    unit : {"", "P", "W"}
        Of the effect and the rule (:mod:`mfgcore.study.claims.units`).
    way : str
        The statistic that it is, where the paper's words allow several; the first one decides.
    group : str, optional
        Parts of one group must hold together, where one of several groups is enough.
    counted : bool
        Whether it takes part in the verdict, or is only reported.
    """

    label: str
    sample: np.ndarray | tuple[np.ndarray, ...]
    rule: Rule
    unit: str = ""
    way: str = ""
    group: str | None = None
    counted: bool = True

    @property
    def strata(self) -> tuple[np.ndarray, ...]:
        """The samples; tuple."""
        return self.sample if isinstance(self.sample, tuple) else (self.sample,)


Measure = Callable[[Evidence], Iterable[Part]]  # what a claim measures


@dataclass(frozen=True)
class Judged:
    """A part with its interval and verdict.

    Parameters
    ----------
    part : Part
    interval : Interval
        At 95 %.
    interquartile_mean : float
    verdict : str
        At 95 %.
    corrected : str
        What it is where one such part alone decides the claim: at a level for all of them.
    """

    part: Part
    interval: Interval
    interquartile_mean: float
    verdict: str
    corrected: str


@dataclass(frozen=True)
class Claim:
    """One claim.

    Parameters
    ----------
    name : str
    text, source, quantity : str
        The claim in a sentence, where the paper makes it, and what is measured.
    kind : str
        One of `KINDS`.
    parts : callable of Evidence
        Yields each :class:`Part`, the deciding way first.
    enough : {"each", "one"}
        Whether every part must hold, or one is enough.
    remark : callable of list of Judged, optional
        Returns a sentence on what was found.
    readings : tuple of str
        Experiments whose smaller versions are judged under other readings of the paper.
    """

    name: str
    text: str
    source: str
    kind: str
    quantity: str
    parts: Measure
    enough: str = "each"
    remark: Callable[[Sequence[Judged]], str] | None = None
    readings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A claim, judged.

    Parameters
    ----------
    claim : Claim
    verdict : str
        `HOLDS`, `FAILS`, `DEPENDS`, `THRESHOLD`, `OPEN`; or
        `NOT_JUDGED`, which is none.
    parts : list of Judged
    ways : dict of str to str
        Verdict of each way, the deciding one first.
    readings : dict of str to str
        Readings of the paper that turn the verdict, and into what.
    note : str
        Why nothing could be measured, or what else was found.
    """

    claim: Claim
    verdict: str
    parts: list[Judged] = field(default_factory=list)
    ways: dict[str, str] = field(default_factory=dict)
    readings: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def deciding(self) -> list[Judged]:
        """The parts of the way that decides, with those that are only reported; list."""
        first = next(iter(self.ways), "")
        return [judged for judged in self.parts if judged.part.way == first]


@checked
def claim(
    name: str, source: str, kind: str, quantity: str, **details: Any
) -> Callable[[Measure], Measure]:
    """Make a function known as the one that measures a claim; its docstring is the claim."""

    def decorate(function):
        text = " ".join(function.__doc__.split())
        CLAIMS.add(name, Claim(name, text, source, kind, quantity, function, **details))
        return function

    return decorate


@checked
def judge(evidence: Evidence, seed: int) -> list[Finding]:
    """Judge all claims, in the order of their names; list of Finding.

    `seed` is the root of the bootstrap's random numbers. Each claim has a generator of its own, so
    that one claim more changes no other.
    """
    return [judge_one(CLAIMS[name], evidence, seed) for name in sorted(CLAIMS, key=_place)]


def _place(name):
    """Of C4, C4b, C10: in this order."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@checked
def judge_one(each: Claim, evidence: Evidence, seed: int) -> Finding:
    """Judge one claim, as :func:`judge` does; Finding."""
    try:
        judged = _judged(each, each.parts(evidence), seed)
        if not judged:
            return Finding(each, OPEN, note="its premises never held")
        turned = _turned(each, evidence, seed) if each.readings else {}
    except NothingToJudge as reason:
        return Finding(each, NOT_JUDGED, note=f"{reason}")
    ways = {}
    for way in dict.fromkeys(found.part.way for found in judged):
        ways[way] = _combined([found for found in judged if found.part.way == way], each.enough)
    verdict = next(iter(ways.values()))
    if turned or {HOLDS, FAILS} <= set(ways.values()):
        verdict = DEPENDS
    finding = Finding(each, verdict, judged, ways, turned)
    if each.remark is not None:
        return dataclasses.replace(finding, note=each.remark(finding.deciding))
    return finding


def _judged(each, parts, seed):
    """Every part with its interval, also at the corrected level where it needs that; list."""
    generator = generator_of(seed, each.name)
    parts = list(parts)
    samples = [sample for part in parts for sample in part.strata]
    if samples and min(sample.size for sample in samples) < 2:
        raise NothingToJudge("a single trial says nothing about the spread over trials")
    if not all(np.isfinite(sample).all() for sample in samples):
        raise NothingToJudge("the runs are too short for what is measured")
    decisive = FAILS if each.enough == "each" else HOLDS
    judged = []
    for part in parts:
        interval = bootstrap(part.strata, generator, LEVEL, RESAMPLES)
        verdict = corrected = part.rule.decide(interval)
        rivals = {_group(other) for other in parts if other.way == part.way and other.counted}
        n = len(rivals)
        if verdict == decisive and n > 1:
            # Bonferroni; as many resamples in the tails as at 95 %
            level = 1.0 - (1.0 - LEVEL) / n
            corrected = part.rule.decide(bootstrap(part.strata, generator, level, n * RESAMPLES))
        middle = float(np.mean([interquartile_mean(sample) for sample in part.strata]))
        judged.append(Judged(part, interval, middle, verdict, corrected))
    return judged


def _group(part):
    return part.label if part.group is None else part.group


def _together(verdicts):
    """The verdict where all must hold."""
    return next((found for found in (FAILS, OPEN, THRESHOLD) if found in verdicts), HOLDS)


@explained
def by_group(judged: Iterable[Judged]) -> list[tuple[str, str]]:
    """Verdict of each group of parts, at 95 %, and corrected; list of (str, str)."""
    groups: dict[str, list[Judged]] = {}
    for found in judged:
        if found.part.counted:
            groups.setdefault(_group(found.part), []).append(found)
    return [
        (_together([f.verdict for f in found]), _together([f.corrected for f in found]))
        for found in groups.values()
    ]


def _combined(judged, enough):
    """Verdict of the parts of one way; one part alone decides only at the corrected level."""
    decisive, otherwise = (FAILS, HOLDS) if enough == "each" else (HOLDS, FAILS)
    verdicts = [
        corrected if verdict == decisive else verdict for verdict, corrected in by_group(judged)
    ]
    return next((found for found in (decisive, OPEN, THRESHOLD) if found in verdicts), otherwise)


def _turned(each, evidence, seed):
    """Readings under which the claim holds where it does not under ours, or back; dict."""

    def deciding(found):
        """Parts of the way that decides; the smaller versions can be too short for others."""
        parts = []
        with contextlib.suppress(NothingToJudge):
            for part in each.parts(found):
                if parts and part.way != parts[0].way:
                    break
                parts.append(part)
        return parts

    def verdict(parts):
        try:
            return _combined(_judged(each, parts, seed), each.enough)
        except NothingToJudge:
            return NOT_JUDGED

    turned = {}
    for reading, ours, other in evidence.readings(each.readings):
        under_ours, under_other = deciding(ours), deciding(other)
        if [part.label for part in under_ours] != [part.label for part in under_other]:
            continue  # in some figure there is nothing to judge
        after = verdict(under_other)
        if OPPOSITE.get(verdict(under_ours)) == after:
            turned[reading] = after
    return turned
