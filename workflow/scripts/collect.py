"""All runs of one experiment in one dataset."""

from mfgcore.batch.collect import collect_files
from mfgcore.pipeline.configuration import design
from mfgcore.pipeline.workflow_scripts import logged
from mfgcore.runs.datasets import save

with logged(snakemake.log[0]):
    planned = design(snakemake.config, *snakemake.wildcards)
    save(collect_files(list(snakemake.input), planned), snakemake.output[0], overwrite=True)
