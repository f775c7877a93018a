"""Summaries of many runs of one experiment."""

from mfgcore._base.files import check_writable, only_writer
from mfgcore.batch.collect import check_part, summarise_runs
from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import check_code, logged
from mfgcore.runs.datasets import make_and_save

with logged(snakemake.log[0]):
    wildcards = snakemake.wildcards
    design = configuration.design(snakemake.config, wildcards.group, wildcards.name)
    labels = {file: labels for labels, file in design.files.items()}[snakemake.params.file]
    design = design.part(*labels)
    check_code(snakemake.params.code, *design.runs.values())
    output = check_writable(snakemake.output[0], needed=1e6)
    with only_writer(output):
        make_and_save(
            output,
            lambda: summarise_runs(design, print),
            lambda whose, found: check_part(whose, found, design),
            kind="experiment",
        )
