"""Exact metrics: values, best responses and exploitability in the mean-field game.

Everything here is a function of policies alone (Definitions 2.4 and 2.5, F.2); their mean fields mu
are those of :mod:`mfgcore.meanfield.stationary`, and R(s, a) = R(s, a, mu).

How an agent of N reads a mean field is told in :meth:`mfgcore.games.model.Game.mean_field_rewards`;
transitions are those at the mean field itself. Values are those of Definition 2.4, with
s_0 ~ mu^i: an agent is valued where it is found in the long run, as the sampled return is
(Sec. 4.1), and so is its deviation. An optimal policy is optimal from every state, so it makes no
difference to the best response.

Only functions of the same bits on every processor are used: the kernels, elementwise arithmetic,
and `math.fsum`, whose correctly rounded sums do not depend on the agents' order.
"""

import math
from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, NumericalError
from mfgcore.games import Game
from mfgcore.meanfield.policies import (
    ROW_SUM_TOLERANCE,
    checked_policies,
    distinct_policies,
    policy_entropies,
    uniform_policy,
)
from mfgcore.meanfield.stationary import FLOW_TOLERANCE, agent_mean, certify, stationary_flow
from mfgcore.meanfield.transition_model import TransitionModel

# residual of the optimal recursion that is certified, relative to the largest value
TOLERANCE = 1e-13
# policy iteration converges quadratically; from anywhere it takes some tens of steps at the most
MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class BestResponse:
    """Best response of one agent to a mean field.

    Parameters
    ----------
    values : (n_states,) float64
        V(s), the value of the best response from state s on; at most V*.
    policy : (n_states, n_actions) float64
        The first best action, or the softmax of Q / lambda.
    residual : float
        ``max_s |max_u (<u, Q(s, .)> + h(u)) - V(s)|``.
    error : float
        residual / (1 - discount), which bounds V* - V everywhere.
    """

    values: np.ndarray
    policy: np.ndarray
    residual: float
    error: float


@dataclass(frozen=True)
class PopulationMetrics:
    """Exact metrics of a population; see :func:`population_metrics`.

    Parameters
    ----------
    discounted_return : float
    exploitability : float
        Of the joint policy.
    mean_individual_exploitability : float
    mean_individual_return : float
        Mean over the agents of the return if all followed the policy of this one.
    worst_individual_exploitability : float
    worst_individual_return : float
        The same of the one agent for which it is the largest, or the smallest.
    mean_field : (n_states,) float64
    residual : float
        The largest of the mean fields' residuals, joint and individual: 0 where transitions do
        not depend on them. NaN stands for what was not found, if this is above `FLOW_TOLERANCE`.
    """

    discounted_return: float
    exploitability: float
    mean_individual_exploitability: float
    mean_individual_return: float
    worst_individual_exploitability: float
    worst_individual_return: float
    mean_field: np.ndarray
    residual: float = 0.0


@checked
def policy_value(
    policy: np.ndarray,
    mean_field: np.ndarray,
    game: Game,
    *,
    discount: float,
    entropy_weight: float,
) -> np.ndarray:
    """Values of the states under a policy, against a mean field (Def. 2.4).

    It solves::

        V(s) = h(pi(s)) + sum_a pi(a|s) (R(s, a, mu) + gamma E V(s'(s, a))),
        h(u) = -lambda sum_a u_a log u_a.

    Parameters
    ----------
    policy : (n_states, n_actions) float64
    mean_field : (n_states,) float64
        mu of the population, whatever it follows.
    game : Game
    discount : float
        gamma, in [0, 1).
    entropy_weight : float
        lambda, >= 0.

    Returns
    -------
    (n_states,) float64
        V_h(pi, mu) is its mean under the initial distribution. Solved directly; the residual of
        the equation is of the order of the last bit of the largest value.

    Raises
    ------
    ConfigurationError
        If an argument is out of bounds or of another shape.
    """
    policies = checked_policies(policy, game, discount, entropy_weight, one=True)
    rewards = _rewards(mean_field, game)
    return TransitionModel(game, mean_field).policy_values(
        policies, rewards, discount, entropy_weight
    )[0]


@checked
def action_values(
    policy: np.ndarray,
    mean_field: np.ndarray,
    game: Game,
    *,
    discount: float,
    entropy_weight: float,
) -> np.ndarray:
    """Exact Q-function, which Definition 3.1 estimates; (n_states, n_actions) float64.

    It is::

        Q(s, a) = R(s, a, mu) + h(pi(s)) + gamma E V(s'(s, a)).

    Parameters, errors and tolerance are those of :func:`policy_value`.
    """
    values = policy_value(
        policy, mean_field, game, discount=discount, entropy_weight=entropy_weight
    )
    entropies = policy_entropies(checked_policies(policy, game), entropy_weight)
    payoffs = _rewards(mean_field, game) + entropies[:, :, None]
    return payoffs[0] + discount * TransitionModel(game, mean_field).expected(values)


@checked
def best_response(
    mean_field: np.ndarray,
    game: Game,
    *,
    discount: float,
    entropy_weight: float,
    start: np.ndarray | None = None,
) -> BestResponse:
    """Best response to a mean field, max_pi V_h(pi, mu) (Definition 2.5, F.2).

    It solves::

        V*(s) = max_u ( sum_a u_a Q*(s, a) + h(u) ),
        Q*(s, a) = R(s, a, mu) + gamma E V*(s'(s, a)),

    with the maximum over the simplex: lambda log sum_a exp(Q*(s, a) / lambda), or the largest Q*
    where lambda = 0. The other parameters and errors are those of :func:`policy_value`.

    Parameters
    ----------
    start : (n_states, n_actions) float64, optional
        Policy from which the policy iteration starts; the uniform one by default.

    Returns
    -------
    BestResponse
        Its residual is at most 1e-13 times the larger of 1 and the largest value: certified, not
        assumed.

    Raises
    ------
    NumericalError
        If the residual is not reached.
    """
    if start is None:
        start = uniform_policy(game.n_states, len(game.actions))
    starts = checked_policies(start, game, discount, entropy_weight, one=True)
    rewards = _rewards(mean_field, game)
    model = TransitionModel(game, mean_field)
    values, policies, residuals = _respond(starts, rewards, model, discount, entropy_weight)
    residual = float(residuals[0])
    return BestResponse(values[0], policies[0], residual, residual / (1.0 - discount))


@checked
def exploitability(
    policy: np.ndarray, game: Game, *, discount: float, entropy_weight: float
) -> float:
    """Exploitability of one policy against the mean field that it generates (F.2); float.

    It is::

        E(pi) = max_pi' V_h(pi', mu^pi) - V_h(pi, mu^pi),    s_0 ~ mu^pi (Definition 2.4).

    It is that of a population in which everybody follows the policy, (n_states, n_actions) float64:
    see :func:`population_metrics`, whose other parameters and errors it has. A mean field that is
    not found is a NumericalError.
    """
    alone = checked_policies(policy, game, one=True)
    metrics = population_metrics(alone, game, discount=discount, entropy_weight=entropy_weight)
    certify(metrics.residual)
    return metrics.exploitability


@checked
def population_metrics(
    policies: np.ndarray,
    game: Game,
    *,
    discount: float,
    entropy_weight: float,
    policy_index: np.ndarray | None = None,
) -> PopulationMetrics:
    """Exact metrics of a population: returns and exploitabilities, joint and individual.

    The discounted regularised return is the mean of the agents' V_h(pi^i, mu), s_0 ~ mu^i: what
    the sampled one of Section 4.1 estimates. The exploitability is what an agent gains by
    deviating, on average (F.2)::

        E(pi) = (1/N) sum_i [ max_pi' V_h(pi', mu) - V_h(pi^i, mu) ],    mu = (1/N) sum_i mu^i,

    each with s_0 ~ mu^i. It is 0 if, and only if, everybody responds best to all others, however
    bad each policy would be by itself (F.3). As mu^i is stationary, both are sums over the states,
    the second without the cancellation of two values::

        1 / (1 - gamma) (1/N) sum_i sum_s mu^i(s) (<pi^i(s), R(s, ., mu)> + h(pi^i(s)))
        1 / (1 - gamma) (1/N) sum_i sum_s mu^i(s) [ max_u (<u, Q*(s, .)> + h(u))
                                                    - <pi^i(s), Q*(s, .)> - h(pi^i(s)) ].

    The individual ones are the same with mu^i in place of mu: what the agents would have, on
    average, were all to follow the policy of one (F.2, last formula; F.3). The paper averages
    over the N - 1 agents that a sampled deviator leaves. Nobody has to be left out here; averaged
    over all deviators, the paper's formula is this one.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
    game : Game
    discount, entropy_weight : float
        gamma in [0, 1) and lambda >= 0.
    policy_index : (n_agents,) int, optional
        Row of `policies` that each agent follows; by default there is one agent to each.

    Returns
    -------
    PopulationMetrics
        Exploitabilities are at least 0. Their error is at most gamma / (1 - gamma) times that of
        the best response, at gamma = 0.9 some 1e-12. All are the same to the last bit in whatever
        order the agents come and whether or not equal policies share a row. NaN where the mean
        field is a fixed point that is not found.

    Raises
    ------
    ConfigurationError, NumericalError
        See :func:`best_response`.
    """
    policies = checked_policies(policies, game, discount, entropy_weight)
    policies, shares = distinct_policies(policies, policy_index)
    mean_fields, residual = stationary_flow(policies, shares, game)
    mean_field = agent_mean(mean_fields, shares)
    entropies = policy_entropies(policies, entropy_weight)

    def against(met, starts, own=slice(None)):
        """Terms of return and exploitability of policies at one mean field, or each at its own."""
        rewards, model = game.mean_field_rewards(met), TransitionModel(game, met[0])
        values, _, _ = _respond(starts, rewards, model, discount, entropy_weight)
        gaps = model.bellman_gaps(policies[own], values, rewards, discount, entropy_weight)
        return _expected(policies[own], rewards) + entropies[own], gaps

    def summed(found, terms):
        weights = found * shares[:, None]
        return [math.fsum((weights * each).ravel()) / (1.0 - discount) for each in terms]

    if game.mean_field_dynamics and len(policies) > 1:  # each has transitions of its own
        flows = [stationary_flow(one[None], np.ones(1), game) for one in policies]
        alone, residuals = (
            np.concatenate([found for found, _ in flows]),
            [each for _, each in flows],
        )
        rows = [slice(row, row + 1) for row in range(len(policies))]
        terms = [against(alone[own], policies[own], own) for own in rows]
        terms = [np.concatenate(parts) for parts in zip(*terms, strict=True)]
    else:
        alone, residuals = mean_fields, [residual]
        terms = against(alone, policies)
    individual: tuple[float, float] = summed(alone, terms)
    joint = individual
    returns, gaps = ((alone * each).sum(axis=1) / (1.0 - discount) for each in terms)
    worst = float(gaps.max()), float(returns.min())
    if len(policies) > 1:
        # where the search for the response starts must not depend on the agents' order
        even = uniform_policy(game.n_states, len(game.actions))[None]
        joint = summed(mean_fields, against(mean_field[None], even))
    if not residual <= FLOW_TOLERANCE:
        joint, mean_field = (math.nan, math.nan), np.full_like(mean_field, math.nan)
    if not max(residuals) <= FLOW_TOLERANCE:
        individual = worst = math.nan, math.nan
    residual = max(residual, *residuals)
    gap, own_return = individual[::-1]
    return PopulationMetrics(
        joint[0], joint[1], gap, own_return, worst[0], worst[1], mean_field, residual
    )


def _expected(policies, rewards):
    """<pi(s), R(s, .)>, summed as the kernels do; (n, n_states) float64."""
    total = rewards[:, :, 0] + np.zeros(policies.shape[:2])
    for a in range(1, rewards.shape[2]):
        total += policies[:, :, a] * (rewards[:, :, a] - rewards[:, :, 0])
    return total


def _respond(starts, rewards, model, discount, entropy_weight):
    """Values, policies and residuals of the best responses to rewards; one row each."""
    values, policies, residuals = model.best_responses(
        starts, rewards, discount, entropy_weight, TOLERANCE, MAX_ITERATIONS
    )
    allowed = TOLERANCE * np.maximum(1.0, np.abs(values).max(axis=1))
    if not (residuals <= allowed).all():  # also if one is NaN
        raise NumericalError(
            f"the best response's residual {residuals.max():.3g} is above {allowed.min():.3g}; "
            f"discount = {discount} is too near 1 for double precision"
        )
    return values, policies, residuals


def _rewards(mean_field, game):
    mean_field = np.asarray(mean_field, dtype=np.float64)
    if mean_field.shape != (game.n_states,):
        raise ConfigurationError(
            f"mean_field: has shape {mean_field.shape}, expected {(game.n_states,)}"
        )
    if not kernels.are_distributions(mean_field, ROW_SUM_TOLERANCE):
        raise ConfigurationError("mean_field: is not a distribution over the states")
    return game.mean_field_rewards(mean_field)[None]
