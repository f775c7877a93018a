"""Experiments: the parameters of a run, and the components that they name."""
