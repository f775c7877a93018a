"""Questions that a critical reading of the verdicts asked: post hoc, and not the paper's."""

from collections.abc import Iterator

import numpy as np

from mfgcore.study.claims.evidence import Evidence
from mfgcore.study.claims.figures import FIGURES, UNDISTURBED, UNDISTURBED_WORDS
from mfgcore.study.claims.judging import Effect, Rule, claim
from mfgcore.study.claims.measures import (
    before_change,
    check_learned,
    final_mean,
    final_return,
    rise_time,
)
from mfgcore.study.claims.normalisers import split

SOURCE = "Amendment 2"
OTHERS = ("centralised", "independent")


@claim(
    "X1",
    SOURCE,
    "X",
    "return of the networked population over the last tenth of the run minus that of another",
)
def networked_ends_as_high(evidence: Evidence) -> Iterator[Effect]:
    """The networked population ends with no lower return than each other."""
    for name, dataset in evidence.figures(*FIGURES):
        for other in OTHERS:
            more = final_return(dataset, "networked") - final_return(dataset, other)
            yield Effect(f"{name}, {other}", more, Rule("not less", 0.2), "split")


@claim(
    "X2",
    SOURCE,
    "X",
    "exact exploitability of another population over the last tenth of the run minus that of the "
    "networked one",
)
def networked_ends_no_more_exploitable(evidence: Evidence) -> Iterator[Effect]:
    """The networked population ends no more exploitable than each other."""
    for name, dataset in evidence.figures(*FIGURES):
        for other in OTHERS:
            gaps = [
                final_mean(dataset, "exact_exploitability", who) for who in (other, "networked")
            ]
            less = (gaps[0] - gaps[1]) / split(dataset)
            yield Effect(f"{name}, {other}", less, Rule("not less", 0.2), "split")


@claim("X3", SOURCE, "X", UNDISTURBED_WORDS)
def faster_than_centralised_undisturbed(evidence: Evidence) -> Iterator[Effect]:
    """Without any disturbance, up to the increase in Figures 3, 4 and 6, the networked population
    learns faster than the centralised one.
    """
    for estimand, (measure, rule) in UNDISTURBED.items():
        for name, dataset in evidence.figures("fig3", "fig4", "fig6"):
            sample = measure(before_change(dataset), "networked", "centralised")
            yield Effect(name, sample, rule, estimand=estimand)


@claim(
    "X4",
    SOURCE,
    "X",
    "absolute deviation over trials of the time of 90 % from its median, another population's "
    "minus the networked one's, as a share of the slower's mean time; seen in Figure 1 before",
)
def learning_time_varies_less(evidence: Evidence) -> Iterator[Effect]:
    """With half of the updates failing, the time until the networked population has learned varies
    less over trials than that of each other.
    """
    for name, dataset in evidence.figures("fig1", "fig2", "fig5"):
        for other in OTHERS:
            check_learned(dataset, "networked", other)
            times = [rise_time(dataset, who) for who in (other, "networked")]
            spread = [np.abs(time - np.median(time)) for time in times]
            steadier = (spread[0] - spread[1]) / max(time.mean() for time in times)
            yield Effect(f"{name}, {other}", steadier, Rule("more", 0.04))
