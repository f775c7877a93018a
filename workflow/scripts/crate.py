"""What made every run and figure, as a crate that other programs read."""

from mfgcore.pipeline.ro_crate import write_crate
from mfgcore.pipeline.workflow_scripts import logged

with logged(snakemake.log[0]):
    snakefile, *made = snakemake.params.described
    places = dict(zip(snakemake.params.files, snakemake.input, strict=True))
    write_crate(snakemake.output[0], snakefile, snakemake.config, *made, places)
