"""Draw a figure of the second protocol."""

from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study.law import plots
from mfgcore.study.law.measures import Law

with logged(snakemake.log[0]):
    datasets = current(snakemake.config, snakemake.input.experiments)
    draw = getattr(plots, f"plot_{snakemake.params.figure}")
    draw(datasets if draw is plots.plot_price else Law(datasets), snakemake.output.drawings)
