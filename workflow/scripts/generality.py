"""The effects of networks in other games."""

from pathlib import Path

from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study import generality_figures

with logged(snakemake.log[0]):
    chosen, random = current(snakemake.config, snakemake.input).values()
    datasets = {"chosen games": chosen, "random games": random}
    folder = Path(snakemake.output.table).parent
    generality_figures.write(datasets, snakemake.params.seed, folder)
