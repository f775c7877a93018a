"""Finite populations beside the mean field: distribution, return and gain of a deviation over N.

Agents that share a policy move independently in these games, so that at one moment they are N
draws from its stationary distribution. Each trial draws them, lets them walk, and looks at the end;
beside it stand the exact expectations. ``docs/theory.md`` shows what comes of it.
"""

import numpy as np
from scipy.stats import binom

from mfgcore import meanfield
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState, rollout
from mfgcore.experiment.experiment import Experiment
from mfgcore.games import GAMES
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.meanfield.transition_model import TransitionModel
from mfgcore.metrics.sampled import discounted_return
from mfgcore.study.theory.populations import expected_rewards, policy_entropies

SIZES = (10, 30, 100, 300, 1000, 3000)
TRIALS = 200
# the population moves nearly at random then, as F.4 says
LARGE = {"entropy_weight": 1.0, "policy_learning_rate": 1.0}
GATHERED = 0.1  # share of the fullest cell at which teaching stops


def walk_of(game, **parameters):
    """Experiment whose rollout is as long as the return's horizon."""
    horizon = Experiment(game=game).return_horizon
    return Experiment(
        game=game, transitions=horizon, steps_per_transition=1, burn_in=0, **parameters
    )


def game_of(name):
    """Game for every N; cluster's rewards are normalised by the largest."""
    return GAMES[name](**({"max_agents": max(SIZES)} if name == "cluster" else {}))


def improved(experiment, game, policy):
    """Policy after a step of mirror ascent on its exact Q-function, and the mean field before."""
    mean_field = meanfield.stationary_distribution(policy, game)
    weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
    q_values = meanfield.action_values(policy, mean_field, game, **weights)
    improve = experiment.make("policy_improvement")
    return improve(policy[None], q_values[None])[0], mean_field


def taught(experiment, game):
    """Policy half-way: exact learning from a nearly uniform one, until a cell holds `GATHERED`.

    Not quite even, as the even policy is an equilibrium of cluster.
    """
    shape = game.n_states, len(game.actions)
    policy = 1.0 + 0.1 * np.random.default_rng(0).random(shape)
    policy /= policy.sum(axis=1, keepdims=True)
    while True:
        better, mean_field = improved(experiment, game, policy)
        if mean_field.max() >= GATHERED:
            return policy
        policy = better


def expected_distance(mean_field, n_agents):
    """E ||mu_N - mu||_1 of N independent agents, by de Moivre's mean deviation; float.

    ``E |X - n p| = 2 (k (1 - p)) P(X = k)`` at k = floor(n p) + 1.
    """
    least = np.floor(n_agents * mean_field) + 1.0
    deviation = 2.0 * least * (1.0 - mean_field) * binom.pmf(least, n_agents, mean_field)
    return float(deviation.sum() / n_agents)


def expected_return(experiment, game, policy, n_agents=None):
    """Expected return of an agent among N, or infinitely many, in the stationary state; float."""
    mean_field = meanfield.stationary_distribution(policy, game)
    if n_agents is None:
        rewards = (policy * game.mean_field_rewards(mean_field)).sum(axis=1)
    else:
        rewards = expected_rewards(game, mean_field, n_agents)
    entropies = policy_entropies(policy, experiment.entropy_weight)
    return float(mean_field @ (rewards + entropies)) / (1.0 - experiment.discount)


def sampled(experiment, game, policy, n_agents, trials=TRIALS):
    """||mu_N - mu||_1 and the return, of rollouts of N agents; (trials,) float64 each."""
    mean_field = meanfield.stationary_distribution(policy, game)
    index = np.zeros(n_agents, dtype=np.int32)
    distances, returns = np.empty(trials), np.empty(trials)
    for trial in range(trials):
        drawn = np.random.default_rng([n_agents, trial, experiment.seed])
        states = drawn.choice(game.n_states, n_agents, p=mean_field).astype(np.int32)
        generators = experiment.random_streams.action_generators("actions", trial, n_agents)
        population = Population(states, index, policy[None])
        walk = RolloutState.of(population, game, experiment.entropy_weight, generators)
        rewards = (
            rollout(
                walk,
                experiment.make("algorithm"),
                experiment.transitions,
                experiment.steps_per_transition,
            ).population_rewards
            / n_agents
        )
        returns[trial] = discounted_return(rewards, experiment.discount, rewards.size)
        shares = np.bincount(walk.states, minlength=game.n_states) / n_agents
        distances[trial] = np.abs(shares - mean_field).sum()
    return distances, returns


def slope(sizes, values, errors=0.0):
    """Slope of log values against log N, and half its 95 % interval; float each.

    All sizes weigh alike, so that it is an estimate of the slope of the expectations. The error of
    a logarithm is the relative error.
    """
    centred = np.log(sizes) - np.log(sizes).mean()
    weights = centred / (centred**2).sum()
    error = np.sqrt((weights**2 * np.divide(errors, values) ** 2).sum())
    return float(weights @ np.log(values)), float(1.96 * error)


def deviation_gain(experiment, game, policy, n_agents):
    """Exact gain of the best deviation of one of N agents that share a policy; float.

    The others neither see it nor hinder it, and each is where its stationary distribution says: in
    a state it is paid what it expects of their number, so its problem is that of one agent.
    """
    mean_field = meanfield.stationary_distribution(policy, game)
    rewards = expected_rewards(game, mean_field, n_agents)[:, None] + np.zeros(policy.shape)
    weights = experiment.discount, experiment.entropy_weight
    moves, start = TransitionModel(game), policy[None]
    best, _, _ = moves.best_responses(start, rewards[None], *weights, 1e-13, 1000)
    own = moves.policy_values(start, rewards[None], *weights)
    return float(mean_field @ (best - own)[0])


def equilibrium(experiment, game, n_agents=np.inf, change=1e-13):
    """Limit of mirror ascent on exact Q-functions from the uniform policy, among N agents."""
    game = game.for_population(n_agents)
    policy = uniform_policy(game.n_states, len(game.actions))
    for _ in range(100_000):
        before = policy
        policy, _ = improved(experiment, game, policy)
        if np.abs(policy - before).max() <= change:
            return policy
    raise RuntimeError("mirror ascent does not settle")


def policies_of(experiment, game):
    """The uniform policy, and a taught one; dict."""
    return {
        "even": uniform_policy(game.n_states, len(game.actions)),
        "taught": taught(experiment, game),
    }


def measure(name, trials=TRIALS):
    """Distances, returns and slopes of one game, at each of its policies; dict."""
    experiment, game = walk_of(name), game_of(name)
    policies = policies_of(experiment, game)
    return {which: _measure(experiment, game, each, trials) for which, each in policies.items()}


def _measure(experiment, game, policy, trials):
    mean_field = meanfield.stationary_distribution(policy, game)
    value = expected_return(experiment, game, policy)
    rows = []
    for n_agents in SIZES:
        distances, returns = sampled(experiment, game, policy, n_agents, trials)
        gaps = np.abs(returns - value)
        rows.append(
            {
                "agents": n_agents,
                "distance": distances.mean(),
                "distance_error": distances.std(ddof=1) / np.sqrt(trials),
                "expected_distance": expected_distance(mean_field, n_agents),
                "gap": gaps.mean(),
                "gap_error": gaps.std(ddof=1) / np.sqrt(trials),
                "bias": abs(expected_return(experiment, game, policy, n_agents) - value),
            }
        )
    of = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    apart = np.abs(of["distance"] - of["expected_distance"]) / of["distance_error"]
    large = of["agents"] >= 100
    return {
        "rows": rows,
        "distance_slope": slope(of["agents"], of["distance"], of["distance_error"]),
        "distance_slope_from_100": slope(
            of["agents"][large], of["distance"][large], of["distance_error"][large]
        ),
        "expected_distance_slope": slope(of["agents"], of["expected_distance"])[0],
        "gap_slope": slope(of["agents"], of["gap"], of["gap_error"]),
        "bias_slope": slope(of["agents"], of["bias"])[0],
        "apart": float(apart.max()),
    }
