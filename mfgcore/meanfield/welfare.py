"""Social welfare: the return of a policy that everybody follows, and its optimum (D31).

A policy makes a mean field, and in it the agents have, on average, the return::

    W(pi) = V_h(pi, mu) = 1 / (1 - gamma) sum_s mu(s) (<pi(s), R(s, ., mu)> + h(pi(s))),
    mu = mu^pi stationary.

In a mean-field game each agent takes mu as it is; in mean-field control all choose pi together.
Where one more agent in s changes what the others get, the first leaves this *externality* out::

    e(s) = d/d mu(s) sum_s' mu(s') <pi(s'), R(s', ., mu)>.

These functions are for pages and experiments, not for runs: NumPy's linear algebra, whose last bits
depend on the processor, is used here.
"""

import contextlib
import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, NumericalError
from mfgcore.games import Game
from mfgcore.meanfield.policies import (
    checked_policies,
    policies_of,
    policy_entropies,
    uniform_policy,
)
from mfgcore.meanfield.stationary import (
    FLOW_TOLERANCE,
    certify,
    moves_at,
    pushed,
    stationary_flow,
)
from mfgcore.meanfield.transition_model import TransitionModel

STEP = 1e-5  # of differences in a mean field, relative to the share or to a hundredth
LARGEST_LOGIT = 50.0
NEWTON_STEPS = 20  # to a mean field from that of another policy
MAX_STEPS = 300  # of the ascent over logits
MAX_RESPONSES = 300  # of the ascent over flows
TOLERANCE = 1e-9  # first-order gain in the mean reward that is none
FAR_SIGHTED = 0.9999  # discount of the responses: welfare does not depend on where agents start
SMALLEST = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class WelfareOptimum:
    """The best policy that was found; see :func:`welfare_optimum`.

    Parameters
    ----------
    policy : (n_states, n_actions) float64
    mean_field : (n_states,) float64
        That it generates; where moves depend on it a fixed point that is followed from that of the
        start, policy by policy.
    welfare : float
    found : (n,) float64
        Welfare to which each start led that has a mean field; how far they differ says how far to
        trust the best.
    """

    policy: np.ndarray
    mean_field: np.ndarray
    welfare: float
    found: np.ndarray


@checked
def social_welfare(
    policy: np.ndarray, game: Game, *, discount: float, entropy_weight: float
) -> float:
    """Social welfare W(pi): the return of a policy in the mean field that it generates; float.

    Parameters
    ----------
    policy : (n_states, n_actions) float64
    game : Game
    discount, entropy_weight : float
        gamma in [0, 1) and lambda >= 0.

    Raises
    ------
    ConfigurationError
        If an argument is out of bounds or of another shape.
    NumericalError
        If the mean field, a fixed point where moves depend on it, is not found.
    """
    own = checked_policies(policy, game, discount, entropy_weight, one=True)[0]
    return _welfare(own, _mean_field(own, game), game, discount, entropy_weight)


@checked
def welfare_gradient(
    policy: np.ndarray, game: Game, *, discount: float, entropy_weight: float
) -> np.ndarray:
    """Gradient dW / dpi(a|s) of the social welfare; (n_states, n_actions) float64.

    The derivative of the stationary distribution is that of mu = mu P(pi, mu)::

        dmu (I - P - mu dP/dmu) = mu dP/dpi dpi,

    solved once for its adjoint v. The gradient is then an advantage with the externality::

        dW / dpi(a|s) = mu(s) / (1 - gamma) (R(s, a, mu) + h'(pi(a|s)) + sum_s' P(s'|s, a) v(s')).

    Only its differences within a state matter, as pi(s) sums to 1. Parameters and errors are those
    of :func:`social_welfare`; h' needs probabilities above 0, and where one is 0 it is that of the
    smallest number. Derivatives in mu are one-sided differences, into the simplex: to some 1e-8
    where R and P are smooth.
    """
    own = checked_policies(policy, game, discount, entropy_weight, one=True)[0]
    return _value_and_gradient(own, _mean_field(own, game), game, discount, entropy_weight)[1]


@checked
def welfare_optimum(
    game: Game,
    *,
    discount: float,
    entropy_weight: float,
    starts: int = 8,
    seed: int = 0,
) -> WelfareOptimum:
    """Policy of the largest social welfare, by gradient ascent from several starts.

    Parameters
    ----------
    game : Game
    discount, entropy_weight : float
        gamma in [0, 1) and lambda >= 0.
    starts : int
        The first start is nearly uniform; of the others, which are random, the later the nearer to
        deterministic.
    seed : int
        Of the starts.

    Returns
    -------
    WelfareOptimum
        The best local optimum: nothing says that there is no better one, as welfare need not be
        concave.

    Raises
    ------
    ConfigurationError
        If an argument is out of bounds.
    NumericalError
        If no start has a mean field that is found.
    """
    shape = game.n_states, len(game.actions)
    checked_policies(uniform_policy(*shape), game, discount, entropy_weight, one=True)
    if starts < 1:
        raise ConfigurationError(f"starts: {starts} is not >= 1")
    if seed < 0:
        raise ConfigurationError(f"seed: {seed} is not >= 0")
    generator = np.random.Generator(np.random.Philox(seed))
    tops = []
    for start in range(starts):
        logits = generator.normal(size=shape) * (0.01 if start == 0 else 6.0 * start / starts)
        with contextlib.suppress(NumericalError):
            tops.append(_climbed(policies_of(logits), game, discount, entropy_weight))
    if not tops:
        raise NumericalError("the mean field of no start is found")
    best = max(tops, key=lambda top: top.welfare)
    return dataclasses.replace(best, found=np.array([top.welfare for top in tops]))


def _climbed(policy, game, discount, entropy_weight):
    """The top of the ascent from some policy; WelfareOptimum."""

    def top(policy, mean_field):
        welfare = _welfare(policy, mean_field, game, discount, entropy_weight)
        return WelfareOptimum(policy, mean_field, welfare, np.array([welfare]))

    tops = [top(policy, _mean_field(policy, game))]
    if not game.mean_field_dynamics:
        found, mean_reward, gap = _climbed_by_flows(policy, game, entropy_weight)
        tops.append(top(found, _mean_field(found, game)))
        # in states that are as good as never left, rounding decides what a policy makes of the flow
        short = mean_reward - (1.0 - discount) * tops[-1].welfare
        if max(gap, short) <= TOLERANCE:
            return tops[-1]
    for low in list(tops):
        tops.append(top(*_climbed_by_logits(low, game, discount, entropy_weight)))
    return max(tops, key=lambda top: top.welfare)


def _climbed_by_flows(policy, game, entropy_weight):
    """Policy at the top of a conditional gradient ascent over flows x(s, a) = mu(s) pi(a|s).

    Also the mean reward, and the first-order gain in it of the last response: were welfare concave,
    no policy would be better by more.

    Where transitions are fixed the x of all policies are a polytope, on which welfare is smooth
    however nearly a policy divides the states into parts that it never leaves. An agent's best
    response to its reward and externality is the direction.
    """
    from scipy import optimize  # a quarter of a second that few need

    model = TransitionModel(game)

    def flow(policy):
        return model.stationary_distributions(policy[None])[0][:, None] * policy

    def welfare(flow):
        rewards = game.mean_field_rewards(flow.sum(axis=1))
        return (flow * rewards).sum() + entropy(flow)

    def entropy(flow):
        shares = np.maximum(flow, SMALLEST) / np.maximum(flow.sum(axis=1, keepdims=True), SMALLEST)
        return -entropy_weight * (flow * np.log(np.maximum(shares, SMALLEST))).sum()

    now = flow(policy)
    response = policy
    for _ in range(MAX_RESPONSES):
        mean_field = now.sum(axis=1)
        paid = game.mean_field_rewards(mean_field) + _externality(now, mean_field, game)[:, None]
        response = model.best_responses(
            response[None], paid[None], FAR_SIGHTED, entropy_weight, 1e-13, 1000
        )[1][0]
        target = flow(response)
        gap = ((target - now) * paid).sum() + entropy(target) - entropy(now)
        if gap <= TOLERANCE:
            break
        share = optimize.minimize_scalar(
            lambda share, now=now, target=target: -welfare(now + share * (target - now)),
            bounds=(0.0, 1.0),
            method="bounded",
            options={"xatol": 1e-9},
        ).x
        # the method stays inside of its bounds
        now = max((now + each * (target - now) for each in (share, 1.0)), key=welfare)
    mean_field = now.sum(axis=1, keepdims=True)
    even = 1.0 / now.shape[1]
    found = np.where(mean_field > SMALLEST, now / np.maximum(mean_field, SMALLEST), even)
    return found, welfare(now), gap


def _climbed_by_logits(low, game, discount, entropy_weight):
    """Policy, and mean field, at the top of a quasi-Newton ascent over logits from another."""
    from scipy import optimize

    shape, near = low.policy.shape, low.mean_field

    def falling(flat):
        nonlocal near
        policy = policies_of(flat.reshape(shape))
        try:
            near = _mean_field_near(policy, game, near)
            value, gradient = _value_and_gradient(policy, near, game, discount, entropy_weight)
        except NumericalError:  # where the mean field is not found there is nothing to be had
            return 1.0 / (1.0 - discount), np.zeros(flat.size)
        means = (policy * gradient).sum(axis=1, keepdims=True)
        return -value, -(policy * (gradient - means)).ravel()

    logits = np.log(np.maximum(low.policy, np.exp(-LARGEST_LOGIT)))
    options = {"maxiter": MAX_STEPS, "maxfun": 2 * MAX_STEPS, "ftol": 1e-14, "gtol": 1e-9}
    limits = [(-LARGEST_LOGIT, LARGEST_LOGIT)] * logits.size
    top = optimize.minimize(
        falling, logits.ravel(), jac=True, method="L-BFGS-B", bounds=limits, options=options
    )
    policy = policies_of(top.x.reshape(shape))
    return policy, _mean_field_near(policy, game, near)


def _welfare(policy, mean_field, game, discount, entropy_weight):
    by_state = _paid(policy, game.mean_field_rewards(mean_field), entropy_weight)
    return math.fsum(mean_field * by_state) / (1.0 - discount)


def _paid(policy, rewards, entropy_weight):
    """Mean r + h in each state; (n_states,) float64."""
    return (policy * rewards).sum(axis=1) + policy_entropies(policy[None], entropy_weight)[0]


def _mean_field(policy, game):
    found, residual = stationary_flow(policy[None], np.ones(1), game)
    certify(residual)
    return found[0]


def _mean_field_near(policy, game, start):
    """Mean field of a policy, by Newton's method from that of another; else by the flow.

    Newton's method also finds fixed points from which the flow leads away: they are not taken.
    """
    found = start
    for _ in range(NEWTON_STEPS if game.mean_field_dynamics else 0):
        after, system = _push(policy, found, game)
        off = after - found
        if np.abs(off).max() <= FLOW_TOLERANCE:
            modes = np.linalg.eigvals(np.eye(found.size) - system)  # of a step, but for the sum
            if (np.abs(1.0 + modes) < 2.0).all():  # where half of the agents rest at every step
                return found
            break
        found = found + _solved(system.T, off)
        if not (found >= 0.0).all():
            break
        found /= found.sum()
    return _mean_field(policy, game)


def _push(policy, mean_field, game):
    """Where a step leads a mean field, and the matrix I - dmu'/dmu + 1 mu of its derivative.

    The last term makes regular what is singular, and changes nothing for what sums to 0.
    """
    n_states, next_states = game.n_states, game.checked_next_states()
    transitions = moves_at(game, mean_field)
    matrix = np.zeros((n_states, n_states))
    here = np.broadcast_to(np.arange(n_states)[:, None, None], next_states.shape)
    np.add.at(matrix, (here, next_states), policy[:, :, None] * transitions)
    flow = mean_field[:, None] * policy
    after = pushed(flow, game, mean_field)
    if game.mean_field_dynamics:
        near, far, steps = _towards_states(mean_field)
        beyond = [np.array([pushed(flow, game, each) for each in fields]) for fields in (near, far)]
        matrix += _slopes([after, *beyond], steps[:, None])
    return after, np.eye(n_states) - matrix + mean_field[None, :]


def _solved(system, right):
    try:
        return np.linalg.solve(system, right)
    except np.linalg.LinAlgError:  # parts that are as good as never left
        return np.linalg.lstsq(system, right, rcond=1e-15)[0]


def _value_and_gradient(policy, mean_field, game, discount, entropy_weight):
    """Welfare of a policy with its mean field, and its gradient."""
    rewards = game.mean_field_rewards(mean_field)
    by_state = _paid(policy, rewards, entropy_weight)
    externality = _externality(mean_field[:, None] * policy, mean_field, game)
    values = _solved(_push(policy, mean_field, game)[1], by_state + externality)
    future = moves_at(game, mean_field) * values[game.checked_next_states()]
    slopes = -entropy_weight * (np.log(np.maximum(policy, SMALLEST)) + 1.0)
    gradient = rewards + slopes + future.sum(axis=2)
    scale = 1.0 / (1.0 - discount)
    return scale * float(mean_field @ by_state), scale * mean_field[:, None] * gradient


def _externality(flow, mean_field, game):
    """What one more agent in each state adds to the others' rewards; (n_states,) float64."""
    if game.local_reward:  # each state's reward by its own share, all at once
        signs = np.where(mean_field > 0.5, -1.0, 1.0)
        steps = signs * STEP * np.maximum(mean_field, 0.01)
        at = [game.mean_field_rewards(mean_field + times * steps) for times in range(3)]
        return _slopes([(flow * each).sum(axis=1) for each in at], steps)
    near, far, steps = _towards_states(mean_field)
    now = (flow * game.mean_field_rewards(mean_field)).sum()
    at = [(flow * game.mean_field_rewards(fields)).sum(axis=(1, 2)) for fields in (near, far)]
    return _slopes([now, *at], steps)


def _towards_states(mean_field):
    """Mean fields a little towards each state, and twice as far; and the steps, (n_states,)."""
    steps = STEP * np.maximum(mean_field, 0.01)
    directions = steps[:, None] * (np.eye(mean_field.size) - mean_field)
    return mean_field + directions, mean_field + 2.0 * directions, steps


def _slopes(at, steps):
    """One-sided differences of second order."""
    now, near, far = at  # where the derivatives are, a step further, and two
    return (4.0 * near - far - 3.0 * now) / (2.0 * steps)
