"""The verdicts by reading, and the configuration that is closest to the paper."""

from pathlib import Path

from mfgcore._base.files import write_text
from mfgcore.batch import comparisons
from mfgcore.pipeline.workflow_scripts import compared, logged
from mfgcore.study import readings_figures

with logged(snakemake.log[0]):
    (dataset,) = compared(snakemake.config, snakemake.input).values()
    settings = comparisons.plan(snakemake.config, "readings")["settings"]
    output = Path(snakemake.output.table)
    _, text = readings_figures.write(dataset, settings, snakemake.params.seed, output.parent)
    write_text(snakemake.output.closest, text)
