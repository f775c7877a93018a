"""Where a game's policies lead, exactly: the kernels of the mean field, for any game.

The kernels solve linear systems within a band about the diagonal. How wide it is depends on the
order of the states, so that they are given in another one where this is narrower: that of a search
by breadth, as Cuthill & McKee (1969) have it. The paper's grid with walls has the best already.
"""

from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore.games import Game


class Moves:
    """The moves of a game at one mean field; policies and rewards are as the kernels want them.

    Parameters
    ----------
    game : Game
    mean_field : (n_states,) float64, optional
        Only where moves depend on it.
    """

    def __init__(self, game: "Game", mean_field: np.ndarray | None = None) -> None:
        self.order, self.outcomes, chances, _ = _made(game)
        if game.moves_depend_on_mean_field:
            chances = self._given(game.chances(chances.shape, mean_field), 0)
        self.chances = chances
        start = game.checked_start()
        self.start = np.ones(game.n_states) if start is None else self._given(start, 0)

    def _given(self, values, axis=1):
        if self.order is not None:
            values = np.take(values, self.order, axis=axis)
        return np.require(values, requirements=("C", "A"))

    def _found(self, values):
        if self.order is None:
            return values
        result = np.empty_like(values)
        result[:, self.order] = values
        return result

    def stationary_distributions(self, policies: np.ndarray) -> np.ndarray:
        """As the kernel."""
        moves = self.outcomes, self.chances, self.start
        return self._found(kernels.stationary_distributions(self._given(policies), *moves))

    def policy_values(
        self, policies: np.ndarray, rewards: np.ndarray, *weights: float
    ) -> np.ndarray:
        """As the kernel."""
        given = self._given(policies), self._given(rewards), self.outcomes, self.chances
        return self._found(kernels.policy_values(*given, *weights))

    def best_responses(
        self, policies: np.ndarray, rewards: np.ndarray, *limits: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As the kernel."""
        given = self._given(policies), self._given(rewards), self.outcomes, self.chances
        values, responses, residuals = kernels.best_responses(*given, *limits)
        return self._found(values), self._found(responses), residuals

    def bellman_gaps(
        self, policies: np.ndarray, values: np.ndarray, rewards: np.ndarray, *weights: float
    ) -> np.ndarray:
        """As the kernel."""
        given = map(self._given, (policies, values, rewards))
        return self._found(kernels.bellman_gaps(*given, self.outcomes, self.chances, *weights))

    def expected(self, future: np.ndarray) -> np.ndarray:
        """E future(next(s, a)); (n_states, n_actions) float64."""
        given = self._given(future, 0)
        expected = np.zeros(self.outcomes.shape[:2])
        for k in range(self.outcomes.shape[2]):  # in the kernels' order
            expected += self.chances[:, :, k] * given[self.outcomes[:, :, k]]
        return self._found(expected[None])[0] if self.order is None else self._unordered(expected)

    def _unordered(self, values):
        result = np.empty_like(values)
        result[self.order] = values
        return result


def band(game: "Game") -> int:
    """How far apart linked states are at the most, in the order in which they are taken; int.

    What is exact takes time as n_states band**2, and memory as n_states band.
    """
    return _made(game)[3]


def _made(game):
    if "moves" not in game.made:
        game.made["moves"] = _banded(game)
    return game.made["moves"]


def _banded(game):
    """Order of the states, if not their own, outcomes and fixed probabilities in it, the band."""
    outcomes = game.checked_outcomes()
    coupled = game.moves_depend_on_mean_field
    chances = np.ones(outcomes.shape) if coupled else game.chances(outcomes.shape)
    here = np.arange(len(outcomes))
    linked = np.unique(
        np.stack((np.broadcast_to(here[:, None, None], outcomes.shape), outcomes))[
            :, chances > 0.0
        ],
        axis=1,
    )
    order = breadth_first(len(outcomes), linked)
    place = np.empty_like(order)
    place[order] = here
    width, own = (int(np.ptp(states, axis=0).max()) for states in (place[linked], linked))
    if width >= own:
        chances = np.require(chances, requirements=("C", "A"))
        return None, np.ascontiguousarray(outcomes), chances, own
    outcomes = np.ascontiguousarray(place[outcomes[order]].astype(np.int32))
    return order, outcomes, np.ascontiguousarray(chances[order]), width


def breadth_first(n_states: int, linked: Any) -> np.ndarray:
    """Order of the states by breadth from an outlying one; (n_states,) int64.

    `linked`, (2, n), are the pairs of states that an action links.
    """
    linked_to: list[set[int]] = [set() for _ in range(n_states)]
    for one, other in linked.T.tolist():
        linked_to[one].add(other)
        linked_to[other].add(one)
    # few neighbours first, then in the order of the states: no tie is left to chance
    near = [sorted(found, key=lambda s: (len(linked_to[s]), s)) for found in linked_to]
    order: list[int] = []
    seen = [False] * n_states
    for first in sorted(range(n_states), key=lambda s: (len(near[s]), s)):
        if not seen[first]:
            last = _search(near, first)[-1]
            for s in _search(near, last):
                seen[s] = True
                order.append(s)
    return np.array(order)


def _search(near, first):
    found, seen = [first], {first}
    for state in found:
        fresh = [other for other in near[state] if other not in seen]
        seen.update(fresh)
        found.extend(fresh)
    return found
