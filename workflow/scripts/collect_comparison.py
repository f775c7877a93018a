"""All scenarios and settings of a comparison in one dataset."""

from mfgcore import comparisons, configuration
from mfgcore.datasets import save
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    configuration.import_files(snakemake.config)
    name = snakemake.wildcards.comparison
    save(
        comparisons.join(snakemake.input, snakemake.config, name),
        snakemake.output[0],
        overwrite=True,
    )
