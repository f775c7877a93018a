"""All runs of one experiment in one dataset."""

from mfgcore.batch.collect import collect
from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import logged
from mfgcore.runs.datasets import save

with logged(snakemake.log[0]):
    experiments = configuration.runs(snakemake.config, snakemake.wildcards.experiment)
    save(collect(snakemake.input, list(experiments.values())), snakemake.output[0], overwrite=True)
