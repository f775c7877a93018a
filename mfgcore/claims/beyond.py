"""What the paper does not say, and its claims rest on."""

from collections.abc import Iterable

from mfgcore.claims.evidence import Evidence
from mfgcore.claims.judging import Part, Rule, claim
from mfgcore.claims.measures import setback_advantage


@claim(
    "C4c",
    "silent; D17",
    "as C4, of the return, in ablations with 25 agents growing to 100, under both arrival rules",
)
def arrival_rule_decides(evidence: Evidence) -> Iterable[Part]:
    """C4 rests on what the paper does not say: arriving agents communicate before they learn. If
    they learn first, the networked population loses its advantage.
    """
    for name in ("arrivals", "arrivals_diffuse"):
        for rule, kind in (("after_learning", "above"), ("before_learning", "below")):
            sample = setback_advantage(evidence.ablation(name, rule))
            yield Part(f"{name}, {rule}", sample, Rule(kind, 0.1))
