"""The verdicts by reading, and the configuration that is closest to the paper."""

from pathlib import Path

from mfgcore._base.files import write_text
from mfgcore.batch.design import levels
from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.study import readings_figures

with logged(snakemake.log[0]):
    (dataset,) = current(snakemake.config, snakemake.input).values()
    factors = snakemake.config["comparisons"]["experiments"]["readings"]["factors"]
    settings = levels("setting", factors["setting"])
    output = Path(snakemake.output.table)
    _, text = readings_figures.write(dataset, settings, snakemake.params.seed, output.parent)
    write_text(snakemake.output.closest, text)
