"""Transition model of a game, for the kernels of the mean field.

The kernels solve linear systems within a band about the diagonal, whose width depends on the order
of the states. They are reordered where this makes it narrower: by a breadth-first search, after
Cuthill & McKee (1969). The paper's grid with walls is in the best order already.
"""

from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore.games import Game


class TransitionModel:
    """Transitions of a game at one mean field; policies and rewards are C-ordered float64 arrays.

    Parameters
    ----------
    game : Game
    mean_field : (n_states,) float64, optional
        Only where transitions depend on it.
    """

    def __init__(self, game: Game, mean_field: np.ndarray | None = None) -> None:
        self.order, self.next_states, probabilities, _ = _banded(game)
        if game.mean_field_dynamics:
            found = game.checked_transition_probabilities(probabilities.shape, mean_field)
            probabilities = self._ordered(found, 0)
        self.transition_probabilities = probabilities
        initial = game.checked_initial_distribution()
        self.initial = np.ones(game.n_states) if initial is None else self._ordered(initial, 0)

    def _ordered(self, values, axis=1):
        if self.order is not None:
            values = np.take(values, self.order, axis=axis)
        return np.require(values, requirements=("C", "A"))

    def _reordered(self, values, axis=1):
        return values if self.order is None else np.take(values, np.argsort(self.order), axis)

    def _call(self, kernel, arrays, *numbers):
        transitions = self.next_states, self.transition_probabilities
        return kernel(*map(self._ordered, arrays), *transitions, *numbers)

    def stationary_distributions(self, policies: np.ndarray) -> np.ndarray:
        """See `mfgcore.kernels.stationary_distributions`."""
        found = self._call(kernels.stationary_distributions, [policies], self.initial)
        return self._reordered(found)

    def policy_values(
        self, policies: np.ndarray, rewards: np.ndarray, *weights: float
    ) -> np.ndarray:
        """See `mfgcore.kernels.policy_values`."""
        return self._reordered(self._call(kernels.policy_values, [policies, rewards], *weights))

    def best_responses(
        self, policies: np.ndarray, rewards: np.ndarray, *limits: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `mfgcore.kernels.best_responses`."""
        *found, residuals = self._call(kernels.best_responses, [policies, rewards], *limits)
        values, responses = map(self._reordered, found)
        return values, responses, residuals

    def bellman_gaps(
        self, policies: np.ndarray, values: np.ndarray, rewards: np.ndarray, *weights: float
    ) -> np.ndarray:
        """See `mfgcore.kernels.bellman_gaps`."""
        arrays = policies, values, rewards
        return self._reordered(self._call(kernels.bellman_gaps, arrays, *weights))

    def expected(self, future: np.ndarray) -> np.ndarray:
        """Expectations E future(next(s, a)); (n_states, n_actions) float64."""
        future = self._ordered(future, 0)
        expected = np.zeros(self.next_states.shape[:2])
        for k in range(self.next_states.shape[2]):  # in the kernels' order
            expected += self.transition_probabilities[:, :, k] * future[self.next_states[:, :, k]]
        return self._reordered(expected, 0)


def band(game: Game) -> int:
    """Largest distance between linked states, in the order in which they are taken; int.

    The exact metrics take time as n_states band**2, and memory as n_states band.
    """
    return _banded(game)[3]


def _banded(game):
    return game.cached("moves", lambda: _reorder(game))


def _reorder(game):
    """Order of the states, if not their own; next states and fixed probabilities in it; band."""
    next_states = game.checked_next_states()
    if game.mean_field_dynamics:
        probabilities = np.ones(next_states.shape)
    else:
        probabilities = game.checked_transition_probabilities(next_states.shape)
    here = np.arange(len(next_states))
    pairs = np.stack((np.broadcast_to(here[:, None, None], next_states.shape), next_states))
    linked = np.unique(pairs[:, probabilities > 0.0], axis=1)
    order = breadth_first(len(next_states), linked)
    place = np.empty_like(order)
    place[order] = here
    width, own = (int(np.ptp(states, axis=0).max()) for states in (place[linked], linked))
    if width >= own:
        probabilities = np.require(probabilities, requirements=("C", "A"))
        return None, np.ascontiguousarray(next_states), probabilities, own
    next_states = np.ascontiguousarray(place[next_states[order]].astype(np.int32))
    return order, next_states, np.ascontiguousarray(probabilities[order]), width


def breadth_first(n_states: int, linked: Any) -> np.ndarray:
    """Breadth-first order of the states from an outlying one; (n_states,) int64.

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
