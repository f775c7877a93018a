"""Experiments: the parameters of a run, and the components that they name."""

from mfgcore.experiment.experiment import Experiment, code_fingerprint_of, make_experiment
from mfgcore.experiment.random_streams import RandomStreams

__all__ = ["Experiment", "RandomStreams", "code_fingerprint_of", "make_experiment"]
