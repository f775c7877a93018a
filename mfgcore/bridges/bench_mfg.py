"""Games of Bench-MFG (``pip install 'mfgcore[bench-mfg]'``).

Its policies are arrays of the same shape as ours, (n_states, n_actions), both ways.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore.bridges.arrays import ArrayGame, check_has
from mfgcore.games import Game


@dataclass(frozen=True)
class BenchMFGGame(ArrayGame):
    """A game of Bench-MFG, a ``benchmfg.envs.MFGStationary``.

    A subclass that is registered can be named in an Experiment, and in a configuration; it defines
    :meth:`mfgcore.bridges.arrays.ArrayGame.environment`.
    """

    n_states = property(lambda self: self._made.N_states)
    actions = property(lambda self: tuple(str(action) for action in range(self._made.N_actions)))

    def initial_distribution(self) -> np.ndarray:
        """Its mean field to start with; (n_states,) float64."""
        initial = np.asarray(self._made.stationary_mean_field, dtype=np.float64)
        return initial / initial.sum()

    def rewards_at(self, mean_field: np.ndarray) -> np.ndarray:
        """See :meth:`mfgcore.bridges.arrays.ArrayGame.rewards_at`."""
        found = np.empty((self.n_states, len(self.actions)))
        for state, action in np.ndindex(found.shape):
            given = {"mean_field": mean_field, "state": state, "action": action}
            found[state, action] = self._made.reward(**given)
        return found

    def moves_at(self, mean_field: np.ndarray) -> np.ndarray:
        """See :meth:`mfgcore.bridges.arrays.ArrayGame.moves_at`."""
        found = np.zeros((self.n_states, len(self.actions), self.n_states))
        for noise, probability in enumerate(self._made.noise_prob):
            for state, action in np.ndindex(found.shape[:2]):
                given = {"mean_field": mean_field, "state": state, "action": action}
                found[state, action, int(self._made.transition(**given, noise=noise))] += (
                    probability
                )
        return found / found.sum(axis=-1, keepdims=True)


def game_from(environment: Any, reward_range: tuple[float, float] | None = None) -> Game:
    """The game of a ``benchmfg.envs.MFGStationary``.

    Parameters
    ----------
    environment : benchmfg.envs.MFGStationary
    reward_range : (float, float), optional
        Lowest and highest reward; by default those that are found.

    Returns
    -------
    Game
        For :func:`mfgcore.solve` and :func:`mfgcore.evaluate`; an Experiment needs a subclass of
        :class:`BenchMFGGame`. Returns and exploitabilities of ours are in units of the width of its
        `reward_range`.

    Raises
    ------
    ConfigurationError
        If it is none; as its methods take no time, nothing in it can depend on it.
    """
    needed = ("N_states", "N_actions", "noise_prob", "transition", "reward")
    check_has(environment, "Bench-MFG", *needed)
    return BenchMFGGame.read_from(environment, "bench_mfg", reward_range)
