"""MF-Garnets: random games, the same seed the same game."""

from functools import cached_property
from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore._base.errors import ConfigurationError, unknown_name
from mfgcore.games.model import Game, register

CHOICES = {
    "dynamics": ("additive", "multiplicative"),
    "reward": ("additive", "multiplicative"),
    "interaction": ("potential", "cyclic"),
}
LARGEST = 2**28  # numbers of C: 1 GiB


@register
class Garnet(Game):
    """A random game of given size, branching and coupling.

    MF-Garnets of Bench-MFG (arXiv 2602.12517): p(y | s, a, mu) is proportional to
    relu(c P(y) + k (C mu)(y)), or relu(P(y) (c + k (C mu)(y))) if multiplicative;
    r(s, a, mu) = c' R(s, a) + k' (M mu)(s), or R(s, a) (c' + k' (M mu)(s)). P = P(s, a) has at
    most `branching` entries, C = C(s, a), R and M are normal, M symmetric in a potential game and
    antisymmetric in a cyclic one; k is `coupling`, and coefficients that are not given are drawn
    from [0, 1]. A seed gives the game that it gives in Bench-MFG. Where nothing is left above 0,
    moves follow P, there they all lead to the last state; `floor` is added everywhere.
    """

    states: int = 20
    n_actions: int = 6
    branching: int = 6
    game_seed: int = 0
    dynamics: str = "additive"
    reward: str = "additive"
    interaction: str = "potential"
    coupling: float | None = None
    move_base: float | None = None
    reward_base: float | None = None
    reward_coupling: float | None = None
    floor: float = 0.0

    n_states = property(lambda self: self.states)
    actions = property(lambda self: tuple(str(action) for action in range(self.n_actions)))
    mean_field_dynamics = property(lambda self: self.drawn[0][1] != 0.0)
    extra_bytes = property(lambda self: 4.0 * self.states**3 * self.n_actions)
    # each product of the pull and a mean field is a twentieth of what else an outcome takes
    evaluation_cost = property(
        lambda self: (1.0 + self.states / 20.0) * self.states**2 * self.n_actions
    )

    def check(self) -> None:
        """Check also choices and sizes, before anything is drawn."""
        if self.branching > self.states:
            raise ConfigurationError(
                f"branching: {self.branching} is not <= states = {self.states}"
            )
        if self.states**3 * self.n_actions > LARGEST:
            most = int((LARGEST / self.n_actions) ** (1 / 3))
            raise ConfigurationError(
                f"states: {self.states} is not <= {most}, the most of a garnet with "
                f"{self.n_actions} actions"
            )
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                self.refuse(unknown_name(key, getattr(self, key), choices))
        super().check()

    @cached_property
    def drawn(self) -> tuple[Any, ...]:
        """Coefficients, P, C, R and M."""
        rng, S, A = np.random.default_rng(self.game_seed), self.states, self.n_actions
        given = (self.move_base, self.coupling, self.reward_base, self.reward_coupling)
        drawn = [rng.uniform() for _ in given]
        base = np.zeros((S, A, S))
        for s, a in np.ndindex(S, A):  # one at a time: the order of the draws is Bench-MFG's
            successors = rng.integers(S, size=self.branching)
            base[s, a, successors] = rng.dirichlet(np.ones(self.branching))
        # as Bench-MFG has it, and half the memory
        pull = np.empty((S, S, A, S), dtype=np.float32)  # by the agents' state: sums run over it
        for s in range(S):
            pull[:, s] = rng.normal(size=(A, S, S)).transpose(2, 0, 1)
        pull = np.moveaxis(pull, 0, -1)
        own, between = rng.normal(size=(S, A)), rng.normal(size=(S, S))
        between = (between + {"potential": 1, "cyclic": -1}[self.interaction] * between.T) / 2
        coefficients = [d if g is None else g for d, g in zip(drawn, given, strict=True)]
        return coefficients, base, pull, own, between

    def next_states(self) -> np.ndarray:
        """All states, of which every one is a possible successor."""
        everywhere = np.arange(self.states, dtype=np.int32)
        return np.broadcast_to(everywhere, (self.states, self.n_actions, self.states))

    def transition_probabilities(self, mean_field: np.ndarray | None = None) -> np.ndarray:
        """Probabilities in proportion to the positive part of the intensities."""
        (c, k, *_), base, pull, *_ = self.drawn
        pulled = 0.0
        if k:
            by_state = np.moveaxis(pull, -1, 0).reshape(self.states, -1)
            felt = kernels.weighted_sum(by_state, mean_field)
            pulled = k * felt.reshape(base.shape)
        intensity = c * base + pulled if self.dynamics == "additive" else base * (c + pulled)
        intensity = np.maximum(intensity, 0.0) + self.floor
        nothing = ~(intensity > 0.0).any(axis=2, keepdims=True)
        if nothing.any():
            intensity = np.where(nothing, base, intensity)
        return intensity / np.cumsum(intensity, axis=2)[:, :, -1:]

    def _coupled(
        self, felt
    ):  # influence of the others, (..., n_states) -> (..., n_states, n_actions)
        (*_, c, k), _, _, own, _ = self.drawn
        felt = k * felt[..., None]
        return c * own + felt if self.reward == "additive" else own * (c + felt)

    @cached_property
    def reward_range(self) -> tuple[float, float]:
        """Extremes of the rewards: linear in mu, they are where all are in one state."""
        extremes = self._coupled(self.drawn[-1].T)
        return extremes.min(), extremes.max()

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Drawn rewards, coupled to the mean field."""
        by_state = np.ascontiguousarray(self.drawn[-1].T)
        each = mean_fields.reshape(-1, self.states)
        felt = np.array([kernels.weighted_sum(by_state, mean_field) for mean_field in each])
        return self.normalised(self._coupled(felt.reshape(mean_fields.shape)), mean_fields)
