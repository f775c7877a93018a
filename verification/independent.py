"""Networked learning in mean-field games: Algorithm 2 of the paper, on two pages of NumPy.

P. Benjamin and A. Abate, "Networked Communication for Decentralised Agents in Mean-Field Games"
(arXiv 2306.02766v1). N agents walk on a grid, are paid by how many others share their cell, and
improve their policies from what they see along one path that is never reset. "Line 17" is line 17
of the paper's Algorithm 2; D1, D2, ... are the decisions about what the paper leaves open.
Shapes: N agents, S = grid_size**2 cells, A = 5 actions; a policy is (S, A), all policies (N, S, A).
"""

from dataclasses import dataclass

import numpy as np

ACTIONS = 5  # stay, up, down, left, right (D1)
ARCHITECTURES = ("centralised", "independent", "networked")


@dataclass(frozen=True)
class Parameters:
    """The hyperparameters, by default those of Table 1, with the paper's symbols."""

    grid_size: int = 8
    discount: float = 0.9  # gamma
    transitions: int = 3000  # M_pg, loops between two updates of the policies
    steps_per_transition: int = 10  # M_td, steps in each of these loops
    burn_in: int = 20  # W, loops before the first transition is kept
    replay_cycles: int = 500  # L, passes through the buffer
    td_learning_rate: float = 0.1  # beta, of the Q-function
    policy_learning_rate: float = 0.01  # eta, of the policy
    entropy_weight: float = 0.01  # lambda
    communication_rounds: int = 300  # C
    communication_radius: float = 0.2  # as a share of the grid's diagonal


# ---------------------------------------------------------------------------- the game (D1, D3, D4)
def moves_of(size):
    """Where each action leads, (S, A): a move off the edge leaves the agent where it is (D1)."""
    row, column = np.divmod(np.arange(size**2), size)
    shifts = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    inside = [(np.clip(row + r, 0, size - 1), np.clip(column + c, 0, size - 1)) for r, c in shifts]
    return np.stack([r * size + c for r, c in inside], axis=1)


def rewards_of(game, size, agents, largest):
    """R(s, mu) of App. F.1 in [0, 1], as a table [cell, count]: mu(s) = count / agents (D3, D4)."""
    mu = np.arange(agents + 1) / agents
    target = np.zeros((size**2, 1), dtype=bool)
    target[[0, size - 1, size**2 - size, size**2 - 1]] = True  # one in each corner
    if game == "cluster":  # log mu, which is least, -log(largest), where one of that many is alone
        return np.tile(1 + np.log(np.maximum(mu, 1 / agents)) / np.log(largest), (size**2, 1))
    if game == "agree":  # r_targ(r_collab(mu)): the fraction, if others are there as well
        return (np.where(target & (mu > 1 / agents), mu, -1) + 1) / 2
    if game == "diffuse":  # r_targ(r_averse(mu)): the emptier the target, the better
        return (np.where(target, size + 1 - mu, -1) + 1) / (size + 2)
    raise ValueError(f"unknown game: {game}")


def reach_of(size, radius):
    """Which cells hear each other, (S, S): Euclidean distance <= radius * diagonal (D14)."""
    row, column = np.divmod(np.arange(size**2), size)
    distance = np.hypot(row[:, None] - row, column[:, None] - column)
    return distance <= radius * np.sqrt(2) * size


# ------------------------------------------------------------------------- learning (Sec. 3.1, 3.5)
def thresholds_of(policies):
    """Cumulative probabilities of the first A - 1 actions, from which actions are drawn."""
    return np.cumsum(policies, axis=-1)[..., :-1]


def act(thresholds, following, cells, draws):
    """Return a_t^i ~ pi(. | s_t^i), where agent i follows policy number following[i]."""
    return (draws[:, None] >= thresholds[following, cells]).sum(axis=1)


def replay(q, here, there, gain, parameters, random):
    """Lines 14-19: TD updates (Def. 3.1) along the shuffled buffers of n learners at once.

        Q(s, a) <- (1 - beta) Q(s, a) + beta gamma Q(s', a') + beta (r + h(pi(s)))

    q is (n, S, A); here and there are (s, a) and (s', a') as s * A + a, gain is r + h(pi(s)), each
    (B, n). An update is a weighted sum of three numbers. So the gains are put into one long table
    behind the Q-functions: for all learners, it is one look-up, one product and one assignment.
    """
    length, learners = here.shape
    own = q[0].size * np.arange(learners)  # where the Q-function of each learner begins
    slots = q.size + np.arange(gain.size).reshape(gain.shape)
    table = np.concatenate([q.ravel(), gain.ravel()])
    beta = parameters.td_learning_rate
    weights = np.array([1 - beta, beta * parameters.discount, beta])
    buffers = np.stack([here + own, there + own, slots], axis=-1).swapaxes(0, 1).copy()  # (n, B, 3)
    order = np.tile(np.arange(length), (learners, 1))
    for _ in range(parameters.replay_cycles):
        random.permuted(order, axis=1, out=order)  # line 15: each its own shuffle (D8)
        shuffled = buffers[np.arange(learners)[:, None], order]
        for three in np.ascontiguousarray(shuffled.transpose(1, 2, 0)):  # (3, n), lines 16-18
            table[three[0]] = weights @ table.take(three)
    return table[: q.size].reshape(q.shape)


def entropies(policies):
    """Return h_ent(u) = -sum_a u(a) log u(a) over the last axis, with 0 log 0 = 0."""
    return -(policies * np.log(np.where(policies > 0, policies, 1))).sum(axis=-1)


def wright_omega(z):
    """Solve w + log w = z for w > 0: Newton for y = log w, from above, where it cannot overshoot.

    The function e^y + y - z is convex and rises; it is >= 0 at log z for z >= 1, at z for z < 1.
    """
    y = np.where(z > 1, np.log(np.maximum(z, 1)), z)
    for _ in range(8):
        y = y - (np.exp(y) + y - z) / (np.exp(y) + 1)
    return np.exp(y)


def mirror_ascent(q, policies, eta, entropy):
    """Line 20, Def. 3.2: maximise <u, q> + h(u) - |u - pi|^2 / (2 eta) in each state (D10, D11).

    With c = eta lambda, the gradient vanishes on the simplex where u_a + c log u_a = x_a - nu, with
    x = pi + eta q, so that u_a = c omega((x_a - nu) / c - log c). The sum of these is convex and
    falls in nu; Newton starts left of the solution, where the largest u_a is 1, and cannot pass it.
    With lambda = 0 it is u_a = max(x_a - nu, 0), the Euclidean projection of x.
    """
    c, x = eta * entropy, policies + eta * q
    nu = x.max(axis=-1, keepdims=True) - 1
    for _ in range(100):
        u = c * wright_omega((x - nu) / c - np.log(c)) if c > 0 else np.maximum(x - nu, 0)
        slope = (u / (u + c) if c > 0 else u > 0).sum(axis=-1, keepdims=True)
        step = (u.sum(axis=-1, keepdims=True) - 1) / slope
        nu = nu + step
        if np.abs(step).max() < 1e-14:
            break
    return u / u.sum(axis=-1, keepdims=True)  # takes off the last rounding error


def average_return(gain, discount):
    """Return over H steps, gamma^H <= 1e-6, on average over all starts with H to come (D19)."""
    horizon = min(len(gain), int(np.ceil(np.log(1e-6) / np.log(discount))))
    return np.convolve(gain, discount ** np.arange(horizon)[::-1], mode="valid").mean()


# ----------------------------------------------------------------------------------- the algorithm
def run(
    game,
    architecture,
    agents=20,
    iterations=20,
    seed=0,
    failure_probability=0.0,
    final_agents=None,
    population_change_at=None,
    **parameters,
):
    """Run Algorithm 2 once and return its learning curve.

    Parameters
    ----------
    game : {"cluster", "agree", "diffuse"}
    architecture : {"centralised", "independent", "networked"}
    agents, iterations, seed : int
        N, K and the number from which all random numbers follow.
    failure_probability : float
        With which each learner, at each iteration by itself, fails to update its policy.
    final_agents, population_change_at : int, optional
        To how many agents the population grows, and at which iteration, counted from 0.
    **parameters
        Fields of :class:`Parameters`.

    Returns
    -------
    (iterations,) array
        The average discounted regularised return of the policies pi_k, for each k.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture: {architecture}")
    p, n_max = Parameters(**parameters), final_agents or agents
    if (final_agents is None) != (population_change_at is None) or n_max < agents:
        raise ValueError("growth needs final_agents >= agents and population_change_at")
    if p.transitions <= p.burn_in + 1:
        raise ValueError("no transition is kept: transitions must exceed burn_in + 1")
    size, cells_in_all = p.grid_size, p.grid_size**2
    streams = [np.random.default_rng([seed, purpose]) for purpose in range(5)]  # of numbers (D23)
    start, failure, moving, shuffling, arrival = streams  # for every architecture the same (D2)
    moves, reach = moves_of(size), reach_of(size, p.communication_radius)
    uniform = np.full((cells_in_all, ACTIONS), 1 / ACTIONS)  # pi_max (D5)
    q_max = (1 + p.entropy_weight * np.log(ACTIONS)) / (1 - p.discount)
    # zeta_{t-2} of the loops m > W: the last step but one, whose next action is known (D6, D7).
    kept = p.steps_per_transition * np.arange(p.burn_in + 2, p.transitions + 1) - 2
    steps = p.transitions * p.steps_per_transition

    n, curve = agents, []
    policies = np.tile(uniform, (n, 1, 1))  # line 1
    cells = start.integers(cells_in_all, size=n)
    for k in range(iterations):  # line 2
        # Lines 5-13: walk, and write everything down. Rewards follow from the paths (D3).
        everyone, thresholds = np.arange(n), thresholds_of(policies)
        path, actions = np.empty((2, steps, n), dtype=int)
        for t, draws in enumerate(moving.random((steps, n))):
            path[t], actions[t] = cells, act(thresholds, everyone, cells, draws)
            cells = moves[cells, actions[t]]  # line 7
        place = path + cells_in_all * np.arange(steps)[:, None]
        count = np.bincount(place.ravel(), minlength=steps * cells_in_all)[place]
        reward = rewards_of(game, size, n, n_max)[path, count]
        gain = reward + p.entropy_weight * entropies(policies)[everyone, path]  # r + h(pi(s))
        curve.append(average_return(gain.mean(axis=1), p.discount))

        # Lines 14-21, for those who learn and do not fail (D13, D16).
        learning = failure.random(n) >= failure_probability
        if architecture == "centralised":
            learning[1:] = False
        sigma, total = np.full((2, n), np.inf)  # no score without an update
        if learning.any():
            pairs = (path * ACTIONS + actions)[:, learning]
            q = np.full((learning.sum(), *uniform.shape), q_max)  # line 3
            q = replay(q, pairs[kept], pairs[kept + 1], gain[kept][:, learning], p, shuffling)
            old = policies[learning]
            policies[learning] = mirror_ascent(q, old, p.policy_learning_rate, p.entropy_weight)
            change = np.abs(policies[learning] - old).sum(axis=-1)  # (learners, S)
            sigma[learning], total[learning] = change.max(axis=-1), change.sum(axis=-1)  # D15

        if k == population_change_at:  # newcomers, without a score (D17)
            more = final_agents - n
            policies = np.concatenate([policies, np.tile(uniform, (more, 1, 1))])
            cells = np.concatenate([cells, arrival.integers(cells_in_all, size=more)])
            sigma, total = (np.append(x, np.full(more, np.inf)) for x in (sigma, total))
            n = final_agents

        # Lines 22-29. Policies travel as their place in the order of scores: the smallest change
        # first, ties by the change in total, then by the number of the agent it comes from (D15).
        order = np.lexsort((np.arange(n), total, sigma))
        held = np.argsort(order)  # at first, everybody holds its own
        if architecture == "centralised":
            held[:] = held[0]  # the central learner's policy is pushed to all (D13)
        thresholds = thresholds_of(policies)
        for draws in moving.random((p.communication_rounds, n)):
            if architecture == "networked":  # lines 23-26, all at once (D14)
                held = np.where(reach[cells[:, None], cells], held, n).min(axis=1)
            cells = moves[cells, act(thresholds, order[held], cells, draws)]  # line 27 (D12)
        policies = policies[order[held]]
    return np.array(curve)


if __name__ == "__main__":
    less = {"grid_size": 4, "transitions": 600, "replay_cycles": 60, "communication_rounds": 50}
    curves = [run("agree", name, failure_probability=0.5, **less) for name in ARCHITECTURES]
    print("Return in agree, 20 agents on a 4x4 grid, half of the updates fail\n")
    print("  k", *(f"{name:>12}" for name in ARCHITECTURES))
    for k, row in list(enumerate(zip(*curves, strict=True)))[::3]:
        print(f"{k:3}", *(f"{value:12.3f}" for value in row))
