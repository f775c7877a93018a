"""Judge the main claims under each interpretation, and configure the closest one."""

from pathlib import Path

from mfgcore._base.files import write_text
from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study import interpretations_report

with logged(snakemake.log[0]):
    (dataset,) = current(snakemake.config, snakemake.input).values()
    folder = Path(snakemake.output.table).parent
    _, text = interpretations_report.write(dataset, snakemake.params.seed, folder)
    write_text(snakemake.output.closest, text)
