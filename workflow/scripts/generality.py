"""The effects of networks in other games."""

from pathlib import Path

from mfgcore import generality_figures
from mfgcore.jobs import compared, logged

with logged(snakemake.log[0]):
    chosen, random = compared(snakemake.config, snakemake.input).values()
    datasets = {"chosen games": chosen, "random games": random}
    folder = Path(snakemake.output.table).parent
    generality_figures.write(datasets, snakemake.params.seed, folder)
