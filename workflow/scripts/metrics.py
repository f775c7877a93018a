"""Return, exploitability and policy divergence of an experiment without a script of its own."""

from mfgcore.jobs import draw
from mfgcore.plotting import plot_metrics

draw(snakemake, plot_metrics, title=snakemake.params.title)
