"""What the paper says of its figures."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from mfgcore.study.claims.evidence import Evidence
from mfgcore.study.claims.judging import Part, Rule, claim
from mfgcore.study.claims.measures import (
    SETBACKS,
    before_increase,
    best_of_ten,
    end,
    final_mean,
    series,
    setback_advantage,
    slope_advantage,
    speed_advantage,
    time_advantage,
)
from mfgcore.study.claims.units import play, whole

Ways = Mapping[str, tuple[Callable[..., np.ndarray], Rule]]  # by name
FIGURES = tuple(f"fig{number}" for number in range(1, 7))
# "Faster" in three words of the paper's readers; the first decides.
FASTER: Ways = {
    "area": (speed_advantage, Rule("more", 0.04)),
    "time of 90 %": (time_advantage, Rule("more", 0.04)),
    "time of 50 %": (
        functools.partial(time_advantage, share=0.5),
        Rule("more", 0.04),
    ),
}
# ... and where nothing disturbs the learning
UNDISTURBED: Ways = {
    "area": FASTER["area"],
    "time of 90 %": FASTER["time of 90 %"],
    "steepest slope": (slope_advantage, Rule("more", 0.1)),
    "time from 10 to 90 %": (
        functools.partial(time_advantage, start=0.1),
        Rule("more", 0.04),
    ),
}
FASTER_WORDS = (
    "area between the two return curves until the first has done 90 % of its rise, as a share of "
    "that time and rise; time of 90 % and of 50 % of its own rise, as shares of the slower's"
)
UNDISTURBED_WORDS = (
    "area as in C1; time of 90 %, and from 10 to 90 %, of its own rise, as shares of the slower's; "
    "steepest rise over ten iterations, as a share of the steeper's"
)
LATER = {"ten iterations after": 10, "thirty iterations after": 30}


def _faster(evidence, other, names=("fig1", "fig2")):
    for way, (measure, rule) in FASTER.items():
        for name, dataset in evidence.figures(*names):
            sample = measure(dataset, "networked", other)
            yield Part(f"{name}, than {other}", sample, rule, way=way)


@claim("C1", "Sec. 4.2, Figures 1 and 2", "R", FASTER_WORDS, readings=("fig1", "fig2"))
def faster_than_centralised(evidence: Evidence) -> Iterator[Part]:
    """With half of the updates failing, the networked population learns faster than the
    centralised one.
    """
    return _faster(evidence, "centralised")


@claim("C2", "Sec. 4.2, Figures 1 and 2", "R", FASTER_WORDS, readings=("fig1", "fig2"))
def faster_than_independent(evidence: Evidence) -> Iterator[Part]:
    """With half of the updates failing, the networked population learns faster than the
    independent one.
    """
    return _faster(evidence, "independent")


@claim(
    "C3",
    "Sec. 4.2",
    "R",
    "return of the centralised population minus that of another: over the last tenth of the run; "
    "highest mean of ten iterations",
    readings=("fig1", "fig2", "fig3", "fig4"),
)
def centralised_ends_highest(evidence: Evidence) -> Iterator[Part]:
    """The centralised population ends with the highest return in each experiment."""
    for way, measure in (("end", end), ("best ten iterations", best_of_ten)):
        for name, dataset in evidence.figures(*FIGURES):
            for other in ("networked", "independent"):
                gap = measure(dataset, "centralised") - measure(dataset, other)
                yield Part(f"{name}, {other}", gap, Rule("not less", 0.2), "P", way)


@claim(
    "C4",
    "Sec. 4.2, Figures 3 and 4",
    "R",
    "setback of the independent population minus that of the networked one, ten or thirty "
    "iterations after the increase against ten before: of the return, and of the exact "
    "exploitability",
    readings=("fig3", "fig4"),
)
def steadier_under_growth(evidence: Evidence) -> Iterator[Part]:
    """When the population grows, return drops and exploitability rises far more for independent
    than for networked agents.
    """
    rule = Rule("beyond", 0.1, 0.1)
    for way, after in LATER.items():
        for name, dataset in evidence.figures("fig3", "fig4"):
            falling = setback_advantage(dataset, after=after)
            yield Part(f"{name}, return", falling, rule, "W", way)
            rising = setback_advantage(dataset, "exact_exploitability", -1.0, after)
            yield Part(f"{name}, exploitability", rising, rule, "W", way)


@claim("C4b", "Figures 3 and 4", "R", "as C4, of the sampled exploitability")
def sampled_exploitability_shows_it(evidence: Evidence) -> Iterator[Part]:
    """The sampled exploitability, which the paper plots, rises more for independent agents too."""
    for way, after in reversed(LATER.items()):
        for name, dataset in evidence.figures("fig3", "fig4"):
            sample = setback_advantage(dataset, "exploitability", -1.0, after)
            yield Part(name, sample, Rule("more", 0.04), "W", way)


def undisturbed(
    datasets: Sequence[tuple[str, xr.Dataset]], ways: Ways = UNDISTURBED
) -> Iterator[Part]:
    """Parts of how much faster networked agents are than independent ones, up to any increase.

    Parameters
    ----------
    datasets : list of (str, xarray.Dataset)
        With the labels of their parts.
    ways : dict
    """
    for way, (measure, rule) in ways.items():
        for name, dataset in datasets:
            sample = measure(before_increase(dataset), "networked", "independent")
            yield Part(name, sample, rule, way=way)


@claim("C5", "Sec. 4.2, Sec. 3.4", "R", UNDISTURBED_WORDS, readings=("fig3",))
def faster_undisturbed(evidence: Evidence) -> Iterator[Part]:
    """Without any disturbance, up to the increase in Figure 3, the networked population learns
    faster than the independent one.
    """
    return undisturbed(evidence.figures("fig3"))


@claim("C5c", "App. F.5", "R", UNDISTURBED_WORDS)
def faster_undisturbed_elsewhere(evidence: Evidence) -> Iterator[Part]:
    """So it does up to the increase in Figures 4 and 6."""
    return undisturbed(evidence.figures("fig4", "fig6"))


def _thirds(dataset, architecture):
    """Mean policy divergence in each third of the run; three of (n_trials,) float64."""
    values, _ = series(dataset, "policy_divergence", architecture)
    return [part.mean(axis=1) for part in np.array_split(values, 3, axis=1)]


@claim(
    "C6",
    "Sec. 4.2",
    "R",
    "independent: policy divergence in the last third of the run, of 2 at most; networked: its "
    "mean over the run as a share of the independent one's",
)
def policies_differ(evidence: Evidence) -> Iterator[Part]:
    """The policies of the independent population differ widely in every experiment; those of the
    networked one hardly differ.
    """
    for name, dataset in evidence.figures(*FIGURES):
        alone, together = _thirds(dataset, "independent"), _thirds(dataset, "networked")
        yield Part(f"{name}, independent", alone[-1], Rule("beyond", 0.1, 0.05))
        share = np.mean(together, axis=0) / np.mean(alone)
        yield Part(f"{name}, networked", share, Rule("below", 0.05, 0.05))


@claim(
    "C6b",
    "Sec. 4.2",
    "R",
    "policy divergence of the independent population: in the last third before any increase minus "
    "the first third; in the last third of the run minus the middle one",
)
def policies_diverge(evidence: Evidence) -> Iterator[Part]:
    """The divergence of the independent population increases in every experiment."""
    for name, dataset in evidence.figures(*FIGURES):
        first, _, last = _thirds(before_increase(dataset), "independent")
        yield Part(name, last - first, Rule("more", 0.05), way="until any increase")
    for name, dataset in evidence.figures(*FIGURES):
        _, middle, last = _thirds(dataset, "independent")
        yield Part(name, last - middle, Rule("more", 0.05), way="to the end")


@claim(
    "C7",
    "Table 1",
    "R",
    "share of the iterations at which all networked agents share one policy, Figures 1 to 6 pooled",
)
def rounds_are_enough(evidence: Evidence) -> Iterator[Part]:
    """300 communication rounds lead to one common policy at almost every iteration."""
    # of a share, what is left of one is what matters
    rule = Rule("beyond", 0.95, 0.05)
    agreed = {}
    for name, dataset in evidence.figures(*FIGURES):
        values, _ = series(dataset, "distinct_policies", "networked")
        agreed[name] = (values[:, 1:] == 1).mean(axis=1)  # at k = 0 nobody has communicated
    yield Part("all figures", tuple(agreed.values()), rule)
    yield Part("fig4", agreed["fig4"], rule, counted=False)


@claim(
    "C8",
    "App. F.5",
    "R",
    "as C1 and C2 in Figure 5; as C4, of the return, in Figure 6",
    readings=("fig5",),
)
def cluster_is_alike(evidence: Evidence) -> Iterator[Part]:
    """In the cluster game the architectures are ordered as in the others."""
    after = dict.fromkeys(FASTER, 10) | {"thirty iterations after": 30}
    for way, iterations in after.items():
        measure, rule = FASTER.get(way, FASTER["area"])
        for name, dataset in evidence.figures("fig5"):
            for other in ("centralised", "independent"):
                sample = measure(dataset, "networked", other)
                yield Part(f"{name}, than {other}", sample, rule, way=way)
        for name, dataset in evidence.figures("fig6"):
            sample = setback_advantage(dataset, after=iterations)
            yield Part(f"{name}, setback", sample, Rule("beyond", 0.1, 0.1), "W", way)


@claim(
    "C18",
    "App. F.3",
    "J",
    "exact exploitability at the end: of the joint policy, which below 0.1 W looks good, and of "
    "the individual ones minus that of the joint one, which above 0.2 P makes them bad; mean over "
    "agents, or of the worst agent",
    enough="one",
)
def individuals_are_exploitable(evidence: Evidence) -> Iterator[Part]:
    """The joint policy of the independent population looks good, but its individual policies may
    be exploitable.
    """
    for way in ("mean", "worst"):
        for name, dataset in evidence.figures(*FIGURES):
            joint, single = (
                final_mean(dataset, metric, "independent")
                for metric in ("exact_exploitability", f"{way}_individual_exploitability")
            )
            good, bad = joint / whole(dataset), (single - joint) / play(dataset)
            rules = Rule("below", 0.1, 0.1), Rule("beyond", 0.2, 0.2)
            yield Part(f"{name}, joint", good, rules[0], "W", f"{way} agent", name)
            yield Part(f"{name}, individual", bad, rules[1], "P", f"{way} agent", name)


@claim(
    "C18b",
    "App. F.3",
    "J",
    "exact return of the joint policy minus that of the individual ones at the end: mean over "
    "agents, or of the worst agent",
    enough="one",
)
def individuals_earn_little(evidence: Evidence) -> Iterator[Part]:
    """The individual policies of the independent population may bring a low return, were everybody
    to follow one of them.
    """
    for way in ("mean", "worst"):
        for name, dataset in evidence.figures(*FIGURES):
            joint = final_mean(dataset, "exact_return", "independent")
            single = final_mean(dataset, f"{way}_individual_return", "independent")
            lost = (joint - single) / play(dataset)
            yield Part(name, lost, Rule("beyond", 0.2, 0.2), "P", f"{way} agent")


@claim(
    "C19",
    "Abstract",
    "R",
    "setback of the centralised population minus that of the networked one, ten iterations after "
    "the increase against ten before: of the return; of the exact exploitability",
)
def steadier_than_centralised(evidence: Evidence) -> Iterator[Part]:
    """When the population grows, networked agents are set back less than centralised ones too."""
    for way, (metric, sign) in SETBACKS.items():
        for name, dataset in evidence.figures("fig3", "fig4"):
            sample = setback_advantage(dataset, metric, sign, other="centralised")
            yield Part(name, sample, Rule("more", 0.04), "W", way)


@claim(
    "C29",
    "App. C",
    "J",
    "Figure 4, networked, before the increase: share of the iterations within three or more in a "
    "row that leave several policies",
)
def pockets_do_not_last(evidence: Evidence) -> Iterator[Part]:
    """Pockets of agents that keep another policy are unlikely to last."""
    values, _ = series(
        before_increase(evidence.experiment("fig4")), "distinct_policies", "networked"
    )
    several = values[:, 1:] > 1  # at k = 0 nobody has communicated
    # three in a row, then all iterations that are in such a row
    rows = several[:, :-2] & several[:, 1:-1] & several[:, 2:]
    lasting = np.zeros_like(several)
    for offset in range(3):
        lasting[:, offset : offset + rows.shape[1]] |= rows
    yield Part("fig4", lasting.mean(axis=1), Rule("below", 0.05, 0.05))
