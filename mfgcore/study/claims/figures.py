"""Claims about the paper's figures."""

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from mfgcore.study.claims.evidence import Evidence
from mfgcore.study.claims.judging import Effect, Rule, claim
from mfgcore.study.claims.measures import (
    DROPS,
    before_change,
    best_window,
    drop_difference,
    final_mean,
    final_return,
    series,
    slope_advantage,
    speed_advantage,
    time_advantage,
)
from mfgcore.study.claims.normalisers import gain, split

Estimands = Mapping[str, tuple[Callable[..., np.ndarray], Rule]]  # by name
FIGURES = tuple(f"fig{number}" for number in range(1, 7))
# estimands of "learns faster"; the first one decides
FASTER: Estimands = {
    "area": (speed_advantage, Rule("more", 0.04)),
    "time of 90 %": (time_advantage, Rule("more", 0.04)),
    "time of 50 %": (functools.partial(time_advantage, share=0.5), Rule("more", 0.04)),
}
# ... where nothing disturbs the learning
UNDISTURBED: Estimands = {
    "area": FASTER["area"],
    "time of 90 %": FASTER["time of 90 %"],
    "steepest slope": (slope_advantage, Rule("more", 0.1)),
    "time from 10 to 90 %": (functools.partial(time_advantage, start=0.1), Rule("more", 0.04)),
}
FASTER_WORDS = (
    "area between the two return curves until the first has done 90 % of its rise, as a share of "
    "that time and rise; time of 90 % and of 50 % of its own rise, as shares of the slower's"
)
UNDISTURBED_WORDS = (
    "area as in C1; time of 90 %, and from 10 to 90 %, of its own rise, as shares of the slower's; "
    "steepest rise over ten iterations, as a share of the steeper's"
)
NOT_SPEED = (
    "the area alone measures speed over the time of learning; the time of 90 % is that of the "
    "first touch, which fluctuations bring forward; the steepest slope is greater where agents "
    "rise in unison; the time from 10 to 90 % rewards a late start"
)
LATER = {"ten iterations after": 10, "thirty iterations after": 30}


def _faster(datasets, other):
    for estimand, (measure, rule) in FASTER.items():
        for name, dataset in datasets:
            sample = measure(dataset, "networked", other)
            yield Effect(f"{name}, than {other}", sample, rule, estimand=estimand)


@claim("C1", "Sec. 4.2, Figures 1 and 2", "R", FASTER_WORDS, figures=("fig1", "fig2"))
def faster_than_centralised(evidence: Evidence) -> Iterator[Effect]:
    """With half of the updates failing, the networked population learns faster than the
    centralised one.
    """
    return _faster(evidence.figures("fig1", "fig2"), "centralised")


@claim("C2", "Sec. 4.2, Figures 1 and 2", "R", FASTER_WORDS, figures=("fig1", "fig2"))
def faster_than_independent(evidence: Evidence) -> Iterator[Effect]:
    """With half of the updates failing, the networked population learns faster than the
    independent one.
    """
    return _faster(evidence.figures("fig1", "fig2"), "independent")


@claim(
    "C3",
    "Sec. 4.2",
    "R",
    "return of the centralised population minus that of another: over the last tenth of the run; "
    "highest mean of ten iterations",
    figures=("fig1", "fig2", "fig3", "fig4"),
)
def centralised_ends_highest(evidence: Evidence) -> Iterator[Effect]:
    """The centralised population ends with the highest return in each experiment."""
    for estimand, measure in (("end", final_return), ("best ten iterations", best_window)):
        for name, dataset in evidence.figures(*FIGURES):
            for other in ("networked", "independent"):
                gap = measure(dataset, "centralised") - measure(dataset, other)
                yield Effect(f"{name}, {other}", gap, Rule("not less", 0.2), "split", estimand)


@claim(
    "C4",
    "Sec. 4.2, Figures 3 and 4",
    "R",
    "performance drop of the independent population minus that of the networked one, ten or thirty "
    "iterations after the increase against ten before: of the return, and of the exact "
    "exploitability",
    figures=("fig3", "fig4"),
)
def steadier_under_growth(evidence: Evidence) -> Iterator[Effect]:
    """When the population grows, return drops and exploitability rises far more for independent
    than for networked agents.
    """
    rule = Rule("beyond", 0.1, threshold=0.1)
    for estimand, after in LATER.items():
        for name, dataset in evidence.figures("fig3", "fig4"):
            falling = drop_difference(dataset, after=after)
            yield Effect(f"{name}, return", falling, rule, "gain", estimand)
            rising = drop_difference(dataset, "exact_exploitability", -1.0, after)
            yield Effect(f"{name}, exploitability", rising, rule, "gain", estimand)


@claim("C4b", "Figures 3 and 4", "R", "as C4, of the sampled exploitability")
def sampled_exploitability_shows_it(evidence: Evidence) -> Iterator[Effect]:
    """The sampled exploitability, which the paper plots, rises more for independent agents too."""
    for estimand, after in reversed(LATER.items()):
        for name, dataset in evidence.figures("fig3", "fig4"):
            sample = drop_difference(dataset, "exploitability", -1.0, after)
            yield Effect(name, sample, Rule("more", 0.04), "gain", estimand)


def _faster_undisturbed(datasets):
    """Effects on speed up to any increase of the population."""
    for estimand, (measure, rule) in UNDISTURBED.items():
        for name, dataset in datasets:
            sample = measure(before_change(dataset), "networked", "independent")
            yield Effect(name, sample, rule, estimand=estimand)


@claim(
    "C5",
    "Sec. 4.2, Sec. 3.4",
    "R",
    UNDISTURBED_WORDS,
    remark=lambda _: NOT_SPEED,
    figures=("fig3",),
)
def faster_undisturbed(evidence: Evidence) -> Iterator[Effect]:
    """Without any disturbance, up to the increase in Figure 3, the networked population learns
    faster than the independent one.
    """
    return _faster_undisturbed(evidence.figures("fig3"))


@claim("C5c", "App. F.5", "R", UNDISTURBED_WORDS)
def faster_undisturbed_elsewhere(evidence: Evidence) -> Iterator[Effect]:
    """So it does up to the increase in Figures 4 and 6."""
    return _faster_undisturbed(evidence.figures("fig4", "fig6"))


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
def policies_differ(evidence: Evidence) -> Iterator[Effect]:
    """The policies of the independent population differ widely in every experiment; those of the
    networked one hardly differ.
    """
    for name, dataset in evidence.figures(*FIGURES):
        alone, together = _thirds(dataset, "independent"), _thirds(dataset, "networked")
        yield Effect(f"{name}, independent", alone[-1], Rule("beyond", 0.05, threshold=0.1))
        share = np.mean(together, axis=0) / np.mean(alone)
        yield Effect(f"{name}, networked", share, Rule("below", 0.05, threshold=0.05))


@claim(
    "C6b",
    "Sec. 4.2",
    "R",
    "policy divergence of the independent population: in the last third before any increase minus "
    "the first third; in the last third of the run minus the middle one",
    check=True,
)
def policies_diverge(evidence: Evidence) -> Iterator[Effect]:
    """The divergence of the independent population increases in every experiment."""
    for name, dataset in evidence.figures(*FIGURES):
        first, _, last = _thirds(before_change(dataset), "independent")
        yield Effect(name, last - first, Rule("more", 0.05), estimand="until any increase")
    for name, dataset in evidence.figures(*FIGURES):
        _, middle, last = _thirds(dataset, "independent")
        yield Effect(name, last - middle, Rule("more", 0.05), estimand="to the end")


@claim(
    "C7",
    "Table 1",
    "R",
    "share of the iterations at which all networked agents share one policy, Figures 1 to 6 pooled",
)
def rounds_are_enough(evidence: Evidence) -> Iterator[Effect]:
    """300 communication rounds lead to one common policy at almost every iteration."""
    # of a share, what is left of one is what matters
    rule = Rule("beyond", 0.05, threshold=0.95)
    agreed = {}
    for name, dataset in evidence.figures(*FIGURES):
        values, _ = series(dataset, "distinct_policies", "networked")
        agreed[name] = (values[:, 1:] == 1).mean(axis=1)  # at k = 0 nobody has communicated
    yield Effect("all figures", tuple(agreed.values()), rule)
    yield Effect("fig4", agreed["fig4"], rule, counted=False)


@claim(
    "C8",
    "App. F.5",
    "R",
    "as C1 and C2 in Figure 5; as C4, of the return, in Figure 6; an estimand is a measure of "
    "speed and a window of the drop",
    figures=("fig5",),
)
def cluster_is_alike(evidence: Evidence) -> Iterator[Effect]:
    """In the cluster game the architectures are ordered as in the others."""
    first, last = LATER.items()
    pairs = [*((speed, first) for speed in FASTER), ("area", last)]
    for speed, (later, iterations) in pairs:
        measure, rule = FASTER[speed]
        estimand = f"{speed}, {later}"
        for name, dataset in evidence.figures("fig5"):
            for other in ("centralised", "independent"):
                sample = measure(dataset, "networked", other)
                yield Effect(f"{name}, than {other}", sample, rule, estimand=estimand)
        for name, dataset in evidence.figures("fig6"):
            sample = drop_difference(dataset, after=iterations)
            yield Effect(
                f"{name}, drop", sample, Rule("beyond", 0.1, threshold=0.1), "gain", estimand
            )


@claim(
    "C18",
    "App. F.3",
    "J",
    "exact exploitability at the end: of the joint policy, which below 0.1 of the gain looks good, "
    "and of the individual ones minus that of the joint one, which above 0.2 of the split makes "
    "them bad; mean over agents, or of the worst agent",
    enough="one",
)
def individuals_are_exploitable(evidence: Evidence) -> Iterator[Effect]:
    """The joint policy of the independent population looks good, but its individual policies may
    be exploitable.
    """
    for estimand in ("mean", "worst"):
        for name, dataset in evidence.figures(*FIGURES):
            joint, single = (
                final_mean(dataset, metric, "independent")
                for metric in ("exact_exploitability", f"{estimand}_individual_exploitability")
            )
            good, bad = joint / gain(dataset), (single - joint) / split(dataset)
            rules = Rule("below", 0.1, threshold=0.1), Rule("beyond", 0.2, threshold=0.2)
            yield Effect(f"{name}, joint", good, rules[0], "gain", f"{estimand} agent", name)
            yield Effect(f"{name}, individual", bad, rules[1], "split", f"{estimand} agent", name)


@claim(
    "C18b",
    "App. F.3",
    "J",
    "exact return of the joint policy minus that of the individual ones at the end: mean over "
    "agents, or of the worst agent",
    enough="one",
)
def individuals_earn_little(evidence: Evidence) -> Iterator[Effect]:
    """The individual policies of the independent population may bring a low return, were everybody
    to follow one of them.
    """
    for estimand in ("mean", "worst"):
        for name, dataset in evidence.figures(*FIGURES):
            joint = final_mean(dataset, "exact_return", "independent")
            single = final_mean(dataset, f"{estimand}_individual_return", "independent")
            lost = (joint - single) / split(dataset)
            yield Effect(
                name, lost, Rule("beyond", 0.2, threshold=0.2), "split", f"{estimand} agent"
            )


@claim(
    "C19",
    "Abstract",
    "R",
    "performance drop of the centralised population minus that of the networked one, ten "
    "iterations after the increase against ten before: of the return; of the exact exploitability",
)
def steadier_than_centralised(evidence: Evidence) -> Iterator[Effect]:
    """When the population grows, networked agents are set back less than centralised ones too."""
    for estimand, (metric, sign) in DROPS.items():
        for name, dataset in evidence.figures("fig3", "fig4"):
            sample = drop_difference(dataset, metric, sign, other="centralised")
            yield Effect(name, sample, Rule("more", 0.04), "gain", estimand)


@claim(
    "C29",
    "App. C",
    "J",
    "Figure 4, networked, before the increase: share of the iterations within three or more in a "
    "row that leave several policies",
)
def pockets_do_not_last(evidence: Evidence) -> Iterator[Effect]:
    """Pockets of agents that keep another policy are unlikely to last."""
    values, _ = series(before_change(evidence.experiment("fig4")), "distinct_policies", "networked")
    several = values[:, 1:] > 1  # at k = 0 nobody has communicated
    # three in a row, then all iterations that are in such a row
    rows = several[:, :-2] & several[:, 1:-1] & several[:, 2:]
    lasting = np.zeros_like(several)
    for offset in range(3):
        lasting[:, offset : offset + rows.shape[1]] |= rows
    yield Effect("fig4", lasting.mean(axis=1), Rule("below", 0.05, threshold=0.05))
