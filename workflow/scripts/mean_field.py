"""Where the population is, at a few iterations."""

from mfgcore import results
from mfgcore.jobs import logged
from mfgcore.plotting import plot_mean_field

with logged(snakemake.log[0]):
    plot_mean_field(
        results.load(snakemake.input[0], kind="experiment"),
        outputs=snakemake.output.drawings,
        table=snakemake.output.table,
        title=snakemake.params.title,
    )
