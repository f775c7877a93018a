"""All runs of one experiment in one dataset."""

from mfgcore import configuration
from mfgcore.collect import collect
from mfgcore.datasets import save
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    experiments = configuration.runs(snakemake.config, snakemake.wildcards.experiment)
    save(collect(snakemake.input, list(experiments.values())), snakemake.output[0], overwrite=True)
