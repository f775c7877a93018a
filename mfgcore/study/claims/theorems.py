"""Claims about theorems, counted in runs or measured apart from them."""

from collections.abc import Iterator

import numpy as np

from mfgcore.runs.datasets import configuration
from mfgcore.study.claims.evidence import Evidence, NothingToJudge, configurations
from mfgcore.study.claims.judging import Effect, Rule, claim
from mfgcore.study.claims.measures import series

SCORE = "smallest_change"  # what the theorems are about
NASH_GAP = "Nash gap"  # ending of labels of C26


def _networked_runs(dataset):
    """Every networked run with the paper's score of an experiment or a comparison; list."""
    if "variant" not in dataset.dims:
        networked = "networked" in dataset["architecture"].values
        if not networked or configuration(dataset).get("score_rule", SCORE) != SCORE:
            return []
        chosen = [dataset.sel(architecture="networked")]
    else:
        chosen = [
            dataset.sel(dict(zip(("scenario", "setting", "variant"), key, strict=True)))
            for key, parameters in configurations(dataset).items()
            if parameters.get("architecture") == "networked"
            and parameters.get("score_rule", SCORE) == SCORE
        ]
    return [runs.sel(trial=trial) for runs in chosen for trial in runs["trial"].values]


def _theorem(evidence, count, what):
    """Share of violations among the cases of a theorem, by trial, of figures and of comparisons.

    `count` returns violations and cases of a run, and the size of the largest violation.
    """
    kinds = {"figures": evidence.experiments, "comparisons": evidence.comparisons}
    if not any(kinds.values()):
        raise NothingToJudge("there are no runs")
    for kind, datasets in kinds.items():
        # a run that two comparisons share counts once
        runs = {}
        for dataset in datasets.values():
            for run in _networked_runs(dataset):
                if np.isfinite(run["discounted_return"].values).any():
                    runs[run["discounted_return"].values.tobytes()] = run
        totals = np.zeros((2, 1 + max((int(run["trial"]) for run in runs.values()), default=0)))
        largest = 0.0
        for run in runs.values():
            *counted, size = count(run)
            totals[:, int(run["trial"])] += counted
            largest = max(largest, size)
        violated, possible = totals.sum(axis=1)
        if possible:
            text = f"{kind}: {violated:,.0f} of {possible:,.0f}"
            if violated and what:
                text += f", {what} {largest:.2g} at most"
            share = totals[0] / np.maximum(totals[1], 1.0)
            yield Effect(text, share, Rule("always"))


@claim(
    "C17",
    "Sec. 3.3, after Theorem 3.1",
    "T",
    "adopted policies from which the divergence did not fall, as a share of all adopted ones, in "
    "the iterations that left several, in all networked runs with the paper's score; for a single "
    "adoption, Theorem 3.1 is plain arithmetic",
    check=True,
)
def communication_brings_together(evidence: Evidence) -> Iterator[Effect]:
    """Where communication leaves several policies, the population is nearer to every adopted one
    than before.
    """

    def count(run):
        # Where one policy is left, all are at distance 0; two learners that never left a corner
        # can have equal policies, of which one is adopted without any distance to lose.
        several = run["distinct_policies"].values[1:] > 1
        violations, adopted, rises = (
            run[name].values[:-1][several]
            for name in ("theorem_3_1_violations", "adopted_policies", "theorem_3_1_rise")
        )
        return violations.sum(), adopted.sum(), rises.max(initial=0.0)

    return _theorem(evidence, count, "rises by")


@claim(
    "C17b",
    "Theorem 3.2",
    "T",
    "iterations in which the bound did not fall, because the policy that changed most was kept, as "
    "a share of those in which the premises held, in all networked runs with the paper's score",
    check=True,
)
def communication_lowers_the_bound(evidence: Evidence) -> Iterator[Effect]:
    """Where all shared one policy before their updates and several are left, the bound on the
    distance between two of them has fallen.
    """

    def count(run):
        violations, premises = (
            np.nansum(run[name].values)
            for name in ("theorem_3_2_violations", "theorem_3_2_premises")
        )
        return violations, premises, 0.0

    return _theorem(evidence, count, "")


@claim(
    "C22",
    "Sec. 3.3, after Theorem 3.1",
    "T",
    "share of the communication phases that left several policies, under each of four scores; a "
    "ring with one round less is reported",
    check=True,
)
def as_many_rounds_as_the_diameter_agree(evidence: Evidence) -> Iterator[Effect]:
    """On a static connected network, as many rounds as its diameter leave one policy, whatever the
    score.
    """
    for network in ("complete", "ring", "wide ring", "ring, a round less"):
        for score in ("change", "sum", "return", "random"):
            dataset = evidence.runs("consensus", score, network)
            policies, _ = series(dataset, "distinct_policies", "networked")
            several = (policies[:, 1:] > 1).mean(axis=1)  # at k = 0 nobody has communicated
            counted = network != "ring, a round less"
            yield Effect(f"{network}, {score}", several, Rule("always"), counted=counted)


@claim(
    "C25",
    "Sec. 3.5",
    "R",
    "error of the Q-function against the exact one, with the buffer in order minus shuffled: root "
    "mean square over visited pairs; mean",
    check=True,
)
def shuffling_helps(evidence: Evidence) -> Iterator[Effect]:
    """Shuffling the replay buffer reduces the error of the Q-function."""
    for name, sample in evidence.theory_effects("C25").items():
        game, _, estimand = name.partition(", ")
        yield Effect(game, sample, Rule("more"), estimand=estimand)


@claim(
    "C26",
    "Remark 2.2",
    "T",
    "exact gain of the best deviation from the equilibrium of infinitely many among N agents at "
    "lambda = 1: steps from one N to the next, from 10 to 3,000, in which it falls more slowly "
    "than 1 / sqrt(N); slope of the logarithm of the distance of N agents to the mean field, plus "
    "0.5",
    check=True,
)
def agents_come_near_the_mean_field(evidence: Evidence) -> Iterator[Effect]:
    """The equilibrium of the mean-field game is one of N agents but for O(1 / sqrt(N))."""
    measured = evidence.theory_effects("C26")
    gaps = {label: slopes for label, slopes in measured.items() if label.endswith(NASH_GAP)}
    for label, slopes in gaps.items():
        game, slow = label.removesuffix(f", {NASH_GAP}"), 1.0 * (slopes > -0.5)
        yield Effect(game, slow, Rule("always"), estimand=NASH_GAP)
    for label in [label for label in measured if label not in gaps]:
        rule, estimand = Rule("equal", 0.05), "distance to the mean field"
        yield Effect(label, measured[label] + 0.5, rule, estimand=estimand)


def _over_lambda(results):
    """Say whether the effects rise with lambda."""
    curves: dict[str, list[float]] = {}
    for result in results:
        algorithm = result.effect.label.rpartition(", ")[2]
        curves.setdefault(algorithm, []).append(result.interval.estimate)
    note = "the inequality is judged, not the theorem, whose premises are not met"
    for algorithm, curve in curves.items():
        rises = "rises" if (np.diff(curve) > 0.0).all() else "does not rise"
        note += f"; under {algorithm} the effect {rises} with lambda throughout"
    return note


@claim(
    "C27",
    "Theorem 3.3",
    "T",
    "distance of the independent policies to the equilibrium of contraction, where it is unique, "
    "minus that of the networked ones; where lambda is named, as a share of the former's mean",
    remark=_over_lambda,
)
def networked_policies_are_no_farther_from_the_equilibrium(evidence: Evidence) -> Iterator[Effect]:
    """Networked policies are in expectation no farther from the equilibrium than independent
    ones.
    """
    for label, networked_minus_independent in evidence.theory_effects("C27").items():
        yield Effect(label, -networked_minus_independent, Rule("not less"))
