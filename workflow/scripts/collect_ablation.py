"""All runs of one ablation in one dataset, with the varied parameter as a dimension."""

from mfgcore import configuration
from mfgcore.collect import collect_ablation
from mfgcore.datasets import save
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    study = snakemake.config, snakemake.wildcards.study
    settings = {
        value: list(runs.values()) for value, (_, runs) in configuration.ablation(*study).items()
    }
    described = configuration.describe_ablation(*study)
    save(
        collect_ablation(snakemake.input, settings, **described),
        snakemake.output[0],
        overwrite=True,
    )
