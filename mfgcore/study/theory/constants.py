"""Constants of the convergence theorems, as functions of what they depend on.

Theorem 3.3 rests on Theorem 3 of Yardim, Cayci, Geist & He, Policy Mirror Ascent for Efficient and
Independent Learning in Mean Field Games (arXiv 2212.14449). What each function computes, and why it
is the constant or a bound of it, is told in ``docs/archive/theory.md``, by its name there.

Distances: states and actions are 0 or 1 apart, distributions by the 1-norm, policies by the
largest 1-norm over the states, Q-functions by the largest difference.
"""

import math

import numpy as np
from scipy.sparse import csgraph, csr_array

LONGEST = 128  # steps up to which a population's mixing is looked at


# ------------------------------------------------------------ the game


def transitions(game):
    """P(s' | s, a); (n_states, n_actions, n_states) float64."""
    outcomes = np.asarray(game.next_states())
    found = np.zeros((*outcomes.shape[:2], game.n_states))
    s, a, _ = np.indices(outcomes.shape)
    np.add.at(found, (s, a, outcomes), game.transition_probabilities())
    return found


def move_constants(chances):
    """K_s and K_a: largest distance of next states over two states, or two actions; float each."""
    by_state = np.abs(chances[:, None] - chances[None]).sum(axis=-1).max()
    by_action = np.abs(chances[:, :, None] - chances[:, None]).sum(axis=-1).max()
    return float(by_state), float(by_action)


def reward_spans(game):
    """L_s and L_a: largest reward difference of states, or actions, at one mean field; float each.

    Rewards that rise with the own share, or fall, all of them, differ most where everybody is in
    one state.
    """
    rewards = game.mean_field_rewards(np.eye(game.n_states))
    return float(np.ptp(rewards, axis=1).max()), float(np.ptp(rewards, axis=2).max())


def reward_slope(game):
    """L_mu: half the steepest slope of a reward in the own share, as that moves by half the 1-norm.

    In agree it is that of where targets are not empty; where one is, its reward jumps.
    """
    low, high = game.reward_range
    steepest = {
        "agree": 1.0,
        "diffuse": 1.0,
        "cluster": getattr(game, "max_agents", 0.0),  # of the logarithm, at 1 / N_max
        "contraction": getattr(game, "congestion", 0.0),
    }[game.name]
    return steepest / (high - low) / 2.0


# ------------------------------------------------------------ the regulariser


def action_gap(discount, moves, spans):
    """L_h: largest difference of two actions' values under the best policy; float.

    `moves` are K_s and K_a, `spans` L_s and L_a. Infinite where states stay as far apart as
    discounting lets them.
    """
    left = 2.0 - discount * moves[0]
    return spans[1] + discount * moves[1] * spans[0] / left if left > 0.0 else math.inf


def least_probability(n_actions, gap):
    """Least probability of an action in {u : log n - H(u) <= gap}; float.

    It is found where all others are equally likely; 0 where the set reaches the boundary.
    """

    def lost(u):
        rest = (1.0 - u) / (n_actions - 1)
        return math.log(n_actions) + u * math.log(u) + (1.0 - u) * math.log(rest)

    if gap >= math.log(n_actions / (n_actions - 1)):
        return 0.0
    low, high = 0.0, 1.0 / n_actions
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (low, middle) if middle == 0.0 or lost(middle) <= gap else (middle, high)
    return high


def entropy_slope(entropy_weight, n_actions, probability):
    """Lipschitz constant of h in the 1-norm, for action probabilities >= `probability`; float."""
    if probability == 0.0:
        return math.inf
    most = 1.0 - (n_actions - 1) * probability
    return entropy_weight / 2.0 * math.log(most / probability)


# ------------------------------------------------------------ the population


def powers(chances, longest=LONGEST):
    """P_pi^T of the uniform policy, T = 1, 2, ...; list of (n_states, n_states)."""
    one = chances.mean(axis=1)
    found = [one]
    while len(found) < longest:
        found.append(found[-1] @ one)
    return found


def overlap(one):
    """Least sum_x min(P(x | s), P(x | s')): 1 minus Dobrushin's coefficient; float."""
    return min(float(np.minimum(row, one).sum(axis=1).min()) for row in one)


def least_overlaps(evens):
    """Overlap of the uniform policy's T-step transitions, T = 1, 2, ...; (T,) float64."""
    return np.array([overlap(each) for each in evens])


def population_step(moves):
    """L_pop = K_mu + (K_s + K_a) / 2, the bound on a step's contraction, where K_mu = 0; float."""
    return sum(moves) / 2.0


def population_limit(overlaps, n_actions, probability, k_a):
    """L_pop,inf: Lipschitz constant of the stationary distribution in the policy; float.

    T steps of any policy that takes each action with `probability` overlap by (n p)^T times as
    much as those of the even one, and differ by T K_a / 2 from another's. T is the best one.
    """
    steps = np.arange(1, overlaps.size + 1)
    with np.errstate(divide="ignore", under="ignore"):
        found = steps * k_a / 2.0 / (overlaps * (n_actions * probability) ** steps)
    return float(found.min())


def least_mass(evens, n_actions, probability):
    """delta_mix p_inf: least probability of a visit to a state and action; float."""
    with np.errstate(under="ignore"):
        found = [
            each.min() * (n_actions * probability) ** steps for steps, each in enumerate(evens, 1)
        ]
    return float(max(found)) * probability


# ------------------------------------------------------------ the contraction


def value_slopes(discount, l_mu, l_a, k_a, entropy_range, entropy_slope):
    """L_q,pi and L_q,mu: Lipschitz constants of Q-functions in policy and mean field; float each.

    Where moves do not depend on the mean field; rewards are in [0, 1].
    """
    span = l_a + discount * k_a / 2.0 * (1.0 + entropy_range) / (1.0 - discount)
    of_policy = discount / (1.0 - discount) * (span / 2.0 + entropy_slope)
    return of_policy, l_mu / (1.0 - discount)


def contraction(step_size, entropy_weight, n_actions, slope):
    """L_Gamma of policy mirror ascent, `slope` being the Lipschitz constant of Q; float.

    1 / (1 + eta lambda) + eta L_Q / (1 / n + eta lambda), which is L_Q / lambda as eta grows.
    """
    strength = step_size * entropy_weight
    return 1.0 / (1.0 + strength) + step_size * slope / (1.0 / n_actions + strength)


def iterations_asked(error, contracts):
    """K > log(8 / error) / log(1 / L_Gamma), as Theorem 3.3 prints it; float."""
    return math.log(8.0 / error) / -math.log(contracts) if contracts < 1.0 else math.inf


# ------------------------------------------------------------ learning


def stationary_chain(policy, mean_field, chances):
    """P_pi, and the least probability of a state and action in its stationary distribution."""
    chain = (policy[:, :, None] * chances).sum(axis=1)
    return chain, float((mean_field[:, None] * policy).min())


def mixing(chain, mean_field, steps):
    """Largest total variation from the mean field after `steps`, and delta_mix; float each.

    delta_mix is the least probability of a state that many steps later.
    """
    after = np.linalg.matrix_power(chain, steps)
    return float(np.abs(after - mean_field).sum(axis=1).max() / 2.0), float(after.min())


def first_step(holds, most=2**30):
    """Least number of steps at which a monotone condition holds; int, or None beyond `most`."""
    high = 1
    while not holds(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def updates_asked(error, discount, max_q_value, mass):
    """M_pg with ``E max |Q - Q_pi| <= error``, for samples that are M_td apart; float."""
    modulus = (1.0 - discount) * mass
    return 8.0 * (max_q_value / modulus / error) ** 2 if modulus > 0.0 else math.inf


def variation_allowed(error, discount, max_q_value, mass):
    """Largest total variation of samples from the stationary distribution, for M_td; float."""
    return (1.0 - discount) * mass * error / (math.sqrt(8.0) * max_q_value)


# ------------------------------------------------------------ the network


def distances(links):
    """Links on shortest paths between groups, inf if none; (n_groups, n_groups) float64."""
    n_groups = links.first_neighbour.size - 1
    entries = np.ones(links.neighbours.size), links.neighbours, links.first_neighbour
    graph = csr_array(entries, shape=(n_groups, n_groups))
    return csgraph.shortest_path(graph, unweighted=True)
