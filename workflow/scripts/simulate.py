"""One run."""

from mfgcore import results
from mfgcore.experiment import make_experiment
from mfgcore.jobs import logged


def report(simulation):
    k, total = simulation.iteration, simulation.experiment.iterations
    value = simulation.metrics["discounted_return"][-1]
    print(f"iteration {k} of {total}: discounted return {value:.4f}")


with logged(snakemake.log[0]):
    experiment = make_experiment(**snakemake.params.run)
    results.check_writable(snakemake.output[0])
    dataset = results.simulate(experiment, threads=snakemake.threads, progress=report)
    results.save(dataset, snakemake.output[0])
