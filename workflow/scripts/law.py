"""Draw a figure of the second protocol."""

from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study.law import plots
from mfgcore.study.law.measures import Law

with logged(snakemake.log[0]):
    datasets = current(snakemake.config, snakemake.input.experiments)
    drawings = snakemake.output.drawings
    if snakemake.params.figure == "price":
        plots.plot_price(datasets, drawings)
    else:
        draw = {"law": plots.plot_law, "selection": plots.plot_selection}
        draw[snakemake.params.figure](Law(datasets), drawings)
