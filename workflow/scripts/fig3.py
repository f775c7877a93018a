"""Figure 3 of the paper."""

from mfgcore.jobs import draw
from mfgcore.plotting import plot_metrics

draw(snakemake, plot_metrics, title=f"Figure 3. {snakemake.params.title}")
