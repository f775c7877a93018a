"""Figures of results, by name."""

from mfgcore._base.registry import Registry
from mfgcore.plotting import curves, heat_maps

FIGURES = Registry("figure")
FIGURES.add("metrics", curves.plot_metrics)
FIGURES.add("exact", curves.plot_exact)
FIGURES.add("mean_field", curves.plot_mean_field)
FIGURES.add("levels", curves.plot_ablation)
FIGURES.add("heat_map", heat_maps.plot_heat_map)
FIGURES.add("scaling", curves.plot_scaling)
