"""Stationary mean fields of policies.

Where transitions do not depend on the mean field, every agent has a stationary distribution of its
own, mu^i, the mean field of a joint policy is the mean of these, and no fixed point has to be
found::

    mu^i = mu^i P_i,    mu = (1/N) sum_i mu^i.

Where they do, P_i is P_i(mu), and there may be many fixed points, or none. The mean field is then
the limit of the population's own flow from the initial distribution, mu^i -> mu^i P_i(mu), in which
half of the agents rest at every step, so that no period is left: a fixed point whose residual is at
most 1e-12, or it is missing.
"""

import math

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import NumericalError
from mfgcore.games import Game
from mfgcore.meanfield.policies import checked_policies, distinct_policies
from mfgcore.meanfield.transition_model import TransitionModel

# residual of a fixed point: the largest change of a share in one step
FLOW_TOLERANCE = 1e-12
MAX_PUSHES = 10_000
EXTRAPOLATED = 10  # pushes between two extrapolations


@checked
def stationary_distribution(policy: np.ndarray, game: Game) -> np.ndarray:
    """Stationary distribution mu = mu P of an agent that follows a policy (Definition 2.5).

    Where a policy without full support leaves several sets of states that are never left again,
    there is a stationary distribution for each. Then, and where the chain has a period, it is the
    long-run average from where agents start, such as evenly over the states (D2)::

        mu = lim_{T -> inf} (1/T) sum_{t < T} u P^t,    u = 1 / n_states.

    Where transitions depend on the mean field, it is that of a population which follows the policy.

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
        If transitions depend on the mean field, and the fixed point is not found.
    """
    policies = checked_policies(policy, game, one=np.ndim(policy) == 2)
    if game.mean_field_dynamics:
        flows = [stationary_flow(one[None], np.ones(1), game) for one in policies]
        certify(max(residual for _, residual in flows))
        mean_fields = np.concatenate([found for found, _ in flows])
    else:
        mean_fields = TransitionModel(game).stationary_distributions(policies)
    return mean_fields[0] if np.ndim(policy) == 2 else mean_fields


@checked
def joint_mean_field(
    policies: np.ndarray, game: Game, *, policy_index: np.ndarray | None = None
) -> np.ndarray:
    """Mean field of a joint policy: the mean of the agents' stationary distributions.

    Parameters, errors and invariances are those of
    :func:`~mfgcore.meanfield.exact.population_metrics`. It is (n_states,) float64, and sums to 1.
    """
    policies, shares = distinct_policies(checked_policies(policies, game), policy_index)
    mean_fields, residual = stationary_flow(policies, shares, game)
    certify(residual)
    return agent_mean(mean_fields, shares)


def stationary_flow(
    policies: np.ndarray, shares: np.ndarray, game: Game
) -> tuple[np.ndarray, float]:
    """Mean fields of the agents of each policy, (n_policies, n_states), and their residual.

    The residual is the largest change of a share in one step; 0 where transitions do not depend on
    mu. The flow is extrapolated along its slowest mode now and then (Aitken), where this makes the
    residual smaller. Nothing bolder: transitions held fixed lead to another fixed point.
    """
    if not game.mean_field_dynamics:
        return TransitionModel(game).stationary_distributions(policies), 0.0
    n, n_states, _ = policies.shape
    next_states = game.checked_next_states()
    reached = next_states + n_states * np.arange(n)[:, None, None, None]
    initial = game.checked_initial_distribution()
    now = np.full(n_states, 1.0 / n_states) if initial is None else initial
    now = np.broadcast_to(now, (n, n_states))

    def pushed(now):
        mean_field = agent_mean(now, shares)
        found = game.checked_transition_probabilities(next_states.shape, mean_field)
        masses = now[:, :, None, None] * policies[:, :, :, None] * found
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


def pushed(flow: np.ndarray, game: Game, mean_field: np.ndarray) -> np.ndarray:
    """Where a step leads agents of which shares are in each state and act; (n_states,) float64.

    Parameters
    ----------
    flow : (n_states, n_actions) float64
        mu(s) pi(a|s).
    game : Game
    mean_field : (n_states,) float64
        On which moves depend, if they do.
    """
    next_states, moves = game.checked_next_states(), moves_at(game, mean_field)
    return np.bincount(next_states.ravel(), (moves * flow[:, :, None]).ravel(), game.n_states)


def moves_at(game: Game, mean_field: np.ndarray) -> np.ndarray:
    """Transition probabilities at a mean field, on which they may depend; as next states."""
    shape = game.checked_next_states().shape
    given = (shape, mean_field) if game.mean_field_dynamics else (shape,)
    return game.checked_transition_probabilities(*given)


def certify(residual: float) -> None:
    """Refuse a mean field whose residual, as a fixed point, is too large."""
    if not residual <= FLOW_TOLERANCE:
        raise NumericalError(
            f"the mean field, a fixed point, is not found: its residual {residual:.3g} is above "
            f"{FLOW_TOLERANCE:g} after {MAX_PUSHES:,} steps"
        )


def agent_mean(mean_fields: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Mean over the agents; its sums are correctly rounded."""
    return np.array([math.fsum(column) for column in (mean_fields.T * shares).tolist()])
