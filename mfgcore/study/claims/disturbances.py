"""Claims about disturbances that the paper's figures do not show."""

from collections.abc import Iterator

from mfgcore.study.claims.evidence import Evidence
from mfgcore.study.claims.judging import Effect, Rule, claim
from mfgcore.study.claims.measures import (
    DROPS,
    WINDOW,
    final_return,
    last_before_change,
    mean_between,
    paired,
    rise,
)
from mfgcore.study.claims.normalisers import split


@claim(
    "C20",
    "App. F.3",
    "J",
    "fall of the return from ten iterations before the agents at one corner stop to the last ten, "
    "of the independent population minus that of the networked one; the same of the rise of the "
    "exact exploitability",
)
def a_lost_corner_hurts_independent_agents(evidence: Evidence) -> Iterator[Effect]:
    """If the agents at one corner stop, independent agents, of which each knows its own corner
    only, lose more than networked ones.
    """
    for estimand, (metric, sign) in DROPS.items():
        for game in ("diffuse", "agree"):
            dataset = evidence.runs("corner", game)
            at, n = last_before_change(dataset), dataset.sizes["iteration"]
            falls = [
                mean_between(dataset, metric, architecture, at - WINDOW + 1, at)
                - mean_between(dataset, metric, architecture, n - WINDOW, n - 1)
                for architecture in ("independent", "networked")
            ]
            more = sign * (falls[0] - falls[1]) / split(dataset)
            yield Effect(
                game, more, Rule("more", 0.2), "split", estimand, counted=game == "diffuse"
            )


@claim(
    "C21",
    "Sec. 1, App. B",
    "R",
    "return of the networked population at the end minus that of the centralised one, after the "
    "central learner is lost, early in the rise",
    check=True,
)
def a_central_learner_is_a_single_point_of_failure(evidence: Evidence) -> Iterator[Effect]:
    """If the central learner is lost, the centralised population ends far below the networked
    one.
    """
    for game in ("agree", "diffuse"):
        dataset = evidence.runs("learner", game)
        more = rise(dataset, "networked") - rise(dataset, "centralised")
        yield Effect(game, more, Rule("beyond", 0.1, threshold=0.1), "gain")


@claim(
    "C23",
    "App. B",
    "J",
    "networked return of 200 agents that began as fewer minus that of 200 from the start: at the "
    "end; within ten iterations after the growth",
)
def a_large_population_can_grow_from_a_small_one(evidence: Evidence) -> Iterator[Effect]:
    """A large population can be bootstrapped from a small one that has learned."""
    large = evidence.runs("bootstrap", "agree", "N=200")
    small = {
        agents: evidence.runs("bootstrap", "agree", agents) for agents in ("N=10", "N=25", "N=50")
    }
    rule = Rule("not less", 0.2)
    for agents, grown in small.items():
        difference = paired(final_return(grown, "networked"), final_return(large, "networked"))
        yield Effect(agents, difference, rule, "split", "at the end")
    for agents, grown in small.items():
        at = last_before_change(grown)
        after = [
            mean_between(dataset, "discounted_return", "networked", at + 1, at + WINDOW)
            / split(dataset)
            for dataset in (grown, large)
        ]
        yield Effect(agents, paired(*after), rule, "split", "ten iterations after")
