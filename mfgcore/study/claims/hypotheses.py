"""Our own hypotheses about what the paper leaves open."""

from collections.abc import Iterator

from mfgcore.study.claims.evidence import BASELINE, INTERPRETATIONS, Evidence
from mfgcore.study.claims.figures import UNDISTURBED
from mfgcore.study.claims.judging import Effect, Rule, claim
from mfgcore.study.claims.measures import before_change, drop_difference


@claim(
    "H1",
    "silent; D17",
    "H",
    "as C4, of the return, with 25 agents growing to 100 under both arrival rules; diffuse is "
    "reported",
)
def arrival_rule_decides(evidence: Evidence) -> Iterator[Effect]:
    """C4 rests on what the paper does not say: arriving agents communicate before they learn. If
    they learn first, the networked population loses its advantage in agree.
    """
    for game in ("agree", "diffuse"):
        for arrivals, kind in (("after_learning", "beyond"), ("before_learning", "below")):
            sample = drop_difference(evidence.runs("arrivals", game, arrivals))
            rule = Rule(kind, 0.1, threshold=0.1)
            yield Effect(f"{game}, {arrivals}", sample, rule, "gain", counted=game == "agree")


@claim(
    "H2",
    "D24",
    "H",
    "as C5, the area, in smaller versions of Figures 3 and 4, under four scores",
)
def score_decides(evidence: Evidence) -> Iterator[Effect]:
    """C5 follows the score: it holds under a random score, the highest return and the softmax of
    returns, and does not under the paper's.
    """
    measure, rule = UNDISTURBED["area"]
    for game in ("agree", "diffuse"):
        for setting in (
            "D24 random score",
            "D24 highest return",
            "D24 softmax of returns",
            BASELINE,
        ):
            dataset = before_change(evidence.runs(INTERPRETATIONS, f"{game}, growing", setting))
            faster = measure(dataset, "networked", "independent")
            label = f"{game}, {setting}"
            if setting == BASELINE:  # that C5 does not hold: the opposite of "more"
                yield Effect(f"{label}: not faster", -faster, Rule("not less", rule.margin))
            else:
                yield Effect(label, faster, rule)
