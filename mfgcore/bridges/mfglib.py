"""Games and policies of MFGLib (``pip install 'mfgcore[mfglib]'``), and policies for it.

Its games have a horizon, and ours none: what does not depend on time can be read, and is discounted
in place of ended.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore._base.environment import require
from mfgcore._base.errors import ConfigurationError
from mfgcore.bridges.arrays import ALIKE, ArrayGame, check_has
from mfgcore.games import Game


@dataclass(frozen=True)
class MFGLibGame(ArrayGame):
    """A game of MFGLib, in which rewards and moves depend on the mean field and not on time.

    A subclass that is registered can be named in an Experiment, and in a configuration::

        @register
        class Beach(MFGLibGame):
            def environment(self):
                return Environment.beach_bar(n=10)
    """

    n_states = property(lambda self: self._made.n_states)
    actions = property(lambda self: tuple(str(action) for action in range(self._made.n_actions)))

    def initial_distribution(self) -> np.ndarray:
        """Its mu0; (n_states,) float64."""
        initial = np.array(self._made.mu0, dtype=np.float64).ravel()
        return initial / initial.sum()

    def _at(self, time, mean_field, policy=None):
        """Rewards and moves at a time, where agents take actions evenly or by a policy."""
        require("mfglib")
        import torch  # seconds, for who has it

        environment, shape = self._made, (self.n_states, len(self.actions))
        policy = np.full(shape, 1.0 / shape[1]) if policy is None else policy
        masses = torch.as_tensor(mean_field[:, None] * policy, dtype=torch.get_default_dtype())
        masses = masses.reshape(*environment.S, *environment.A)
        rewards = np.array(environment.reward(time, masses), dtype=np.float64).reshape(shape)
        moves = np.array(environment.prob(time, masses), dtype=np.float64)
        moves = np.moveaxis(moves.reshape(shape[0], *shape), 0, -1)
        return rewards, moves / moves.sum(axis=-1, keepdims=True)

    def rewards_at(self, mean_field: np.ndarray) -> np.ndarray:
        """See :meth:`mfgcore.bridges.arrays.ArrayGame.rewards_at`."""
        return self._at(0, mean_field)[0]

    def moves_at(self, mean_field: np.ndarray) -> np.ndarray:
        """See :meth:`mfgcore.bridges.arrays.ArrayGame.moves_at`."""
        return self._at(0, mean_field)[1]

    def check(self) -> None:
        """Check also that nothing depends on time, nor on which actions others take."""
        draw = np.random.default_rng(1).dirichlet
        field, policy = (
            draw(np.ones(self.n_states)),
            draw(np.ones(len(self.actions)), self.n_states),
        )
        first = self._at(0, field)
        others: dict[str, tuple] = {
            f"on time: at t = {t}": (t, field) for t in range(1, self._made.T + 1)
        }
        others["on what actions others take"] = (0, field, policy)
        for on, given in others.items():
            found = zip(("rewards", "moves"), first, self._at(*given), strict=True)
            for what, here, there in found:
                if np.abs(here - there).max() > ALIKE * max(1.0, np.abs(here).max()):
                    self.refuse(f"its {what} depend {on}")
        super().check()


def _check(environment):
    needed = ("T", "S", "A", "mu0", "reward", "prob", "n_states", "n_actions")
    check_has(environment, "MFGLib", *needed)


def game_from(environment: Any, reward_range: tuple[float, float] | None = None) -> Game:
    """The game of an ``mfglib.env.Environment``.

    Parameters
    ----------
    environment : mfglib.env.Environment
    reward_range : (float, float), optional
        Lowest and highest reward; by default those that are found.

    Returns
    -------
    Game
        For :func:`mfgcore.solve` and :func:`mfgcore.evaluate`; an Experiment needs a subclass of
        :class:`MFGLibGame`. Returns and exploitabilities of ours are in units of the width of its
        `reward_range`.

    Raises
    ------
    ConfigurationError
        If it is none, or its rewards or moves depend on time or on the actions of others.
    """
    _check(environment)
    return MFGLibGame.read_from(environment, "mfglib", reward_range)


def policy_from(policy: Any, environment: Any, time: int | None = None) -> np.ndarray:
    """A policy of MFGLib, ``(T + 1, *S, *A)``, as (n_states, n_actions) float64.

    Parameters
    ----------
    policy : torch.Tensor
    environment : mfglib.env.Environment
    time : int, optional
        The time whose policy it is; by default it must not depend on time.

    Raises
    ------
    ConfigurationError
        If it is of another shape, or depends on time.
    """
    _check(environment)
    n_times = environment.T + 1
    shape = (n_times, *environment.S, *environment.A)
    values = np.array(policy, dtype=np.float64)
    if values.shape != shape:
        raise ConfigurationError(f"policy: shape {values.shape}, expected {shape}")
    values = values.reshape(n_times, environment.n_states, environment.n_actions)
    if time is None:
        apart = np.abs(values - values[0]).max(axis=(1, 2)) > ALIKE
        if apart.any():
            at = int(apart.argmax())
            raise ConfigurationError(f"policy: depends on time, as at t = {at}: time=... takes one")
        time = 0
    if not 0 <= time < n_times:
        raise ConfigurationError(f"time: {time} is not >= 0 and < {n_times}")
    return values[time] / values[time].sum(axis=-1, keepdims=True)


def policy_to(policy: np.ndarray, environment: Any) -> Any:
    """A policy, (n_states, n_actions), as one of MFGLib, the same at all times; torch.Tensor.

    Raises
    ------
    ConfigurationError
        If it is of another shape.
    """
    _check(environment)
    require("mfglib")
    import torch

    shape = environment.n_states, environment.n_actions
    if np.shape(policy) != shape:
        raise ConfigurationError(f"policy: shape {np.shape(policy)}, expected {shape}")
    values = torch.as_tensor(np.array(policy), dtype=torch.get_default_dtype())
    one = values.reshape(*environment.S, *environment.A)
    return one.expand(environment.T + 1, *one.shape).clone()
