"""Random streams: every random number of a run belongs to one of them.

A stream is named by (root seed, experiment, trial, purpose, iteration, agent). The first five are
hashed by NumPy's SeedSequence into the key of a Philox counter-based generator, and the agent is
the place in its output. So no stream depends on how many agents there are, on what other streams
were used for, on the number of threads or on where a run was interrupted; and, as the architecture
is not part of the name, the three architectures of one trial share their random numbers.

Only raw words are taken from NumPy: unlike its distributions, they never change between versions.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, unknown_name

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment
    from mfgcore.games import Game

PURPOSES = (
    "initial_states",
    "arrivals",
    "failures",
    "actions",
    "shuffles",
    "deviator",
    "evaluation_actions",
    "evaluation_shuffles",
    "scores",
    "network",
    "links",
    "departures",
    "adoptions",
)
SHUFFLE_LANES = 16  # generators side by side in a shuffle stream, as in kernels/streams.pxi


@explained
def words(
    experiment: "Experiment", purpose: str, iteration: int, n_agents: int, n_words: int
) -> np.ndarray:
    """Words of the streams of agents 0 ... n_agents - 1; (n_agents, n_words) uint64.

    The stream is named by the experiment's seed, name and trial, one of `PURPOSES` and k.
    """
    if purpose not in PURPOSES:
        raise ConfigurationError(unknown_name("purpose", purpose, PURPOSES))
    digest = hashlib.sha256(experiment.name.encode()).digest()[:8]
    name = tuple(int(word) for word in np.frombuffer(digest, dtype="<u4"))
    key = np.random.SeedSequence(
        experiment.seed, spawn_key=(*name, experiment.trial, PURPOSES.index(purpose), iteration)
    )
    return np.random.Philox(key).random_raw(n_agents * n_words).reshape(n_agents, n_words)


@explained
def uniforms(experiment: "Experiment", purpose: str, iteration: int, n_agents: int) -> np.ndarray:
    """One number in [0, 1) for each agent, a multiple of 2**-53; shape (n_agents,) float64."""
    return (words(experiment, purpose, iteration, n_agents, 1)[:, 0] >> np.uint64(11)) * 2.0**-53


@explained
def integers(
    experiment: "Experiment", purpose: str, iteration: int, n_agents: int, n: int
) -> np.ndarray:
    """One integer in {0, ..., n - 1} for each agent; shape (n_agents,) int32."""
    return (uniforms(experiment, purpose, iteration, n_agents) * n).astype(np.int32)


@explained
def starts(
    experiment: "Experiment", purpose: str, iteration: int, n_agents: int, game: "Game"
) -> np.ndarray:
    """A state for each agent, drawn from where a game says that agents start; (n_agents,) int32."""
    start = game.checked_initial_distribution()
    if start is None:
        return integers(experiment, purpose, iteration, n_agents, game.n_states)
    cumulated = np.cumsum(start)
    drawn = uniforms(experiment, purpose, iteration, n_agents)
    # divided, the last state where anybody starts has exactly 1, which no number drawn reaches
    return np.searchsorted(cumulated / cumulated[-1], drawn, side="right").astype(np.int32)


@explained
def action_generators(
    experiment: "Experiment", purpose: str, iteration: int, n_agents: int
) -> np.ndarray:
    """States of one xoshiro128++ generator for each agent; (4, n_agents) uint32."""
    state = words(experiment, purpose, iteration, n_agents, 2).astype("<u8").view("<u4")
    return np.ascontiguousarray(state.T, dtype=np.uint32)


@explained
def shuffle_generators(
    experiment: "Experiment", purpose: str, iteration: int, n_agents: int
) -> np.ndarray:
    """States of the 16 generators of each agent's shuffle stream; (n_agents, 4, 16) uint32."""
    n_words = 2 * SHUFFLE_LANES
    state = words(experiment, purpose, iteration, n_agents, n_words).astype("<u8").view("<u4")
    return np.ascontiguousarray(state.reshape(n_agents, 4, SHUFFLE_LANES), dtype=np.uint32)
