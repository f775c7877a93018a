"""Figure 2 of the paper."""

from mfgcore import results
from mfgcore.jobs import logged
from mfgcore.plotting import plot_metrics

with logged(snakemake.log[0]):
    plot_metrics(
        results.load(snakemake.input[0], kind="experiment"),
        outputs=snakemake.output.drawings,
        table=snakemake.output.table,
        title=f"Figure 2. {snakemake.params.title}",
    )
