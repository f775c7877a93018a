"""All runs of one experiment in one dataset."""

from mfgcore import configuration, results
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    experiments = configuration.runs(snakemake.config, snakemake.wildcards.experiment)
    dataset = results.collect(snakemake.input, list(experiments.values()))
    results.save(dataset, snakemake.output[0])
