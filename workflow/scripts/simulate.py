"""One run."""

from pathlib import Path

from mfgcore import configuration
from mfgcore.checkpoint import Checkpointer
from mfgcore.datasets import save
from mfgcore.experiment import make_experiment
from mfgcore.files import check_writable
from mfgcore.jobs import logged
from mfgcore.simulation import simulate


def report(simulation):
    k, total = simulation.iteration, simulation.experiment.iterations
    value = simulation.records["discounted_return"][-1]
    print(f"iteration {k} of {total}: discounted return {value:.4f}")


with logged(snakemake.log[0]):
    output = Path(snakemake.output[0])
    configuration.import_files(snakemake.config)
    experiment = make_experiment(**snakemake.params.run)
    check_writable(output)
    checkpointer = Checkpointer(output.with_suffix(".checkpoint"))
    dataset = simulate(experiment, snakemake.threads, report, checkpointer)
    save(dataset, output)
    checkpointer.remove()
