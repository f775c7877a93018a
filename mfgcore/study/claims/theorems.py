"""Claims about theorems, counted in runs or measured apart from them."""

from collections.abc import Iterator

import numpy as np

from mfgcore.runs.datasets import configuration
from mfgcore.study.claims.evidence import Evidence, NothingToJudge, configurations
from mfgcore.study.claims.judging import Effect, Rule, claim
from mfgcore.study.claims.measures import series

SCORE = "smallest_change"  # what the theorems are about


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
    "slope of the logarithm of the distance of N agents to the mean field over that of N, from 10 "
    "to 3,000, plus 0.5",
)
def agents_come_near_the_mean_field(evidence: Evidence) -> Iterator[Effect]:
    """The distance of N agents to the mean field falls as 1 / sqrt(N)."""
    for label, slopes in evidence.theory_effects("C26").items():
        yield Effect(label, slopes + 0.5, Rule("equal", 0.05))


@claim(
    "C27",
    "Theorem 3.3",
    "T",
    "distance of the independent policies to the equilibrium, where it is unique, minus that of "
    "the networked ones",
)
def networked_policies_are_no_farther_from_the_equilibrium(evidence: Evidence) -> Iterator[Effect]:
    """Networked policies are in expectation no farther from the equilibrium than independent
    ones.
    """
    for label, networked_minus_independent in evidence.theory_effects("C27").items():
        yield Effect(label, -networked_minus_independent, Rule("not less", 0.05))
