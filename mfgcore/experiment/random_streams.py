"""Random streams: every random number of a run belongs to one of them.

A stream is named by (root seed, experiment, trial, purpose, iteration, agent). The first five are
hashed by NumPy's SeedSequence into the key of a Philox counter-based generator, and the agent is
the place in its output. So no stream depends on how many agents there are, on what other streams
were used for, on the number of threads or on where a run was interrupted; and, as the architecture
is not part of the name, the architectures of one trial share their random numbers.

Only raw words are taken from NumPy: unlike its distributions, they never change between versions.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, unknown_name
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
    "reward_links",
)
SHUFFLE_LANES = 16  # generators side by side in a shuffle stream, as in kernels/streams.pxi


def as_uniforms(raw_bits: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1), multiples of 2**-53, of 64 bits each; float64."""
    return (raw_bits >> np.uint64(11)) * 2.0**-53


@dataclass(frozen=True)
class RandomStreams:
    """The random streams of a run.

    Parameters
    ----------
    seed : int
        Root of all streams.
    name : str
        Of the experiment.
    trial : int
    """

    seed: int
    name: str
    trial: int

    @explained
    def raw_bits(self, purpose: str, iteration: int, n_agents: int, n_words: int) -> np.ndarray:
        """Words of the streams of agents 0 ... n_agents - 1; (n_agents, n_words) uint64."""
        if purpose not in PURPOSES:
            raise ConfigurationError(unknown_name("purpose", purpose, PURPOSES))
        digest = hashlib.sha256(self.name.encode()).digest()[:8]
        name = tuple(int(word) for word in np.frombuffer(digest, dtype="<u4"))
        spawn_key = (*name, self.trial, PURPOSES.index(purpose), iteration)
        key = np.random.SeedSequence(self.seed, spawn_key=spawn_key)
        return np.random.Philox(key).random_raw(n_agents * n_words).reshape(n_agents, n_words)

    @explained
    def uniforms(self, purpose: str, iteration: int, n_agents: int) -> np.ndarray:
        """One number in [0, 1) for each agent, a multiple of 2**-53; (n_agents,) float64."""
        return as_uniforms(self.raw_bits(purpose, iteration, n_agents, 1)[:, 0])

    @explained
    def integers(self, purpose: str, iteration: int, n_agents: int, n: int) -> np.ndarray:
        """One integer in {0, ..., n - 1} for each agent; (n_agents,) int32."""
        return (self.uniforms(purpose, iteration, n_agents) * n).astype(np.int32)

    @explained
    def sample_initial_states(
        self, purpose: str, iteration: int, n_agents: int, game: Game
    ) -> np.ndarray:
        """A state for each agent, from the game's initial distribution; (n_agents,) int32."""
        start = game.checked_initial_distribution()
        if start is None:
            return self.integers(purpose, iteration, n_agents, game.n_states)
        cumulated = np.cumsum(start)
        drawn = self.uniforms(purpose, iteration, n_agents)
        # divided, the last state where anybody starts has exactly 1, which no number drawn reaches
        return np.searchsorted(cumulated / cumulated[-1], drawn, side="right").astype(np.int32)

    @explained
    def action_generators(self, purpose: str, iteration: int, n_agents: int) -> np.ndarray:
        """States of one xoshiro128++ generator for each agent; (4, n_agents) uint32."""
        state = self.raw_bits(purpose, iteration, n_agents, 2).astype("<u8").view("<u4")
        return np.ascontiguousarray(state.T, dtype=np.uint32)

    @explained
    def shuffle_generators(self, purpose: str, iteration: int, n_agents: int) -> np.ndarray:
        """States of the generators of each agent's shuffle stream; (n_agents, 4, 16) uint32."""
        n_words = 2 * SHUFFLE_LANES
        state = self.raw_bits(purpose, iteration, n_agents, n_words).astype("<u8").view("<u4")
        return np.ascontiguousarray(state.reshape(n_agents, 4, SHUFFLE_LANES), dtype=np.uint32)
