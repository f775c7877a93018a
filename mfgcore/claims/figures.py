"""What the paper says of its figures."""

from collections.abc import Iterable

import numpy as np

from mfgcore.claims.evidence import Evidence
from mfgcore.claims.judging import Part, Rule, claim
from mfgcore.claims.measures import (
    before_increase,
    final_mean,
    gain,
    highest_return,
    rise_time,
    series,
    setback_advantage,
    speed_advantage,
)

FIGURES = tuple(f"fig{number}" for number in range(1, 7))
FASTER = (
    "area between the two return curves until the first has done 90 % of its rise, as a share of "
    "that time and rise"
)


def _faster(evidence, other, names=("fig1", "fig2")):
    for name in names:
        sample = speed_advantage(evidence.experiment(name), "networked", other)
        yield Part(f"{name}, than {other}", sample, Rule("above", 0.0))


@claim("C1", "Sec. 4.2, Figures 1 and 2", FASTER)
def faster_than_centralised(evidence: Evidence) -> Iterable[Part]:
    """With half of the updates failing, the networked population learns faster than the
    centralised one.
    """
    return _faster(evidence, "centralised")


@claim("C2", "Sec. 4.2, Figures 1 and 2", FASTER)
def faster_than_independent(evidence: Evidence) -> Iterable[Part]:
    """With half of the updates failing, the networked population learns faster than the
    independent one.
    """
    return _faster(evidence, "independent")


@claim(
    "C3",
    "Sec. 4.2",
    "return of the centralised population minus that of another over the last tenth of the run, "
    "as a share of the highest possible; lower by less than 0.02 counts as equal",
)
def centralised_ends_highest(evidence: Evidence) -> Iterable[Part]:
    """The centralised population ends with the highest return in each experiment."""
    for name in FIGURES:
        dataset = evidence.experiment(name)
        for other in ("networked", "independent"):
            gap = gain(dataset, "centralised") - gain(dataset, other)
            yield Part(f"{name}, {other}", gap, Rule("above", -0.02))


@claim(
    "C4",
    "Sec. 4.2, Figures 3 and 4",
    "setback of the independent population minus that of the networked one, ten iterations after "
    "the increase against ten before: of the return, and of the exact exploitability, both as "
    "shares of the highest possible return; more than 0.1 is far more",
)
def steadier_under_growth(evidence: Evidence) -> Iterable[Part]:
    """When the population grows, return drops and exploitability rises far more for independent
    than for networked agents.
    """
    for name in ("fig3", "fig4"):
        dataset = evidence.experiment(name)
        rising = setback_advantage(dataset, "exact_exploitability", -1.0)
        yield Part(f"{name}, return", setback_advantage(dataset), Rule("above", 0.1))
        yield Part(f"{name}, exploitability", rising, Rule("above", 0.1))


@claim("C4b", "Figures 3 and 4", "as C4, of the sampled exploitability")
def sampled_exploitability_shows_it(evidence: Evidence) -> Iterable[Part]:
    """The sampled exploitability, which the paper plots, rises more for independent agents too."""
    for name in ("fig3", "fig4"):
        sample = setback_advantage(evidence.experiment(name), "exploitability", -1.0)
        yield Part(name, sample, Rule("above", 0.0))


def _undisturbed(evidence, name, label):
    dataset = before_increase(evidence.experiment(name))
    sample = speed_advantage(dataset, "networked", "independent")
    return Part(label, sample, Rule("above", 0.0))


@claim("C5", "Sec. 4.2, Sec. 3.4", FASTER)
def faster_undisturbed(evidence: Evidence) -> Iterable[Part]:
    """Without any disturbance, up to the increase in Figure 3, the networked population learns
    faster than the independent one.
    """
    return [_undisturbed(evidence, "fig3", "fig3")]


def _thirds(dataset, architecture):
    """Mean policy divergence in each third of the run; three of (n_trials,) float64."""
    values, _ = series(dataset, "policy_divergence", architecture)
    return [part.mean(axis=1) for part in np.array_split(values, 3, axis=1)]


@claim(
    "C5b",
    "Sec. 4.2, Sec. 3.4",
    "iteration at which a trial has done 90 % of its rise, independent minus networked, as a share "
    "of the independent one's mean",
)
def there_earlier_undisturbed(evidence: Evidence) -> Iterable[Part]:
    """Without any disturbance, up to the increase in Figure 3, the networked population is at its
    plateau earlier than the independent one.
    """
    dataset = before_increase(evidence.experiment("fig3"))
    networked, independent = rise_time(dataset, "networked"), rise_time(dataset, "independent")
    yield Part("fig3", (independent - networked) / independent.mean(), Rule("above", 0.0))


@claim(
    "C6",
    "Sec. 4.2",
    "independent: policy divergence in the last third of the run, of 2 at most; networked: its "
    "mean over the run as a share of the independent one's",
)
def policies_differ(evidence: Evidence) -> Iterable[Part]:
    """The policies of the independent population differ widely in every experiment; those of the
    networked one hardly differ.
    """
    for name in FIGURES:
        dataset = evidence.experiment(name)
        alone, together = _thirds(dataset, "independent"), _thirds(dataset, "networked")
        yield Part(f"{name}, independent", alone[-1], Rule("above", 0.1))
        share = np.mean(together, axis=0) / np.mean(alone)
        yield Part(f"{name}, networked", share, Rule("below", 0.05))


@claim(
    "C6b",
    "Sec. 4.2",
    "policy divergence of the independent population in the last third of the run minus that in "
    "the middle third",
)
def policies_diverge(evidence: Evidence) -> Iterable[Part]:
    """The divergence of the independent population increases in every experiment, to the end."""
    for name in FIGURES:
        _, middle, last = _thirds(evidence.experiment(name), "independent")
        yield Part(name, last - middle, Rule("above", 0.0))


@claim("C7", "Table 1", "share of the iterations at which all networked agents share one policy")
def rounds_are_enough(evidence: Evidence) -> Iterable[Part]:
    """300 communication rounds lead to one common policy at almost every iteration."""
    for name in FIGURES:
        values, _ = series(evidence.experiment(name), "distinct_policies", "networked")
        agreed = (values[:, 1:] == 1).mean(axis=1)  # at k = 0 nobody has communicated
        yield Part(name, agreed, Rule("above", 0.95))


@claim("C8", "App. F.5", "as C1 and C2 in Figure 5; as C5 and C4, of the return, in Figure 6")
def cluster_is_alike(evidence: Evidence) -> Iterable[Part]:
    """In the cluster game the architectures are ordered as in the others."""
    yield from _faster(evidence, "centralised", ["fig5"])
    yield from _faster(evidence, "independent", ["fig5"])
    yield _undisturbed(evidence, "fig6", "fig6, speed")
    sample = setback_advantage(evidence.experiment("fig6"))
    yield Part("fig6, setback", sample, Rule("above", 0.1))


@claim(
    "C18",
    "App. F.3",
    "exact exploitability at the end, as a share of the highest possible return: of the joint "
    "policy, which below 0.1 looks good, and of the individual ones minus that of the joint one, "
    "which above 0.1 makes them bad",
)
def individuals_are_exploitable(evidence: Evidence) -> Iterable[Part]:
    """The joint policy of the independent population looks good, but its individual policies may
    be exploitable.
    """
    for name in FIGURES:
        dataset = evidence.experiment(name)
        joint, single = (
            final_mean(dataset, metric, "independent") / highest_return(dataset)
            for metric in ("exact_exploitability", "mean_individual_exploitability")
        )
        yield Part(f"{name}, joint", joint, Rule("below", 0.1))
        yield Part(f"{name}, individual", single - joint, Rule("above", 0.1))


@claim(
    "C18b",
    "App. F.3",
    "exact return of the joint policy minus that of the individual ones at the end, as a share of "
    "the highest possible; more than 0.1 is low",
)
def individuals_earn_little(evidence: Evidence) -> Iterable[Part]:
    """The individual policies of the independent population may bring a low return, were everybody
    to follow one of them.
    """
    for name in FIGURES:
        dataset = evidence.experiment(name)
        joint = final_mean(dataset, "exact_return", "independent")
        single = final_mean(dataset, "mean_individual_return", "independent")
        yield Part(name, (joint - single) / highest_return(dataset), Rule("above", 0.1))
