"""Runs that start at an equilibrium stay near it, whatever the architecture."""

import numpy as np
import pytest

import mfgcore
from mfgcore.games import GAMES

# Where the best policy that is found is none of an equilibrium: learning leads on from it.
NO_EQUILIBRIUM = {"kinetic_congestion"}
NEAR = 0.25  # of values up to 10: five updates from few samples lead so far away at the most
NETWORKS = {"networked": {"network": "complete"}}
LITTLE = {
    "agents": 30,
    "iterations": 5,
    "transitions": 500,
    "steps_per_transition": 5,
    "replay_cycles": 50,
    "communication_rounds": 10,
    "evaluation_interval": 1,
    "sampled_exploitability": False,
    "exact_metrics": True,
}


@pytest.mark.parametrize("name", [name for name in GAMES if name not in NO_EQUILIBRIUM])
def test_learning_stays_at_an_equilibrium(name):
    policy = mfgcore.solve(name)["policy"].values
    for architecture in ("centralised", "independent", "networked"):
        own = LITTLE | NETWORKS.get(architecture, {})
        experiment = mfgcore.Experiment(game=name, architecture=architecture, **own)
        gaps = mfgcore.simulate(experiment, policies=policy)["exact_exploitability"].values
        assert np.isfinite(gaps).all() and gaps.max() < NEAR, architecture
        uniform = mfgcore.simulate(experiment)["exact_exploitability"].values
        if uniform[0] > 1.0:  # what is not an equilibrium is far from one, also after as long
            assert uniform[-1] > 4.0 * gaps[-1]


@pytest.mark.parametrize("name", NO_EQUILIBRIUM)
def test_learning_leaves_what_is_no_equilibrium(name):
    found = mfgcore.solve(name, iterations=5)
    experiment = mfgcore.Experiment(game=name, architecture="centralised", **LITTLE)
    gaps = mfgcore.simulate(experiment, policies=found["policy"].values)["exact_exploitability"]
    assert found.attrs["converged"] == 0 and np.nanmax(gaps) > NEAR
