"""Figure 2 of the paper."""

from mfgcore.jobs import draw
from mfgcore.plotting import plot_metrics

draw(snakemake, plot_metrics, title=f"Figure 2. {snakemake.params.title}")
