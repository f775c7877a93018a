"""What made every run and figure, as a crate that other programs read."""

from mfgcore.crate import write_crate
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    given = snakemake.params.snakefile, snakemake.config, snakemake.params.experiments
    write_crate(snakemake.output[0], *given, snakemake.input.manifest)
