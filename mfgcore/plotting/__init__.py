"""Figures of datasets: a registry of functions, and what they are made with.

A figure is a function ``figure(dataset, *, drawings, table, title, reference=None)``: it draws a
dataset to the files `drawings` (PDF, PNG or SVG), under a `title`, and writes the data drawn to the
CSV file `table`; `reference` is the dataset of a run to draw beside it. The workflow looks figures
up in `FIGURES` by their names; ``docs/extending.md`` says how to add one.

The figures here return their Axes. They also draw into Axes that they are given (`ax`: one for each
panel), in the style of these, and never touch pyplot's current figure or matplotlib's settings.
"""

from mfgcore._base.environment import require

require("plot")

# isort: split
from mfgcore.plotting import style  # it imports matplotlib, whatever the environment

# isort: split
from mfgcore.plotting.curves import exact, metrics, run, scaling
from mfgcore.plotting.equilibria import finite_population, price_of_anarchy, solvers
from mfgcore.plotting.factors import heat_map, levels
from mfgcore.plotting.figures import FIGURES, finish, subplots
from mfgcore.plotting.maps import draw_shares, mean_field
