"""Decision rules, verdicts and corrections of ``docs/protocol.md``, on intervals over trials."""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mfgcore._base.arguments import checked
from mfgcore._base.registry import Registry
from mfgcore.plotting.statistics import Interval, bootstrap, generator_of, interquartile_mean
from mfgcore.study.claims.evidence import Evidence, NothingToJudge

CLAIMS = Registry("claim")
HOLDS, FAILS, DEPENDS = "holds", "does not hold", "depends"
BORDERLINE, INCONCLUSIVE = "borderline", "inconclusive"
NOT_JUDGED = "not judged"  # its data are missing
OPPOSITE = {HOLDS: FAILS, FAILS: HOLDS}
KINDS = {
    "R": "result",
    "T": "theorem",
    "J": "conjecture",
    "P": "about a parameter",
    "H": "our own hypothesis",
    "X": "post hoc question",
}
LEVEL = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Rule:
    """Decision rule on the interval of an effect d.

    Parameters
    ----------
    kind : {"more", "not less", "beyond", "below", "equal", "differs", "always"}
        d > 0; d > -margin; d > threshold; d < threshold; abs(d) < margin; d > 0 or d < 0, by the
        margin; no violation, of a share of violations.
    margin : float
        Smallest effect size of interest.
    threshold : float
        Of "beyond" and "below".
    """

    kind: str
    margin: float = 0.0
    threshold: float = 0.0

    def decide(self, found: Interval) -> str:
        """Verdict for an :class:`~mfgcore.plotting.statistics.Interval`; str."""
        low, high, m = found.low, found.high, self.margin
        negative = dataclasses.replace(found, estimate=-found.estimate, low=-high, high=-low)
        if self.kind == "always":
            return FAILS if found.estimate > 0.0 else HOLDS
        if self.kind == "below":
            return Rule("beyond", m, -self.threshold).decide(negative)
        if self.kind == "not less":
            verdict = Rule("more", m).decide(negative)
            return OPPOSITE.get(verdict, verdict)
        if self.kind == "differs":
            verdicts = {Rule("more", m).decide(each) for each in (found, negative)}
            either = (each for each in (HOLDS, BORDERLINE, INCONCLUSIVE) if each in verdicts)
            return next(either, FAILS)
        if self.kind == "more":
            if low > 0.0:
                return HOLDS if found.estimate >= m else BORDERLINE
            return FAILS if high < m else INCONCLUSIVE
        if self.kind == "beyond":
            holds, fails = low > self.threshold, high < self.threshold
        else:
            holds, fails = -m < low and high < m, high < -m or low > m
        if holds or fails:
            return HOLDS if holds else FAILS
        return BORDERLINE if high - low <= 2.0 * m else INCONCLUSIVE

    def words(self, normaliser: str = "") -> str:
        """The rule as text."""
        number = self.threshold if self.kind in ("beyond", "below") else self.margin
        value = f"{number:g} {normaliser}".strip()
        return {
            "more": f"> 0, by {value}" if number else "> 0",
            "not less": f"not less by {value}" if number else "not less",
            "beyond": f"> {value}",
            "below": f"< {value}",
            "equal": f"within ±{value}",
            "differs": f"differs by {value}",
            "always": "never violated",
        }[self.kind]

    def in_margins(self, values: ArrayLike) -> np.ndarray:
        """Effects minus the threshold, in margins; as they are if the margin is 0."""
        return (np.asarray(values) - self.threshold) / (self.margin or 1.0)


@dataclass(frozen=True)
class Effect:
    """Effect of every trial of one experiment, and the rule that a claim sets for it.

    Parameters
    ----------
    label : str
    sample : (n_trials,) float64, or tuple of such
        Of a pool, a sample for each of its experiments.
    rule : Rule
    normaliser : {"", "gain", "split"}
        Unit of the effect and the rule (`normalisers`).
    estimand : str
        The statistic, where the paper's words allow several; the first one decides.
    group : str, optional
        Effects of one group must hold together, where one of several groups is enough.
    counted : bool
        Whether it takes part in the verdict, or is only reported.
    """

    label: str
    sample: np.ndarray | tuple[np.ndarray, ...]
    rule: Rule
    normaliser: str = ""
    estimand: str = ""
    group: str | None = None
    counted: bool = True

    @property
    def strata(self) -> tuple[np.ndarray, ...]:
        """The samples; tuple."""
        return self.sample if isinstance(self.sample, tuple) else (self.sample,)


Measure = Callable[[Evidence], Iterable[Effect]]


@dataclass(frozen=True)
class EffectResult:
    """Estimate and verdict of an effect.

    Parameters
    ----------
    effect : Effect
    interval : Interval
        At 95 %.
    interquartile_mean : float
    verdict : str
        At 95 %.
    corrected : str
        At the level corrected for the number of effects, where this one alone decides the claim.
    """

    effect: Effect
    interval: Interval
    interquartile_mean: float
    verdict: str
    corrected: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, or a hypothesis of our own.

    Parameters
    ----------
    name : str
    text, source, quantity : str
        The claim in a sentence, where the paper makes it, and what is measured.
    kind : str
        One of `KINDS`.
    measure : callable of Evidence
        Yields each :class:`Effect`, those of the deciding estimand first.
    enough : {"each", "one"}
        Whether every effect must hold, or one is enough.
    remark : callable of list of EffectResult, optional
        Returns a sentence on the results.
    figures : tuple of str
        Figures whose reduced versions are judged under other interpretations of the paper.
    check : bool
        Whether it is a consistency check, which could hardly come out another way.
    """

    name: str
    text: str
    source: str
    kind: str
    quantity: str
    measure: Measure
    enough: str = "each"
    remark: Callable[[Sequence[EffectResult]], str] | None = None
    figures: tuple[str, ...] = ()
    check: bool = False


@dataclass(frozen=True)
class ClaimResult:
    """Verdict on a claim.

    Parameters
    ----------
    claim : Claim
    verdict : str
        `HOLDS`, `FAILS`, `DEPENDS`, `BORDERLINE`, `INCONCLUSIVE` or `NOT_JUDGED`.
    effects : list of EffectResult
    estimands : dict of str to str
        Verdict of each estimand, the deciding one first.
    interpretations : dict of str to str
        Interpretations of the paper that reverse the verdict, with their verdicts.
    note : str
        Why nothing could be measured, or a remark.
    """

    claim: Claim
    verdict: str
    effects: list[EffectResult] = field(default_factory=list)
    estimands: dict[str, str] = field(default_factory=dict)
    interpretations: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def deciding(self) -> list[EffectResult]:
        """Results of the deciding estimand, with those that are only reported; list."""
        first = next(iter(self.estimands), "")
        return [result for result in self.effects if result.effect.estimand == first]


@checked
def claim(
    name: str, source: str, kind: str, quantity: str, **details: Any
) -> Callable[[Measure], Measure]:
    """Register a function as the measure of a claim; its docstring is the claim's text."""

    def decorate(function):
        text = " ".join(function.__doc__.split())
        CLAIMS.add(name, Claim(name, text, source, kind, quantity, function, **details))
        return function

    return decorate


def judge(evidence: Evidence, seed: int) -> list[ClaimResult]:
    """Judge all claims, in the order of their names.

    Parameters
    ----------
    evidence : Evidence
    seed : int
        Root of the bootstrap's random numbers. Each claim has a generator of its own, so that one
        claim more changes no other.

    Returns
    -------
    list of ClaimResult
    """
    return [judge_one(CLAIMS[name], evidence, seed) for name in sorted(CLAIMS, key=_order)]


def _order(name):
    """Sort key by which C4 < C4b < C10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def judge_one(each: Claim, evidence: Evidence, seed: int) -> ClaimResult:
    """Judge one claim, as :func:`judge` does; ClaimResult."""
    try:
        results = _estimate(each, each.measure(evidence), seed)
        if not results:
            return ClaimResult(each, INCONCLUSIVE, note="its premises never held")
        reversed_by = dict(_reversals(each, evidence, seed)) if each.figures else {}
    except NothingToJudge as reason:
        return ClaimResult(each, NOT_JUDGED, note=f"{reason}")
    estimands = {}
    for name in dict.fromkeys(result.effect.estimand for result in results):
        own = [result for result in results if result.effect.estimand == name]
        estimands[name] = _combine(own, each.enough)
    verdict = next(iter(estimands.values()))
    if reversed_by or {HOLDS, FAILS} <= set(estimands.values()):
        verdict = DEPENDS
    found = ClaimResult(each, verdict, results, estimands, reversed_by)
    if each.remark is not None:
        return dataclasses.replace(found, note=each.remark(found.deciding))
    return found


def _estimate(each, effects, seed):
    """Result of every effect, with the corrected level where it alone would decide; list."""
    generator = generator_of(seed, each.name)
    effects = list(effects)
    samples = [sample for effect in effects for sample in effect.strata]
    if samples and min(sample.size for sample in samples) < 2:
        raise NothingToJudge("a single trial says nothing about the spread over trials")
    if not all(np.isfinite(sample).all() for sample in samples):
        raise NothingToJudge("the runs are too short for what is measured")
    decisive = FAILS if each.enough == "each" else HOLDS
    results = []
    for effect in effects:
        interval = bootstrap(effect.strata, generator, LEVEL, RESAMPLES)
        verdict = corrected = effect.rule.decide(interval)
        n = len({_group(e) for e in effects if e.estimand == effect.estimand and e.counted})
        if verdict == decisive and n > 1:
            # Bonferroni; as many resamples in the tails as at 95 %
            level = 1.0 - (1.0 - LEVEL) / n
            corrected = effect.rule.decide(
                bootstrap(effect.strata, generator, level, n * RESAMPLES)
            )
        middle = float(np.mean([interquartile_mean(sample) for sample in effect.strata]))
        results.append(EffectResult(effect, interval, middle, verdict, corrected))
    return results


def _group(effect):
    return effect.label if effect.group is None else effect.group


def _worst(verdicts):
    """The verdict where all must hold."""
    return next((each for each in (FAILS, INCONCLUSIVE, BORDERLINE) if each in verdicts), HOLDS)


def by_group(results: Iterable[EffectResult]) -> list[tuple[str, str]]:
    """Verdict of each group of effects, at 95 %, and corrected; list of (str, str)."""
    groups: dict[str, list[EffectResult]] = {}
    for result in results:
        if result.effect.counted:
            groups.setdefault(_group(result.effect), []).append(result)
    return [
        (_worst([each.verdict for each in own]), _worst([each.corrected for each in own]))
        for own in groups.values()
    ]


def _combine(results, enough):
    """Verdict of one estimand; a single effect decides only at the corrected level."""
    decisive, otherwise = (FAILS, HOLDS) if enough == "each" else (HOLDS, FAILS)
    verdicts = [
        corrected if verdict == decisive else verdict for verdict, corrected in by_group(results)
    ]
    order = decisive, INCONCLUSIVE, BORDERLINE
    return next((each for each in order if each in verdicts), otherwise)


def _reversals(each, evidence, seed):
    """Interpretations under which the claim holds where it fails under the baseline, or back."""

    def deciding(found):
        """Effects of the deciding estimand; the reduced versions can be too short for others."""
        effects: list[Effect] = []
        with contextlib.suppress(NothingToJudge):
            for effect in each.measure(found):
                if effects and effect.estimand != effects[0].estimand:
                    break
                effects.append(effect)
        return effects

    def verdict(effects):
        try:
            return _combine(_estimate(each, effects, seed), each.enough)
        except NothingToJudge:
            return NOT_JUDGED

    for interpretation, baseline, other in evidence.interpretations(each.figures):
        under_baseline, under_other = deciding(baseline), deciding(other)
        if [effect.label for effect in under_baseline] != [effect.label for effect in under_other]:
            continue  # in some figure there is nothing to judge
        after = verdict(under_other)
        if OPPOSITE.get(verdict(under_baseline)) == after:
            yield interpretation, after
