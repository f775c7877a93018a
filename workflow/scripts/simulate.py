"""One run."""

from pathlib import Path

from mfgcore import results
from mfgcore.checkpoint import Checkpointer
from mfgcore.experiment import make_experiment
from mfgcore.files import check_writable
from mfgcore.jobs import logged


def report(simulation):
    k, total = simulation.iteration, simulation.experiment.iterations
    value = simulation.metrics["discounted_return"][-1]
    print(f"iteration {k} of {total}: discounted return {value:.4f}")


with logged(snakemake.log[0]):
    output = Path(snakemake.output[0])
    experiment = make_experiment(**snakemake.params.run)
    check_writable(output)
    checkpointer = Checkpointer(output.with_suffix(".checkpoint"))
    dataset = results.simulate(experiment, snakemake.threads, report, checkpointer)
    results.save(dataset, output)
    checkpointer.remove()
