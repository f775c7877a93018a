"""The rules of docs/protocol.md: what an interval says of a claim, its parts and its ways."""

import zlib
from dataclasses import dataclass

import numpy as np

from mfgcore.statistics import Interval, bootstrap

HOLDS, FAILS, DEPENDS = "holds", "does not hold", "depends"
THRESHOLD, OPEN = "on the threshold", "not decided"
LEVEL = 0.95


@dataclass(frozen=True)
class Rule:
    """Decides by an interval of an effect, which is turned so that the claim says "more".

    Parameters
    ----------
    kind : {"more", "not less", "beyond"}
    threshold : float
        Of "beyond". Rule("more", m) and Rule("not less", m) have none.
    margin : float
        The smallest difference that matters.
    """

    kind: str
    threshold: float
    margin: float | None = None

    def __post_init__(self):
        if self.margin is None:
            object.__setattr__(self, "margin", self.threshold)
            object.__setattr__(self, "threshold", 0.0)

    def decide(self, interval):
        """Verdict for an :class:`~mfgcore.statistics.Interval`; str."""
        low, high = interval.low, interval.high
        if self.kind == "not less":
            opposite = Interval(-interval.estimate, -high, -low, interval.trials)
            found = Rule("more", self.margin).decide(opposite)
            return {HOLDS: FAILS, FAILS: HOLDS}.get(found, found)
        if self.kind == "beyond":
            if low > self.threshold:
                return HOLDS
            if high < self.threshold:
                return FAILS
            return THRESHOLD if high - low <= 2.0 * self.margin else OPEN
        if low > 0.0:
            return HOLDS if interval.estimate >= self.margin else THRESHOLD
        return FAILS if high < self.margin else OPEN

    def distance(self, effect):
        """By how many margins an effect is beyond what the rule asks for; float."""
        least = {"more": self.margin, "not less": -self.margin, "beyond": self.threshold}
        return (effect - least[self.kind]) / self.margin


def interval_of(sample, seed, label, level=LEVEL):
    """Interval of the mean of a sample, from random numbers of its own; Interval.

    They follow from the seed and the label, so that one sample more changes no other interval.
    """
    key = zlib.crc32(label.encode())
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))
    return bootstrap([sample], generator, level)


def each(samples, rules, seed, labels):
    """Verdict on a statement that speaks of each of several parts.

    It holds if all parts hold. It does not hold if one does not at a level that is corrected for
    their number.

    Returns
    -------
    verdict : str
    verdicts : list of str
        Of the parts.
    intervals : list of Interval
        At 95 %.
    """
    corrected = 1.0 - (1.0 - LEVEL) / len(samples)
    verdicts, intervals = [], []
    for sample, rule, label in zip(samples, rules, labels, strict=True):
        intervals.append(interval_of(sample, seed, label))
        verdict = rule.decide(intervals[-1])
        if verdict == FAILS and len(samples) > 1:
            verdict = rule.decide(interval_of(sample, seed, label, corrected))
        verdicts.append(verdict)
    verdict = next((found for found in (FAILS, OPEN, THRESHOLD) if found in verdicts), HOLDS)
    return verdict, verdicts, intervals


def among_ways(verdicts):
    """Verdict on a claim from those by several statistics, of which the first decides; str."""
    return DEPENDS if {HOLDS, FAILS} <= set(verdicts) else verdicts[0]
