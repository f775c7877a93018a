"""All runs of one ablation in one dataset, with the varied parameter as a dimension."""

from mfgcore.batch.collect import collect_ablation
from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import logged
from mfgcore.runs.datasets import save

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
