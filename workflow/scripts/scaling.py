"""The cost of an iteration over the population and over the threads."""

import pandas as pd

from mfgcore.jobs import logged
from mfgcore.plotting import plot_scaling

with logged(snakemake.log[0]):
    plot_scaling(pd.read_csv(snakemake.input[0]), snakemake.output.drawings)
