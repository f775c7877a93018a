"""Draw the figure of the third protocol."""

from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study.cooperation import plots
from mfgcore.study.cooperation.measures import Cooperation

with logged(snakemake.log[0]):
    datasets = current(snakemake.config, snakemake.input.experiments)
    plots.plot_cooperation(Cooperation(datasets), snakemake.output.drawings)
