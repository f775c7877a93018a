"""Readable twins of the kernels in mfgcore/kernels/meanfield.pxi: same operations, same bits."""

import numpy as np

from reference import elementary

RADIX = 2.0**1020
LEAST, BOUND = 2.0**-510, 2.0**510
RESTART_EXPONENT = -(2**40)


class Wide:
    """The number mantissa * RADIX**exponent >= 0, which neither under- nor overflows."""

    def __init__(self, mantissa, exponent=0):
        while mantissa >= BOUND:
            mantissa, exponent = mantissa / RADIX, exponent + 1
        while 0.0 < mantissa < LEAST:
            mantissa, exponent = mantissa * RADIX, exponent - 1
        self.mantissa, self.exponent = mantissa, exponent

    def __add__(self, other):
        if other.mantissa == 0.0:
            return self
        if self.mantissa == 0.0:
            return other
        low, high = sorted((self, other), key=lambda number: number.exponent)
        if high.exponent == low.exponent:
            return Wide(high.mantissa + low.mantissa, high.exponent)
        if high.exponent == low.exponent + 1:
            return Wide(high.mantissa + low.mantissa / RADIX, high.exponent)
        return high

    def __mul__(self, other):
        return Wide(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def __truediv__(self, other):
        return Wide(self.mantissa / other.mantissa, self.exponent - other.exponent)

    def __float__(self):
        mantissa = self.mantissa
        for _ in range(min(-self.exponent, 3)):
            mantissa /= RADIX
        return mantissa


def bandwidth(next_states, probabilities):
    distances = np.abs(next_states - np.arange(len(next_states))[:, None, None])
    return int(distances[probabilities > 0.0].max())


def transition_matrix(policy, next_states, probabilities):
    chain = np.zeros((len(next_states), len(next_states)))
    for s, a, k in np.ndindex(next_states.shape):
        chain[s, next_states[s, a, k]] += policy[s][a] * probabilities[s, a, k]
    return chain


def stationary_distribution(policy, next_states, probabilities, initial_distribution):
    """Grassmann, Taksar & Heyman (1985), with a state to restart from, reached ever so rarely."""
    n = len(next_states)
    band = bandwidth(next_states, probabilities)
    chain = transition_matrix(policy, next_states, probabilities)
    links = {(s, t): Wide(float(chain[s, t])) for s, t in np.argwhere(chain).tolist()}
    to_restart, from_restart = (
        [Wide(1.0, RESTART_EXPONENT)] * n,
        list(map(Wide, initial_distribution.tolist())),
    )
    for k in reversed(range(n)):
        before = range(max(0, k - band), k)
        onwards = {j: links[k, j] for j in before if (k, j) in links and links[k, j].mantissa}
        leaving = to_restart[k]
        for link in onwards.values():
            leaving = leaving + link
        for i in before:
            if (i, k) not in links or links[i, k].mantissa == 0.0:
                continue
            factor = links[i, k] = links[i, k] / leaving
            for j, link in onwards.items():
                if j != i:
                    links[i, j] = links.get((i, j), Wide(0.0)) + factor * link
            to_restart[i] = to_restart[i] + factor * to_restart[k]
        factor = from_restart[k] = from_restart[k] / leaving
        for j, link in onwards.items():
            from_restart[j] = from_restart[j] + factor * link
    masses = []
    for k in range(n):
        mass = from_restart[k]
        for i in range(max(0, k - band), k):
            mass = mass + masses[i] * links.get((i, k), Wide(0.0))
        masses.append(mass)
    largest = max(
        (mass for mass in masses if mass.mantissa), key=lambda mass: (mass.exponent, mass.mantissa)
    )
    shares = [float(mass / largest) for mass in masses]
    total = 0.0
    for share in shares:
        total += share
    return np.array([share / total for share in shares])


def entropy(row):
    total = 0.0
    for u in row:
        if u > 0.0:
            total -= u * elementary.log(u)
    return total


def action_values(rewards, future, next_states, probabilities, discount):
    """Bellman's recursion: the one place where the future comes in."""
    q = [list(row) for row in rewards]
    for s, a in np.ndindex(next_states.shape[:2]):
        expected = 0.0
        for t, chance in zip(next_states[s, a].tolist(), probabilities[s, a].tolist(), strict=True):
            expected += chance * future[t]
        q[s][a] += discount * expected
    return q


def best_of(q, entropy_weight):
    """max_u <u, q> + h(u) in one cell, and its u."""
    best = max(q)
    if entropy_weight == 0.0:
        u = [0.0] * len(q)
        u[q.index(best)] = 1.0
        return best, u
    weights = [elementary.exp((value - best) / entropy_weight) for value in q]
    total = 0.0
    for weight in weights:
        total += weight
    best += entropy_weight * elementary.log(total)
    return best, [weight / total for weight in weights]


def solve_values(policy, payoffs, next_states, probabilities, discount):
    n = len(next_states)
    band = bandwidth(next_states, probabilities)
    matrix = (np.eye(n) - discount * transition_matrix(policy, next_states, probabilities)).tolist()
    values = list(payoffs)
    for k in range(n):
        last = min(n, k + band + 1)
        for i in range(k + 1, last):
            if matrix[i][k] == 0.0:
                continue
            factor = matrix[i][k] / matrix[k][k]
            for j in range(k + 1, last):
                matrix[i][j] -= factor * matrix[k][j]
            values[i] -= factor * values[k]
    for k in reversed(range(n)):
        for j in range(k + 1, min(n, k + band + 1)):
            values[k] -= matrix[k][j] * values[j]
        values[k] /= matrix[k][k]
    return values


def expected_reward(row, rewards):
    total = rewards[0]
    for u, reward in zip(row[1:], rewards[1:], strict=True):
        total += u * (reward - rewards[0])
    return total


def _payoffs(policy, rewards, entropy_weight):
    payoffs = [expected_reward(*rows) for rows in zip(policy, rewards, strict=True)]
    if entropy_weight == 0.0:
        return payoffs
    return [
        payoff + entropy_weight * entropy(row) for payoff, row in zip(payoffs, policy, strict=True)
    ]


def policy_value(policy, rewards, next_states, probabilities, discount, entropy_weight):
    policy, rewards = policy.tolist(), rewards.tolist()
    payoffs = _payoffs(policy, rewards, entropy_weight)
    return np.array(solve_values(policy, payoffs, next_states, probabilities, discount))


def best_response(
    policy, rewards, next_states, probabilities, discount, entropy_weight, tolerance, steps
):
    policy, rewards = policy.tolist(), rewards.tolist()
    payoffs = _payoffs(policy, rewards, entropy_weight)
    for _ in range(steps):
        values = solve_values(policy, payoffs, next_states, probabilities, discount)
        q = action_values(rewards, values, next_states, probabilities, discount)
        best, policy = zip(*(best_of(row, entropy_weight) for row in q), strict=True)
        residual = max(abs(b - v) for b, v in zip(best, values, strict=True))
        if residual <= tolerance * max(1.0, max(abs(value) for value in values)):
            break
        payoffs = _payoffs(policy, rewards, 0.0)
        if entropy_weight > 0.0:
            for s in range(len(payoffs)):
                for u, value in zip(policy[s], q[s], strict=True):
                    payoffs[s] += u * (best[s] - value)
    return np.array(values), np.array(policy), residual


def bellman_gaps(policy, values, rewards, next_states, probabilities, discount, entropy_weight):
    gaps = []
    q = action_values(rewards.tolist(), values.tolist(), next_states, probabilities, discount)
    for row, choices in zip(policy.tolist(), q, strict=True):
        best, _ = best_of(choices, entropy_weight)
        gap = 0.0
        for u, value in zip(row, choices, strict=True):
            gap += u * (best - value)
        if entropy_weight > 0.0:
            gap -= entropy_weight * entropy(row)
        gaps.append(max(gap, 0.0))
    return np.array(gaps)


def power_series(policy, rewards, next_states, probabilities, discount, entropy_weight, terms):
    """Value by its definition, sum_t gamma^t (P^t (R + h)): another way, not the kernel's."""
    chain = transition_matrix(policy, next_states, probabilities)
    payoffs = np.array(_payoffs(policy.tolist(), rewards.tolist(), entropy_weight))
    total = np.zeros(len(next_states))
    for t in range(terms):
        total += discount**t * payoffs
        payoffs = chain @ payoffs
    return total
