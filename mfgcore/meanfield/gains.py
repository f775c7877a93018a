"""First-order gains of policy updates in the mean-field game."""

import math

import numpy as np

from mfgcore.games import Game
from mfgcore.meanfield.policies import policy_entropies
from mfgcore.meanfield.stationary import FLOW_TOLERANCE, agent_mean, stationary_flow
from mfgcore.meanfield.transition_model import TransitionModel

AT_ONCE = 4096  # updates whose intermediate arrays are in memory


def update_gains(
    policies: np.ndarray,
    policy_index: np.ndarray,
    rows: np.ndarray,
    updated: np.ndarray,
    game: Game,
    *,
    discount: float,
    entropy_weight: float,
) -> tuple[np.ndarray, float]:
    """First-order gains in return of agents that alone update their policies.

    It is what the performance difference lemma (Kakade & Langford 2002) says of V_h(pi', mu) -
    V_h(pi, mu), with the states where the agent is found before its update::

        1 / (1 - gamma) sum_s mu^i(s) (<pi'(s) - pi(s), Q(s, .)> + h(pi'(s)) - h(pi(s))).

    Q is the exact Q-function of the agent's policy pi against the mean field mu of the population,
    and mu^i its own stationary distribution.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
        Of the population, before the update.
    policy_index : (n_agents,) int
        Row of `policies` that each agent follows.
    rows : (n,) int
        Row of `policies` that each of the updates starts from.
    updated : (n, n_states, n_actions) float64
        The policy of each after it.
    game : Game
        For this number of agents.
    discount, entropy_weight : float
        gamma and lambda.

    Returns
    -------
    gains : (n,) float64
        NaN where the mean field is a fixed point that is not found.
    residual : float
        That of the mean field; see :func:`mfgcore.meanfield.stationary.stationary_flow`.
    """
    shares = np.bincount(policy_index, minlength=len(policies)) / policy_index.size
    flows, residual = stationary_flow(policies, shares, game)
    gains = np.full(len(rows), math.nan)
    if not residual <= FLOW_TOLERANCE:
        return gains, residual
    mean_field = agent_mean(flows, shares)
    rewards, model = game.mean_field_rewards(mean_field), TransitionModel(game, mean_field)
    for row in np.unique(rows):
        own = policies[row : row + 1]
        values = model.policy_values(own, rewards[None], discount, entropy_weight)[0]
        q_values = rewards + discount * model.expected(values)
        entropies = policy_entropies(own, entropy_weight)
        of_row = np.flatnonzero(rows == row)
        for begin in range(0, of_row.size, AT_ONCE):
            part = of_row[begin : begin + AT_ONCE]
            by_state = policy_entropies(updated[part], entropy_weight) - entropies
            for a in range(policies.shape[2]):
                by_state += (updated[part, :, a] - own[:, :, a]) * q_values[:, a]
            terms = (flows[row] * by_state).tolist()
            gains[part] = [math.fsum(each) / (1.0 - discount) for each in terms]
    return gains, residual
