"""Equilibria: solvers of mean-field games, and what policies are worth among N agents."""

from mfgcore.runs import datasets

# Two more kinds of files for `mfgcore.save` and `mfgcore.load`. They are named here, and not in
# `runs`, where a change makes the results of all runs stale.
vars(datasets)["KINDS"] = (*datasets.KINDS, "equilibrium", "evaluation")
