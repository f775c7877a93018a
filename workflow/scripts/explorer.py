"""One page on which a reader goes through the iterations of all experiments."""

from mfgcore.pipeline.workflow_scripts import current, logged, marked
from mfgcore.plotting import explorer

with logged(snakemake.log[0]):
    datasets = current(snakemake.config, snakemake.input).values()
    titles = map(marked, snakemake.params.titles, datasets)
    explorer.write_page(list(zip(titles, datasets, strict=True)), snakemake.output[0])
