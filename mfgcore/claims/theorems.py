"""What the paper proves, counted in every run that has its score."""

from collections.abc import Iterable

import numpy as np

from mfgcore.claims.evidence import Evidence
from mfgcore.claims.judging import Part, Rule, claim
from mfgcore.datasets import configuration


def _networked_runs(datasets):
    """Every networked run once, also where several ablations share it; list of xarray.Dataset."""
    runs = {}
    for dataset in datasets:
        if "networked" in dataset["architecture"].values:
            for trial in dataset["trial"].values:
                run = dataset.sel(architecture="networked", trial=trial)
                runs[run["discounted_return"].values.tobytes()] = run
    return list(runs.values())


def _theorem(evidence, count):
    """Share of the chances of a violation that were one, by trial: of figures, of ablations.

    `count` returns violations and chances of a run.
    """
    settings = [
        dataset.sel(setting=setting)
        for dataset in evidence.ablations.values()
        for setting in dataset["setting"].values
        # the theorems are about the paper's score
        if configuration(dataset).get("score_rule", str(setting)) == "smallest_change"
    ]
    for kind, datasets in (("figures", evidence.experiments.values()), ("ablations", settings)):
        runs = _networked_runs(datasets)
        totals = np.zeros((2, 1 + max((int(run["trial"]) for run in runs), default=0)))
        for run in runs:
            totals[:, int(run["trial"])] += count(run)
        violated, possible = totals.sum(axis=1)
        if possible:
            text = f"{kind}: {violated:,.0f} of {possible:,.0f}"
            share = totals[0] / np.maximum(totals[1], 1.0)
            yield Part(text, share, Rule("zero", 0.0))


@claim(
    "C17",
    "Sec. 3.3, after Theorem 3.1",
    "adopted policies from which the divergence did not fall, as a share of all adopted ones, in "
    "the iterations that left several, in all networked runs with the paper's score; for a single "
    "adoption, Theorem 3.1 is plain arithmetic",
)
def communication_brings_together(evidence: Evidence) -> Iterable[Part]:
    """Where communication leaves several policies, the population is nearer to every adopted one
    than before.
    """

    def count(run):
        # Where one policy is left, all are at distance 0; two learners that never left a corner
        # can have equal policies, of which one is adopted without any distance to lose.
        several = run["distinct_policies"].values[1:] > 1
        return [
            run[name].values[:-1][several].sum()
            for name in ("theorem_3_1_violations", "adopted_policies")
        ]

    return _theorem(evidence, count)


@claim(
    "C17b",
    "Theorem 3.2",
    "iterations in which the bound did not fall, because the policy that changed most was kept, as "
    "a share of those in which the premises held, in all networked runs with the paper's score",
)
def communication_lowers_the_bound(evidence: Evidence) -> Iterable[Part]:
    """Where all shared one policy before their updates and several are left, the bound on the
    distance between two of them has fallen.
    """

    def count(run):
        return [
            run[name].values.sum() for name in ("theorem_3_2_violations", "theorem_3_2_premises")
        ]

    return _theorem(evidence, count)
