"""Judge the main claims under each interpretation."""

from pathlib import Path

from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study import interpretations_report

with logged(snakemake.log[0]):
    (dataset,) = current(snakemake.config, snakemake.input).values()
    folder = Path(snakemake.output.table).parent
    interpretations_report.write(dataset, snakemake.params.seed, folder)
