"""What made every run and figure, as a crate that other programs read."""

from mfgcore.crate import write_crate
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    params = snakemake.params
    described = params.snakefile, snakemake.config, params.experiments, params.manifest
    places = dict(zip(params.files, snakemake.input, strict=True))
    write_crate(snakemake.output[0], *described, places)
