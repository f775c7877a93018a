"""One run."""

from pathlib import Path

from mfgcore._base.files import check_writable, checkpoint_of, only_writer
from mfgcore.batch.collect import run_to_file
from mfgcore.experiment.experiment import make_experiment
from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import check_code, logged
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.resources import checkpoint_bytes


def report(simulation):
    k, total = simulation.iteration, simulation.experiment.iterations
    value = simulation.records["discounted_return"][-1]
    print(f"iteration {k} of {total}: discounted return {value:.4f}")


with logged(snakemake.log[0]):
    configuration.import_files(snakemake.config)
    experiment = make_experiment(**snakemake.params.run)
    check_code(snakemake.params.code, experiment)
    needed = checkpoint_bytes(experiment)
    output = check_writable(snakemake.output[0], needed)
    # another one if a storage provider keeps the output
    name = Path(snakemake.params.name)
    name.parent.mkdir(parents=True, exist_ok=True)
    name = check_writable(name, needed)
    with only_writer(output), only_writer(name):
        checkpointer = Checkpointer(checkpoint_of(name))
        run_to_file(output, experiment, checkpointer, snakemake.threads, report)
