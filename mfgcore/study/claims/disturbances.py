"""What the paper fears, hopes or claims of disturbances that its figures do not show."""

from collections.abc import Iterator

from mfgcore.study.claims.evidence import Evidence
from mfgcore.study.claims.judging import Part, Rule, claim
from mfgcore.study.claims.measures import AROUND, SETBACKS, change, end, gain, mean_between, paired
from mfgcore.study.claims.units import play


@claim(
    "C20",
    "App. F.3",
    "J",
    "fall of the return from ten iterations before the agents at one corner stop to the last ten, "
    "of the independent population minus that of the networked one; the same of the rise of the "
    "exact exploitability",
)
def a_lost_corner_hurts_independent_agents(evidence: Evidence) -> Iterator[Part]:
    """If the agents at one corner stop, independent agents, of which each knows its own corner
    only, lose more than networked ones.
    """
    for way, (metric, sign) in SETBACKS.items():
        for game in ("diffuse", "agree"):
            dataset = evidence.runs("corner", game)
            at, n = change(dataset), dataset.sizes["iteration"]
            falls = [
                mean_between(dataset, metric, architecture, at - AROUND + 1, at)
                - mean_between(dataset, metric, architecture, n - AROUND, n - 1)
                for architecture in ("independent", "networked")
            ]
            more = sign * (falls[0] - falls[1]) / play(dataset)
            yield Part(game, more, Rule("more", 0.2), "P", way, counted=game == "diffuse")


@claim(
    "C21",
    "Sec. 1, App. B",
    "R",
    "return of the networked population at the end minus that of the centralised one, after the "
    "central learner is lost",
)
def a_central_learner_is_a_single_point_of_failure(evidence: Evidence) -> Iterator[Part]:
    """If the central learner is lost, the centralised population ends far below the networked
    one.
    """
    for game in ("agree", "diffuse"):
        dataset = evidence.runs("learner", game)
        more = gain(dataset, "networked") - gain(dataset, "centralised")
        yield Part(game, more, Rule("beyond", 0.1, 0.1), "W")


@claim(
    "C23",
    "App. B",
    "J",
    "networked return of 200 agents that began as fewer minus that of 200 from the start: at the "
    "end; within ten iterations after the growth",
)
def a_large_population_can_grow_from_a_small_one(evidence: Evidence) -> Iterator[Part]:
    """A large population can be bootstrapped from a small one that has learned."""
    large = evidence.runs("bootstrap", "agree", "N=200")
    small = {
        agents: evidence.runs("bootstrap", "agree", agents) for agents in ("N=10", "N=25", "N=50")
    }
    rule = Rule("not less", 0.2)
    for agents, grown in small.items():
        difference = paired(end(grown, "networked"), end(large, "networked"))
        yield Part(agents, difference, rule, "P", "at the end")
    for agents, grown in small.items():
        at = change(grown)
        after = [
            mean_between(dataset, "discounted_return", "networked", at + 1, at + AROUND)
            / play(dataset)
            for dataset in (grown, large)
        ]
        yield Part(agents, paired(*after), rule, "P", "ten iterations after")
