"""Estimate the effects of networks in other games."""

from pathlib import Path

from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study import external_validity_report

with logged(snakemake.log[0]):
    chosen, random = current(snakemake.config, snakemake.input).values()
    folder = Path(snakemake.output.table).parent
    external_validity_report.write(chosen, random, snakemake.params.seed, folder)
