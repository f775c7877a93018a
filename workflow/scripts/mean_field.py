"""Where the population is, at a few iterations."""

from mfgcore.jobs import draw
from mfgcore.plotting import plot_mean_field

draw(snakemake, plot_mean_field, title=snakemake.params.title)
