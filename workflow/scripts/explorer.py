"""One page on which a reader goes through the iterations of all experiments."""

from mfgcore import configuration, explorer
from mfgcore.datasets import load
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    configuration.import_files(snakemake.config)
    datasets = [load(path, kind="experiment") for path in snakemake.input]
    experiments = list(zip(snakemake.params.titles, datasets, strict=True))
    explorer.write_page(experiments, snakemake.output[0])
