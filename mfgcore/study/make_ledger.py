"""Judge the claims by the kept data, without a run: ``python -m mfgcore.study.make_ledger``.

Reads docs/gallery/data, and writes to docs/gallery the claims report, the paper's figures, the
verdicts by interpretation, the effects in other games, what parameters change, and what became of
the second protocol, and of the third one if its data are kept.
"""

from pathlib import Path

from PIL import Image

from mfgcore._base.files import write_text
from mfgcore.batch.design import reference
from mfgcore.experiment.experiment import make_experiment
from mfgcore.plotting import exact, mean_field, metrics
from mfgcore.runs.datasets import configuration
from mfgcore.runs.simulate import simulate
from mfgcore.study import (
    SEED,
    claims_plots,
    claims_report,
    external_validity_report,
    interpretations_report,
    parameter_figures,
)
from mfgcore.study.claims import Evidence, judge, summary
from mfgcore.study.claims.evidence import INTERPRETATIONS
from mfgcore.study.cooperation import data as cooperation_data
from mfgcore.study.cooperation import report as cooperation_report
from mfgcore.study.keep_data import GALLERY, read, read_fields
from mfgcore.study.law import data, plots, report

TITLES = {
    "fig1": "Figure 1. Agree on a single target: 50% of the updates fail",
    "fig2": "Figure 2. Diffuse across multiple targets: 50% of the updates fail",
    "fig3": "Figure 3. Agree on a single target: 175 agents join at iteration 100",
    "fig4": "Figure 4. Diffuse across multiple targets: 175 agents join at iteration 40",
    "fig5": "Figure 5. Cluster: 50% of the updates fail",
    "fig6": "Figure 6. Cluster: 50 agents join at iteration 200",
}


def write_claims(evidence: Evidence, folder: Path) -> None:
    """Write claims.json, claims.md and headline.png to a folder."""
    results, rows = judge(evidence, SEED), summary(evidence)
    made_from = {
        "experiments": claims_report.sources(evidence.experiments),
        "comparisons": claims_report.sources(evidence.comparisons),
    }
    claims_report.write_json(results, rows, made_from, folder / "claims.json")
    write_text(folder / "claims.md", claims_report.to_markdown(results, rows))
    claims_plots.plot_headline(results, [folder / "headline.png"])
    shrink(folder / "headline.png")


def draw_figures(evidence: Evidence, folder: Path) -> None:
    """Draw the paper's figures, with sampled and with exact metrics, and maps of mean fields.

    What is exact is drawn beside a run without sampling error, of a second or two.
    """
    for name, dataset in evidence.experiments.items():
        paths = [folder / f"{name}{ending}.png" for ending in ("", "_exact", "_mean_field")]
        metrics(dataset, drawings=paths[:1], title=TITLES[name])
        alone = simulate(reference(make_experiment(**configuration(dataset))))
        exact(dataset, reference=alone, drawings=paths[1:2], title=TITLES[name])
        mean_field(read_fields(name), drawings=paths[2:], title=TITLES[name])
        shrink(*paths)


def write_comparisons(evidence: Evidence, folder: Path) -> None:
    """Write the verdicts by interpretation and the effects in other games, if they are kept."""
    comparisons = evidence.comparisons
    if INTERPRETATIONS in comparisons:
        interpretations_report.write(comparisons[INTERPRETATIONS], SEED, folder, [".png"])
    if {"generality", "garnets"} <= comparisons.keys():
        chosen, random = comparisons["generality"], comparisons["garnets"]
        external_validity_report.write(chosen, random, SEED, folder, [".png"])
    shrink(*folder.glob("readings*.png"), *folder.glob("generality.png"))


def write_law(evidence: Evidence, folder: Path) -> None:
    """Write the predictions of the second protocol, its figures and that of the price."""
    plots.plot_price(evidence.experiments, [folder / "price.png"])
    shrink(folder / "price.png", *report.write(data.read(), folder, [".png"]))


def write_cooperation(folder: Path) -> None:
    """Write the predictions of the third protocol and its figure, if its data are kept."""
    runs = cooperation_data.read()
    if runs.datasets:
        shrink(*cooperation_report.write(runs, folder, [".png"]))


def shrink(*paths: Path) -> None:
    """Reduce pictures to 128 colours; rare ones are kept, as one verdict's may be."""
    for path in paths:
        with Image.open(path) as drawn:
            few = drawn.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=3)
        few.save(path, optimize=True)


if __name__ == "__main__":
    kept = read()
    write_claims(kept, GALLERY)
    draw_figures(kept, GALLERY / "confirmatory")
    shrink(*parameter_figures.draw(kept, GALLERY))
    write_comparisons(kept, GALLERY)
    write_law(kept, GALLERY)
    write_cooperation(GALLERY)
