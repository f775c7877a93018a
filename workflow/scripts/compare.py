"""All runs of one scenario and setting of a comparison."""

from mfgcore._base.files import check_writable, only_writer
from mfgcore.batch import comparisons
from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import check_code, logged
from mfgcore.runs.datasets import make_and_save

with logged(snakemake.log[0]):
    configuration.import_files(snakemake.config)
    name = snakemake.wildcards.comparison
    jobs = comparisons.jobs(snakemake.config, name)
    labels = jobs[snakemake.wildcards.scenario, snakemake.wildcards.setting]
    experiments = comparisons.runs(snakemake.config, name, *labels)
    check_code(snakemake.params.code, *experiments.values())
    output = check_writable(snakemake.output[0], needed=1e6)
    with only_writer(output):
        make_and_save(
            output,
            lambda: comparisons.compare(experiments, lambda *run: print(*run)),
            lambda whose, found: comparisons.check_part(whose, found, experiments, True),
            kind="comparison",
        )
