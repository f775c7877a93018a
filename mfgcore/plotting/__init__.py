"""Figures, by matplotlib and seaborn."""

from mfgcore._base.environment import require

require("plot")
