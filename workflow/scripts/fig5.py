"""Figure 5 of the paper."""

from mfgcore.jobs import draw
from mfgcore.plotting import plot_metrics

draw(snakemake, plot_metrics, title=f"Figure 5. {snakemake.params.title}")
