"""The exact metrics: the mean-field game of infinitely many agents, solved without sampling.

Everything here is a function of policies alone (Definitions 2.4 and 2.5, F.2). Moves do not depend
on where others are. So every agent has a stationary distribution of its own, mu^i, the mean field
of a joint policy is the mean of these, and no fixed point has to be found:

    mu^i = mu^i P_i,    mu = (1/N) sum_i mu^i,    R(s) = R(s, mu).

How a reward that was written for N agents reads a fraction mu(s) is told in
:mod:`mfgcore.games`. Values are those of Definition 2.4, with s_0 ~ mu^i: an agent is valued where
it is found in the long run, as the sampled return is (Sec. 4.1), and so is its deviation. An
optimal policy is optimal from every cell, so it makes no difference to the best response.

Only functions of the same bits on every processor are used: the kernels, elementwise arithmetic,
and :func:`math.fsum`, whose correctly rounded sums do not depend on the agents' order.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore.errors import ConfigurationError, NumericalError
from mfgcore.games import ACTIONS

# residual of the optimal recursion that is certified, relative to the largest value
TOLERANCE = 1e-13
# policy iteration converges quadratically; from anywhere it takes some tens of steps at the most
MAX_ITERATIONS = 1000
ROW_SUM_TOLERANCE = 1e-9


@dataclass(frozen=True)
class BestResponse:
    """The best that one agent can do against a mean field.

    Parameters
    ----------
    values : (n_states,) float64
        V(s), the value of playing best from cell s on; at most V*.
    policy : (n_states, n_actions) float64
        What to do: the first best action, or the softmax of Q / lambda.
    residual : float
        max_s |max_u (<u, Q(s, .)> + h(u)) - V(s)|.
    error : float
        residual / (1 - discount), which bounds V* - V everywhere.
    """

    values: np.ndarray
    policy: np.ndarray
    residual: float
    error: float


@dataclass(frozen=True)
class PopulationMetrics:
    """The exact metrics of a population; see :func:`population_metrics`.

    Parameters
    ----------
    discounted_return : float
    exploitability : float
        Of the joint policy.
    mean_individual_exploitability : float
    mean_individual_return : float
        What the agents would get on average, were all to follow the policy of one.
    mean_field : (n_states,) float64
    """

    discounted_return: float
    exploitability: float
    mean_individual_exploitability: float
    mean_individual_return: float
    mean_field: np.ndarray


def stationary_distribution(policy, game):
    """Stationary distribution mu = mu P of an agent that follows a policy (Definition 2.5).

    Where a policy without full support leaves several sets of cells that are never left again,
    there is a stationary distribution for each. Then, and where the chain has a period, it is the
    long-run average from the uniform distribution over the cells (D2),

        mu = lim_{T -> inf} (1/T) sum_{t < T} u P^t,    u = 1 / n_states.

    Parameters
    ----------
    policy : (n_states, n_actions) or (n_policies, n_states, n_actions) float64
    game : Game

    Returns
    -------
    (n_states,) or (n_policies, n_states) float64
        Sums to 1. Every entry has a small relative error (some 1e-14 on 64 cells), however nearly
        reducible the chain: the elimination of Grassmann, Taksar & Heyman (1985) subtracts
        nothing, and is done with numbers of unbounded exponent. Only an entry below 1e-308 of the
        largest is lost.

    Raises
    ------
    ConfigurationError
        If a policy has another shape, or a row that is no distribution.
    """
    policies = _checked(policy, game, one=np.ndim(policy) == 2)
    mean_fields = _stationary(policies, game.grid)
    return mean_fields[0] if np.ndim(policy) == 2 else mean_fields


def policy_value(policy, mean_field, game, *, discount, entropy_weight):
    """Value of every cell for an agent that follows a policy against a mean field (Def. 2.4).

        V(s) = R(s, mu) + h(pi(s)) + gamma sum_a pi(a|s) V(s'(s, a)),
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
    policies = _checked(policy, game, discount, entropy_weight, one=True)
    rewards = _rewards(mean_field, game)
    tables = _narrowed(game.grid)
    values = kernels.policy_values(
        tables.cells_in(policies), tables.cells_in(rewards), tables.next_state, discount,
        entropy_weight,
    )  # fmt: skip
    return tables.cells_out(values)[0]


def action_values(policy, mean_field, game, *, discount, entropy_weight):
    """The Q-function that Definition 3.1 estimates, exactly.

        Q(s, a) = R(s, mu) + h(pi(s)) + gamma V(s'(s, a)).

    Parameters, errors and tolerance are those of :func:`policy_value`.

    Returns
    -------
    (n_states, n_actions) float64
    """
    values = policy_value(
        policy, mean_field, game, discount=discount, entropy_weight=entropy_weight
    )
    payoffs = _rewards(mean_field, game)[0] + _entropies(_checked(policy, game), entropy_weight)[0]
    return payoffs[:, None] + discount * values[game.grid.next_state()]


def joint_mean_field(policies, game, *, policy_index=None):
    """Mean field of a joint policy, the mean of the agents' stationary distributions.

    Parameters, errors and invariances are those of :func:`population_exploitability`.

    Returns
    -------
    (n_states,) float64
        Sums to 1.
    """
    policies, counts = _distinct(_checked(policies, game), policy_index)
    return _mean(_stationary(policies, game.grid), counts)


def best_response(mean_field, game, *, discount, entropy_weight, start=None):
    """The best response to a mean field, max_pi V_h(pi, mu) (Definition 2.5, F.2).

        V*(s) = max_u ( sum_a u_a Q*(s, a) + h(u) ),    Q*(s, a) = R(s, mu) + gamma V*(s'(s, a)),

    with the maximum over the simplex: lambda log sum_a exp(Q*(s, a) / lambda), or the largest Q*
    where lambda = 0.

    Parameters
    ----------
    mean_field : (n_states,) float64
    game : Game
    discount, entropy_weight : float
        gamma in [0, 1) and lambda >= 0.
    start : (n_states, n_actions) float64, optional
        Policy from which the policy iteration starts; the uniform one by default.

    Returns
    -------
    BestResponse
        Its residual is at most 1e-13 times the larger of 1 and the largest value: certified, not
        assumed.

    Raises
    ------
    ConfigurationError
        If an argument is out of bounds or of another shape.
    NumericalError
        If the residual is not reached.
    """
    if start is None:
        start = np.full((game.grid.n_states, len(ACTIONS)), 1.0 / len(ACTIONS))
    starts = _checked(start, game, discount, entropy_weight, one=True)
    values, policies, residuals = _respond(
        starts, _rewards(mean_field, game), game.grid, discount, entropy_weight
    )
    residual = float(residuals[0])
    return BestResponse(values[0], policies[0], residual, residual / (1.0 - discount))


def exploitability(policy, game, *, discount, entropy_weight):
    """Exploitability of one policy against the mean field that it generates (F.2).

        E(pi) = max_pi' V_h(pi', mu^pi) - V_h(pi, mu^pi),    s_0 ~ mu^pi (Definition 2.4).

    As mu^pi is stationary, this difference of two values is, without their cancellation,

        E(pi) = 1 / (1 - gamma) sum_s mu^pi(s) [ max_u (<u, Q*(s, .)> + h(u))
                                                 - <pi(s), Q*(s, .)> - h(pi(s)) ].

    Parameters
    ----------
    policy : (n_states, n_actions) float64
    game : Game
    discount, entropy_weight : float
        gamma in [0, 1) and lambda >= 0.

    Returns
    -------
    float
        At least 0. Its error is at most gamma / (1 - gamma) times that of the best response, at
        gamma = 0.9 some 1e-12.

    Raises
    ------
    ConfigurationError, NumericalError
        See :func:`best_response`.
    """
    policies = _checked(policy, game, discount, entropy_weight, one=True)
    mean_fields = _stationary(policies, game.grid)
    return _individual(policies, mean_fields, game, discount, entropy_weight)[0]


def population_exploitability(policies, game, *, discount, entropy_weight, policy_index=None):
    """Exploitability of a joint policy: what an agent gains by deviating, on average (F.2).

        E(pi) = (1/N) sum_i [ max_pi' V_h(pi', mu) - V_h(pi^i, mu) ],    mu = (1/N) sum_i mu^i,

    each with s_0 ~ mu^i. It is 0 if, and only if, everybody responds best to all others, however
    bad each policy would be by itself (F.3).

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
    float
        At least 0, with the error of :func:`exploitability`. The same to the last bit in
        whatever order the agents come and whether or not equal policies share a row.

    Raises
    ------
    ConfigurationError, NumericalError
        See :func:`best_response`.
    """
    policies, counts = _distinct(_checked(policies, game, discount, entropy_weight), policy_index)
    mean_fields = _stationary(policies, game.grid)
    mean_field = _mean(mean_fields, counts)
    return _joint(policies, counts, mean_fields, mean_field, game, discount, entropy_weight)


def individual_exploitabilities(policies, game, *, discount, entropy_weight):
    """Exploitability of every policy, each against the mean field that it alone generates.

    Parameters, errors and tolerance are those of :func:`population_exploitability`.

    Returns
    -------
    (n_policies,) float64
        See :func:`exploitability`.
    """
    policies = _checked(policies, game, discount, entropy_weight)
    distinct, rows = _unique(policies)
    mean_fields = _stationary(distinct, game.grid)
    return np.array(_individual(distinct, mean_fields, game, discount, entropy_weight))[rows]


def mean_individual_exploitability(policies, game, *, discount, entropy_weight, policy_index=None):
    """Average exploitability of the individual policies of a joint policy (F.2, last formula).

        (1/N) sum_i [ max_pi' V_h(pi', mu^i) - V_h(pi^i, mu^i) ].

    The paper averages over the N - 1 agents that a sampled deviator leaves. Nobody has to be
    left out here; averaged over all deviators, the paper's formula is this one.

    Parameters, errors, tolerance and invariances are those of :func:`population_exploitability`.

    Returns
    -------
    float
    """
    policies, counts = _distinct(_checked(policies, game, discount, entropy_weight), policy_index)
    mean_fields = _stationary(policies, game.grid)
    single = _individual(policies, mean_fields, game, discount, entropy_weight)
    return float(_mean(single, counts))


def population_metrics(policies, game, *, discount, entropy_weight, policy_index=None):
    """All exact metrics of a population; what they share is computed once.

    The discounted regularised return is the mean of the agents' V_h(pi^i, mu), s_0 ~ mu^i: what
    the sampled one of Section 4.1 estimates. As mu^i is stationary,

        (1/N) sum_i V_h(pi^i, mu)
            = 1 / (1 - gamma) (1/N) sum_i sum_s mu^i(s) (R(s, mu) + h(pi^i(s))).

    The mean individual return is that of V_h(pi^i, mu^i): R(s, mu^i) in place of R(s, mu) (F.3).

    Parameters, errors and tolerance are those of :func:`population_exploitability`.

    Returns
    -------
    PopulationMetrics
    """
    policies, counts = _distinct(_checked(policies, game, discount, entropy_weight), policy_index)
    mean_fields = _stationary(policies, game.grid)
    mean_field = _mean(mean_fields, counts)
    entropies = _entropies(policies, entropy_weight)
    payoffs = _rewards(mean_field, game) + entropies
    joint = _joint(policies, counts, mean_fields, mean_field, game, discount, entropy_weight)
    if counts.size == 1:
        single, payoffs_alone = [joint], payoffs  # a shared policy is its own population
    else:
        single = _individual(policies, mean_fields, game, discount, entropy_weight)
        payoffs_alone = game.mean_field_rewards(mean_fields) + entropies
    return PopulationMetrics(
        discounted_return=_expectation(mean_fields, payoffs, counts) / (1.0 - discount),
        exploitability=joint,
        mean_individual_exploitability=float(_mean(single, counts)),
        mean_individual_return=_expectation(mean_fields, payoffs_alone, counts) / (1.0 - discount),
        mean_field=mean_field,
    )


def _joint(policies, counts, mean_fields, mean_field, game, discount, entropy_weight):
    """Exploitability of the joint policy in which `counts` agents follow each policy."""
    rewards = _rewards(mean_field, game)
    # where the iteration starts must not depend on the agents' order; an agent's own policy is
    # near the best response if there is but one
    start = policies if counts.size == 1 else np.full_like(policies[:1], 1.0 / len(ACTIONS))
    values, _, _ = _respond(start, rewards, game.grid, discount, entropy_weight)
    gaps = _gaps(policies, values, rewards, game.grid, discount, entropy_weight)
    return _expectation(mean_fields, gaps, counts) / (1.0 - discount)


def _individual(policies, mean_fields, game, discount, entropy_weight):
    """Exploitability of each policy against its own mean field; list of float."""
    rewards = game.mean_field_rewards(mean_fields)
    values, _, _ = _respond(policies, rewards, game.grid, discount, entropy_weight)
    gaps = _gaps(policies, values, rewards, game.grid, discount, entropy_weight)
    return [math.fsum(row) / (1.0 - discount) for row in (mean_fields * gaps).tolist()]


def _respond(starts, rewards, grid, discount, entropy_weight):
    """Values, policies and residuals of the best responses to rewards; one row each."""
    tables = _narrowed(grid)
    values, policies, residuals = kernels.best_responses(
        tables.cells_in(starts), tables.cells_in(rewards), tables.next_state, discount,
        entropy_weight, TOLERANCE, MAX_ITERATIONS,
    )  # fmt: skip
    allowed = TOLERANCE * np.maximum(1.0, np.abs(values).max(axis=1))
    if not (residuals <= allowed).all():  # also if one is NaN
        raise NumericalError(
            f"the best response's residual {residuals.max():.3g} is above {allowed.min():.3g}; "
            f"discount = {discount} is too near 1 for double precision"
        )
    return tables.cells_out(values), tables.cells_out(policies), residuals


def _gaps(policies, values, rewards, grid, discount, entropy_weight):
    return kernels.bellman_gaps(
        policies, values, rewards, grid.next_state(), discount, entropy_weight
    )


def _stationary(policies, grid):
    tables = _narrowed(grid)
    return tables.cells_out(
        kernels.stationary_distributions(tables.cells_in(policies), tables.next_state)
    )


def _entropies(policies, entropy_weight):
    """h(pi(s)) of every policy; (n_policies, n_states) float64."""
    # 0 log 0 = 0; the smallest double stands for 0
    logarithms = kernels.log(np.maximum(policies, 5e-324))
    terms = policies * logarithms
    total = terms[..., 0].copy()
    for action in range(1, terms.shape[-1]):
        total += terms[..., action]
    return -entropy_weight * total


def _rewards(mean_field, game):
    mean_field = np.asarray(mean_field, dtype=np.float64)
    if mean_field.shape != (game.grid.n_states,):
        raise ConfigurationError(
            f"mean_field: has shape {mean_field.shape}, expected {(game.grid.n_states,)}"
        )
    if not (mean_field >= 0.0).all() or abs(math.fsum(mean_field) - 1.0) > ROW_SUM_TOLERANCE:
        raise ConfigurationError("mean_field: is not a distribution over the cells")
    return game.mean_field_rewards(mean_field)[None]


def _mean(rows, counts):
    """Mean over the agents of one row for each policy; correctly rounded sums."""
    weighted = np.asarray(rows).T * counts
    total = [math.fsum(column) for column in np.atleast_2d(weighted).tolist()]
    return np.array(total if np.ndim(rows) > 1 else total[0]) / counts.sum()


def _expectation(mean_fields, terms, counts):
    """Mean over the agents of sum_s mu^i(s) terms^i(s)."""
    return math.fsum((mean_fields * terms * counts[:, None]).ravel()) / float(counts.sum())


def _unique(policies):
    """The distinct policies, and which of them each row is."""
    rows, first = {}, []
    index = np.empty(len(policies), dtype=np.int64)
    for i, policy in enumerate(policies):
        index[i] = rows.setdefault(policy.tobytes(), len(rows))
        if index[i] == len(first):
            first.append(i)
    return np.ascontiguousarray(policies[first]), index


def _distinct(policies, policy_index):
    """The distinct policies of a population and the number of agents that follow each."""
    if policy_index is None:
        policy_index = np.arange(policies.shape[0])
    policy_index = np.asarray(policy_index)
    if (
        policy_index.ndim != 1
        or policy_index.size == 0
        or policy_index.dtype.kind not in "iu"
        or policy_index.min() < 0
        or policy_index.max() >= policies.shape[0]
    ):
        raise ConfigurationError(
            f"policy_index: is not one row of the {policies.shape[0]} policies for each agent"
        )
    distinct, rows = _unique(policies)
    counts = np.bincount(rows[policy_index], minlength=distinct.shape[0])
    return np.ascontiguousarray(distinct[counts > 0]), counts[counts > 0].astype(np.float64)


def _checked(policies, game, discount=0.0, entropy_weight=0.0, one=False):
    """The policies as a C-ordered (n, n_states, n_actions) float64 array, if all is in order."""
    if not 0.0 <= discount < 1.0:
        raise ConfigurationError(f"discount: {discount!r} is not >= 0 and < 1")
    if not 0.0 <= entropy_weight < math.inf:
        raise ConfigurationError(f"entropy_weight: {entropy_weight!r} is not a number >= 0")
    given = np.shape(policies)
    policies = np.ascontiguousarray(policies, dtype=np.float64)
    if policies.ndim == 2:
        policies = policies[None]
    shape = (game.grid.n_states, len(ACTIONS))
    if policies.ndim != 3 or policies.shape[1:] != shape or (one and policies.shape[0] != 1):
        wanted = shape if one else ("n_policies", *shape)
        raise ConfigurationError(f"policies: have shape {given}, expected {wanted}")
    if policies.shape[0] == 0:
        raise ConfigurationError("policies: there is none")
    if (
        not (policies >= 0.0).all()
        or not (np.abs(policies.sum(axis=2) - 1.0) <= ROW_SUM_TOLERANCE).all()
    ):
        raise ConfigurationError("policies: a row is not a distribution over the actions")
    return policies


@dataclass(frozen=True)
class _NarrowedGrid:
    """A grid with its cells in an order in which the kernels find few places between links."""

    next_state: np.ndarray
    order: np.ndarray | None  # None: the order of the states

    def cells_in(self, array):
        """An array over (n, states, ...) with the states in this order."""
        return array if self.order is None else np.ascontiguousarray(array[:, self.order])

    def cells_out(self, array):
        """The inverse of :meth:`cells_in`."""
        if self.order is None:
            return array
        result = np.empty_like(array)
        result[:, self.order] = array
        return result


@functools.lru_cache(maxsize=8)
def _narrowed(grid):
    order = grid.narrow_order()
    next_state = grid.next_state()
    if (order == np.arange(grid.n_states)).all():
        return _NarrowedGrid(next_state, None)
    place = np.argsort(order).astype(np.int32)
    return _NarrowedGrid(np.ascontiguousarray(place[next_state[order]]), order)
