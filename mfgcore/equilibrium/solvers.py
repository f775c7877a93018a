"""Methods that solve a mean-field game: from one policy to the next, with exact Q-functions.

A method is a generator: given a :class:`Problem` and a policy to start from, it yields that policy
and others, one in each iteration. If it names ``step_size`` after ``*``, it is started again with
half of it, from the best policy so far, where it makes no progress. A user's own is one function::

    @SOLVERS.register
    def best_responses(problem, policy):
        \"\"\"The best response to the last policy.\"\"\"
        while True:
            yield policy
            policy = problem.best_response(problem.mean_field(policy))
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mfgcore import meanfield
from mfgcore._base.arguments import checked
from mfgcore._base.registry import Registry
from mfgcore.agents import policy_improvement
from mfgcore.games import Game
from mfgcore.meanfield import PopulationMetrics
from mfgcore.meanfield.policies import checked_policies, uniform_policy

SOLVERS = Registry("method")


@checked
@dataclass(frozen=True)
class Problem:
    """A mean-field game to solve: what methods are made of.

    Parameters
    ----------
    game : Game
    discount, entropy_weight : float
        gamma in [0, 1) and lambda >= 0.

    Raises
    ------
    ConfigurationError
        If a weight is out of bounds.
    """

    game: Game
    discount: float
    entropy_weight: float
    _known: dict[bytes, PopulationMetrics] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        checked_policies(self.uniform_policy(), self.game, self.discount, self.entropy_weight)

    @property
    def weights(self) -> dict[str, Any]:
        """Discount and entropy weight; dict."""
        return {"discount": self.discount, "entropy_weight": self.entropy_weight}

    def uniform_policy(self) -> np.ndarray:
        """The policy of equal probabilities; (n_states, n_actions) float64."""
        return uniform_policy(self.game.n_states, len(self.game.actions))

    def metrics(self, policy: np.ndarray) -> PopulationMetrics:
        """Exact metrics of a population that follows a policy; those of the last one are kept."""
        key = policy.tobytes()
        if key not in self._known:
            self._known.clear()
            found = meanfield.population_metrics(policy[None], self.game, **self.weights)
            self._known[key] = found
        return self._known[key]

    def mean_field(self, policy: np.ndarray) -> np.ndarray:
        """Stationary mean field of a policy; (n_states,) float64, NaN where it is not found."""
        return self.metrics(policy).mean_field

    def q_values(self, policy: np.ndarray) -> np.ndarray:
        """Exact Q-function of a policy against its mean field; (n_states, n_actions) float64."""
        return meanfield.action_values(policy, self.mean_field(policy), self.game, **self.weights)

    def best_response(self, mean_field: np.ndarray) -> np.ndarray:
        """Best response to a mean field; (n_states, n_actions) float64."""
        return meanfield.best_response(mean_field, self.game, **self.weights).policy


@SOLVERS.register
def fixed_point(
    problem: Problem, policy: np.ndarray, *, step_size: float = 0.5
) -> Iterator[np.ndarray]:
    """Damped fixed-point iteration (Cui & Koeppl 2021): pi' = (1 - alpha) pi + alpha BR(mu^pi).

    Approximately Solving Mean Field Games via Entropy-Regularized Deep Reinforcement Learning,
    arXiv 2102.01585, whose best responses are softmax policies as here, and whose alpha is 1.
    """
    while True:
        yield policy
        best = problem.best_response(problem.mean_field(policy))
        policy = _normalised((1.0 - step_size) * policy + step_size * best)


@SOLVERS.register
def mirror_ascent(
    problem: Problem, policy: np.ndarray, *, step_size: float = 1.0
) -> Iterator[np.ndarray]:
    """Policy mirror ascent on the exact Q-function (Def. 3.2), as `algorithm: exact` takes it.

    Benjamin & Abate, arXiv 2306.02766; alpha is the paper's learning rate eta.
    """
    improve = policy_improvement.mirror_ascent
    fixed = {"entropy_weight": problem.entropy_weight, "entropy_gap": None, "max_entropy": 0.0}
    while True:
        yield policy
        q_values = problem.q_values(policy)[None]
        policy = improve(policy[None], q_values, policy_learning_rate=step_size, **fixed)[0]


@SOLVERS.register
def online_mirror_descent(
    problem: Problem, policy: np.ndarray, *, step_size: float = 1.0
) -> Iterator[np.ndarray]:
    """Online mirror descent (Perolat et al. 2021): y' = y + alpha (Q - lambda y), pi ~ exp(y).

    Scaling up Mean Field Games with Online Mirror Descent, arXiv 2103.00623. The term with lambda,
    taken at y', makes its limit the equilibrium of the regularised game.
    """
    improve, weight = policy_improvement.online_mirror_descent, problem.entropy_weight
    rate = step_size / (1.0 + step_size * weight)
    while True:
        yield policy
        logs = np.log(np.maximum(policy, policy_improvement.SMALLEST))
        regularised = problem.q_values(policy) - weight * logs
        policy = improve(policy[None], regularised[None], policy_learning_rate=rate)[0]


@SOLVERS.register
def fictitious_play(problem: Problem, policy: np.ndarray) -> Iterator[np.ndarray]:
    """Fictitious play (Perrin et al. 2020): the best response to the mean of all before it.

    Fictitious Play for Mean Field Games: Continuous Time Analysis and Applications,
    arXiv 2007.03458. What is averaged is how often agents are in a state and take an action there.
    """
    mean = problem.mean_field(policy)[:, None] * policy
    number = 1
    while True:
        yield policy
        best, number = problem.best_response(problem.mean_field(policy)), number + 1
        mean += (problem.mean_field(best)[:, None] * best - mean) / number
        # in a state where nobody ever is, what is best there
        visited = mean.sum(axis=1, keepdims=True) > policy_improvement.SMALLEST
        policy = _normalised(np.where(visited, mean, best))


def _normalised(policy):
    """Rows divided by their sums."""
    return policy / policy.sum(axis=1, keepdims=True)
