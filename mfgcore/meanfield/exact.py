"""The exact metrics: the mean-field game of infinitely many agents, solved without sampling.

Everything here is a function of policies alone (Definitions 2.4 and 2.5, F.2). Where moves do not
depend on where others are, every agent has a stationary distribution of its own, mu^i, the mean
field of a joint policy is the mean of these, and no fixed point has to be found::

    mu^i = mu^i P_i,    mu = (1/N) sum_i mu^i,    R(s, a) = R(s, a, mu).

Where they do, P_i is P_i(mu), and there may be many fixed points, or none. The mean field is then
the limit of the population's own flow from where it starts, mu^i -> mu^i P_i(mu), in which half of
the agents rest at every step, so that no period is left: a fixed point whose residual is at most
1e-12, or it is missing.

How an agent of N reads a mean field is told in :meth:`mfgcore.games.Game.mean_field_rewards`; moves
are those at the mean field itself. Values are those of Definition 2.4, with s_0 ~ mu^i: an agent is
valued where it is found in the long run, as the sampled return is (Sec. 4.1), and so is its
deviation. An optimal policy is optimal from every state, so it makes no difference to the best
response.

Only functions of the same bits on every processor are used: the kernels, elementwise arithmetic,
and `math.fsum`, whose correctly rounded sums do not depend on the agents' order.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, NumericalError
from mfgcore.agents.population import uniform_policy
from mfgcore.games import Game
from mfgcore.meanfield.transition_model import Moves

# residual of a fixed point: the largest change of a share in one step
FLOW_TOLERANCE = 1e-12
MAX_PUSHES = 10_000
EXTRAPOLATED = 10  # pushes between two extrapolations
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
        V(s), the value of playing best from state s on; at most V*.
    policy : (n_states, n_actions) float64
        What to do: the first best action, or the softmax of Q / lambda.
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
    """The exact metrics of a population; see :func:`population_metrics`.

    Parameters
    ----------
    discounted_return : float
    exploitability : float
        Of the joint policy.
    mean_individual_exploitability : float
    mean_individual_return : float
        What the agents would get on average, were all to follow the policy of one.
    worst_individual_exploitability : float
    worst_individual_return : float
        The same of the one agent for which it is the largest, or the smallest.
    mean_field : (n_states,) float64
    residual : float
        The largest of the mean fields' residuals, joint and individual: 0 where moves do not
        depend on them. NaN stands for what was not found, if this is above `FLOW_TOLERANCE`.
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
def stationary_distribution(policy: np.ndarray, game: "Game") -> np.ndarray:
    """Stationary distribution mu = mu P of an agent that follows a policy (Definition 2.5).

    Where a policy without full support leaves several sets of states that are never left again,
    there is a stationary distribution for each. Then, and where the chain has a period, it is the
    long-run average from where agents start, such as evenly over the states (D2)::

        mu = lim_{T -> inf} (1/T) sum_{t < T} u P^t,    u = 1 / n_states.

    Where moves depend on the mean field, it is that of a population which follows the policy.

    Parameters
    ----------
    policy : (n_states, n_actions) or (n_policies, n_states, n_actions) float64
    game : Game

    Returns
    -------
    (n_states,) or (n_policies, n_states) float64
        Sums to 1. Every entry has a small relative error (some 1e-14 on 64 states), however nearly
        reducible the chain: the elimination of Grassmann, Taksar & Heyman (1985) subtracts
        nothing, and is done with numbers of unbounded exponent. Only an entry below 1e-308 of the
        largest is lost.

    Raises
    ------
    ConfigurationError
        If a policy has another shape, or a row that is no distribution.
    NumericalError
        If moves depend on the mean field, and the fixed point is not found.
    """
    policies = _checked(policy, game, one=np.ndim(policy) == 2)
    if game.moves_depend_on_mean_field:
        flows = [_flow(one[None], np.ones(1), game) for one in policies]
        _certify(max(residual for _, residual in flows))
        mean_fields = np.concatenate([found for found, _ in flows])
    else:
        mean_fields = Moves(game).stationary_distributions(policies)
    return mean_fields[0] if np.ndim(policy) == 2 else mean_fields


@checked
def joint_mean_field(
    policies: np.ndarray, game: "Game", *, policy_index: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Mean of the agents' stationary distributions, the mean field of a joint policy.

    Parameters, errors and invariances are those of :func:`population_metrics`. It is (n_states,)
    float64, and sums to 1.
    """
    policies, shares = _distinct(_checked(policies, game), policy_index)
    mean_fields, residual = _flow(policies, shares, game)
    _certify(residual)
    return _mean(mean_fields, shares)


@checked
def policy_value(
    policy: np.ndarray,
    mean_field: np.ndarray,
    game: "Game",
    *,
    discount: float,
    entropy_weight: float,
) -> np.ndarray:
    """Value of every state for an agent that follows a policy against a mean field (Def. 2.4).

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
    policies = _checked(policy, game, discount, entropy_weight, one=True)
    rewards = _rewards(mean_field, game)
    return Moves(game, mean_field).policy_values(policies, rewards, discount, entropy_weight)[0]


@checked
def action_values(
    policy: np.ndarray,
    mean_field: np.ndarray,
    game: "Game",
    *,
    discount: float,
    entropy_weight: float,
) -> np.ndarray:
    """The Q-function that Definition 3.1 estimates, exactly; (n_states, n_actions) float64.

    It is::

        Q(s, a) = R(s, a, mu) + h(pi(s)) + gamma E V(s'(s, a)).

    Parameters, errors and tolerance are those of :func:`policy_value`.
    """
    values = policy_value(
        policy, mean_field, game, discount=discount, entropy_weight=entropy_weight
    )
    entropies = _entropies(_checked(policy, game), entropy_weight)
    payoffs = _rewards(mean_field, game) + entropies[:, :, None]
    return payoffs[0] + discount * Moves(game, mean_field).expected(values)


@checked
def best_response(
    mean_field: np.ndarray,
    game: "Game",
    *,
    discount: float,
    entropy_weight: float,
    start: np.ndarray | None = None,
) -> BestResponse:
    """The best response to a mean field, max_pi V_h(pi, mu) (Definition 2.5, F.2).

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
    starts = _checked(start, game, discount, entropy_weight, one=True)
    rewards = _rewards(mean_field, game)
    moves = Moves(game, mean_field)
    values, policies, residuals = _respond(starts, rewards, moves, discount, entropy_weight)
    residual = float(residuals[0])
    return BestResponse(values[0], policies[0], residual, residual / (1.0 - discount))


@checked
def exploitability(
    policy: np.ndarray, game: "Game", *, discount: float, entropy_weight: float
) -> float:
    """Exploitability of one policy against the mean field that it generates (F.2); float.

    It is::

        E(pi) = max_pi' V_h(pi', mu^pi) - V_h(pi, mu^pi),    s_0 ~ mu^pi (Definition 2.4).

    It is that of a population in which everybody follows the policy, (n_states, n_actions) float64:
    see :func:`population_metrics`, whose other parameters and errors it has. A mean field that is
    not found is a NumericalError.
    """
    alone = _checked(policy, game, one=True)
    metrics = population_metrics(alone, game, discount=discount, entropy_weight=entropy_weight)
    _certify(metrics.residual)
    return metrics.exploitability


@checked
def population_metrics(
    policies: np.ndarray,
    game: "Game",
    *,
    discount: float,
    entropy_weight: float,
    policy_index: np.ndarray | None = None,
) -> PopulationMetrics:
    """All exact metrics of a population.

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
    policies, shares = _distinct(_checked(policies, game, discount, entropy_weight), policy_index)
    mean_fields, residual = _flow(policies, shares, game)
    mean_field = _mean(mean_fields, shares)
    entropies = _entropies(policies, entropy_weight)

    def against(met, starts, own=slice(None)):
        """Return and exploitability where some policies meet one mean field, or each its own."""
        rewards, moves = game.mean_field_rewards(met), Moves(game, met[0])
        values, _, _ = _respond(starts, rewards, moves, discount, entropy_weight)
        gaps = moves.bellman_gaps(policies[own], values, rewards, discount, entropy_weight)
        return _expected(policies[own], rewards) + entropies[own], gaps

    def summed(found, terms):
        weights = found * shares[:, None]
        return [math.fsum((weights * each).ravel()) / (1.0 - discount) for each in terms]

    if game.moves_depend_on_mean_field and len(policies) > 1:  # each has moves of its own
        flows = [_flow(one[None], np.ones(1), game) for one in policies]
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


def _flow(policies, shares, game):
    """Mean field of each policy's agents, (n_policies, n_states), and their residual.

    The residual is the largest change of a share in one step; 0 where moves do not depend on mu.
    Its flow is extrapolated along its slowest mode now and then (Aitken), where this makes the
    residual smaller. Nothing bolder: moves held fixed lead to another fixed point than the flow.
    """
    if not game.moves_depend_on_mean_field:
        return Moves(game).stationary_distributions(policies), 0.0
    n, n_states, _ = policies.shape
    outcomes = game.checked_outcomes()
    reached = outcomes + n_states * np.arange(n)[:, None, None, None]
    start = game.checked_start()
    now = np.full(n_states, 1.0 / n_states) if start is None else start
    now = np.broadcast_to(now, (n, n_states))

    def pushed(now):
        chances = game.chances(outcomes.shape, _mean(now, shares))
        masses = now[:, :, None, None] * policies[:, :, :, None] * chances
        after = np.bincount(reached.ravel(), masses.ravel(), n * n_states).reshape(n, n_states)
        return after / np.cumsum(after, axis=1)[:, -1:]

    step, after = np.zeros_like(now), pushed(now)
    for push in range(MAX_PUSHES):
        residual = float(np.abs(after - now).max())
        if residual <= FLOW_TOLERANCE:
            break
        before, step = step, (after - now) / 2.0
        now = now + step
        after = pushed(now)
        if push % EXTRAPOLATED == EXTRAPOLATED - 1:
            fading = math.fsum((step * before).ravel()) / math.fsum((before**2).ravel())
            if 0.0 < fading < 1.0:
                guess = now + step * (fading / (1.0 - fading))
                if (guess >= 0.0).all():
                    beyond = pushed(guess)
                    if np.abs(beyond - guess).max() < np.abs(after - now).max():
                        now, after = guess, beyond
    return np.array(now), residual


def _certify(residual):
    if not residual <= FLOW_TOLERANCE:
        raise NumericalError(
            f"the mean field, a fixed point, is not found: its residual {residual:.3g} is above "
            f"{FLOW_TOLERANCE:g} after {MAX_PUSHES:,} steps"
        )


def _expected(policies, rewards):
    """<pi(s), R(s, .)>, summed as the kernels do; (n, n_states) float64."""
    total = rewards[:, :, 0] + np.zeros(policies.shape[:2])
    for a in range(1, rewards.shape[2]):
        total += policies[:, :, a] * (rewards[:, :, a] - rewards[:, :, 0])
    return total


def _respond(starts, rewards, moves, discount, entropy_weight):
    """Values, policies and residuals of the best responses to rewards; one row each."""
    values, policies, residuals = moves.best_responses(
        starts, rewards, discount, entropy_weight, TOLERANCE, MAX_ITERATIONS
    )
    allowed = TOLERANCE * np.maximum(1.0, np.abs(values).max(axis=1))
    if not (residuals <= allowed).all():  # also if one is NaN
        raise NumericalError(
            f"the best response's residual {residuals.max():.3g} is above {allowed.min():.3g}; "
            f"discount = {discount} is too near 1 for double precision"
        )
    return values, policies, residuals


def _entropies(policies, entropy_weight):
    """h(pi(s)) of every policy; (n_policies, n_states) float64."""
    return kernels.policy_tables(policies, entropy_weight)["entropy"]


def _rewards(mean_field, game):
    mean_field = np.asarray(mean_field, dtype=np.float64)
    if mean_field.shape != (game.n_states,):
        raise ConfigurationError(
            f"mean_field: has shape {mean_field.shape}, expected {(game.n_states,)}"
        )
    if not (mean_field >= 0.0).all() or abs(math.fsum(mean_field) - 1.0) > ROW_SUM_TOLERANCE:
        raise ConfigurationError("mean_field: is not a distribution over the states")
    return game.mean_field_rewards(mean_field)[None]


def _mean(mean_fields, shares):
    """Mean over the agents; its sums are correctly rounded."""
    return np.array([math.fsum(column) for column in (mean_fields.T * shares).tolist()])


def _distinct(policies, policy_index):
    """The distinct policies of a population and the share of the agents that follows each."""
    if policy_index is None:
        policy_index = np.arange(len(policies))
    policy_index = np.asarray(policy_index)
    if (
        policy_index.ndim != 1
        or policy_index.size == 0
        or policy_index.dtype.kind not in "iu"
        or policy_index.min() < 0
        or policy_index.max() >= len(policies)
    ):
        raise ConfigurationError(
            f"policy_index: is not one row of the {len(policies)} policies for each agent"
        )
    followers: Counter[bytes] = Counter()
    for row, n_agents in enumerate(np.bincount(policy_index).tolist()):
        if n_agents:
            followers[policies[row].tobytes()] += n_agents
    distinct = np.frombuffer(b"".join(followers)).reshape(-1, *policies.shape[1:])
    return distinct, np.array(list(followers.values())) / policy_index.size


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
    shape = (game.n_states, len(game.actions))
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
