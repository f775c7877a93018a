"""All scenarios and settings of a comparison in one dataset."""

from mfgcore.batch import comparisons
from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import logged
from mfgcore.runs.datasets import save

with logged(snakemake.log[0]):
    configuration.import_files(snakemake.config)
    name = snakemake.wildcards.comparison
    save(
        comparisons.join(snakemake.input, snakemake.config, name),
        snakemake.output[0],
        overwrite=True,
    )
