"""Learning in mean-field games with centralised, independent and networked agents.

A reproduction of "Networked Communication for Decentralised Agents in Mean-Field Games"
(Benjamin & Abate).

Examples
--------
>>> import mfgcore
>>> experiment = mfgcore.Experiment(
...     game="agree", agents=10, iterations=2, transitions=100, replay_cycles=10
... )
>>> dataset = mfgcore.simulate(experiment)
>>> dataset.sizes["iteration"]
2
"""

# isort: off
import mfgcore._base.environment  # it looks whether NumPy can be imported
from mfgcore._base.fingerprint import (
    run_fingerprint,
)  # it is taken before anything else is imported

# isort: on
import importlib.metadata

from mfgcore._base.errors import ConfigurationError, MfgcoreError, NumericalError, RunFileError
from mfgcore.batch.collect import collect
from mfgcore.batch.sweep import sweep
from mfgcore.equilibrium.evaluate import evaluate
from mfgcore.equilibrium.solve import solve
from mfgcore.experiment.experiment import Experiment
from mfgcore.experiment.parameters import with_parameters
from mfgcore.runs.datasets import load, save
from mfgcore.runs.simulate import simulate

__all__ = [
    "ConfigurationError",
    "Experiment",
    "MfgcoreError",
    "NumericalError",
    "RunFileError",
    "__version__",
    "collect",
    "evaluate",
    "load",
    "save",
    "simulate",
    "solve",
    "sweep",
]

Experiment.__doc__ = with_parameters(Experiment.__doc__)  # with the components that there are

__version__ = importlib.metadata.version("mfgcore")  # pyproject.toml's

if run_fingerprint.__wrapped__() != run_fingerprint():
    raise ImportError("mfgcore was changed while it was imported; start again")
