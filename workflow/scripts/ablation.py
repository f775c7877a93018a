"""What one parameter changes."""

from mfgcore import results
from mfgcore.jobs import logged
from mfgcore.plotting import plot_ablation

with logged(snakemake.log[0]):
    dataset = results.load(snakemake.input[0], kind="experiment")
    plot_ablation(dataset, snakemake.output.drawings, snakemake.output.table)
