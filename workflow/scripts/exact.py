"""The exact metrics of an experiment, beside learning without sampling error."""

from mfgcore import results
from mfgcore.jobs import logged
from mfgcore.plotting import EXACT_PANELS, plot_metrics

with logged(snakemake.log[0]):
    plot_metrics(
        results.load(snakemake.input.dataset, kind="experiment"),
        outputs=snakemake.output.drawings,
        table=snakemake.output.table,
        title=snakemake.params.title,
        panels=EXACT_PANELS,
        reference=results.load(snakemake.input.reference),
    )
