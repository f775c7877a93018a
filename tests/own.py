"""One file of a user's with each kind of what can be registered; test_own.py imports it."""

import numpy as np

from mfgcore.agents import (
    ADOPTIONS,
    ALGORITHMS,
    ARCHITECTURES,
    DEPARTURE_RULES,
    NETWORKS,
    OBJECTIVES,
    POLICY_IMPROVEMENTS,
    REWARD_AVERAGINGS,
    SCENARIOS,
    SCORE_RULES,
    Adoption,
    Algorithm,
    Architecture,
    Network,
    Objective,
    RewardAveraging,
    Scenario,
    graph,
)
from mfgcore.games import GridGame
from mfgcore.games import register as game
from mfgcore.metrics import metric
from mfgcore.plotting import FIGURES, metrics


@game
class OwnGame(GridGame):
    """Be where others are."""

    def rewards(self, mean_fields):
        return self.normalised(mean_fields[..., None], mean_fields)


@NETWORKS.register
def own_network():
    """A line."""
    return Network(lambda n: graph(n, [(i, i + 1) for i in range(n - 1)]))


@SCORE_RULES.register
def own_score_rule(context):
    """The policy that changed most."""
    return -context.change


@ADOPTIONS.register
def own_adoption():
    """A neighbour's, drawn evenly."""

    def choose(now):
        heard = [now.heard_by(agent) for agent in range(now.scores.size)]
        return np.array(
            [each[int(u * each.size)] for each, u in zip(heard, now.uniforms[:, 0], strict=True)]
        )

    return Adoption(choose)


@REWARD_AVERAGINGS.register
def own_averaging():
    """A third of the way of Metropolis weights."""
    return RewardAveraging(lambda neighbours: 1.0 / 3.0 / (1.0 + neighbours))


@OBJECTIVES.register
def own_objective(*, reward_averaging):
    """Two rounds of hearsay, whatever is asked for."""
    return Objective(2, reward_averaging)


@SCENARIOS.register
def own_scenario(*, agents, final_agents):
    """Agents come or go, and every second update fails."""
    return Scenario(lambda k: 0.5, lambda k: final_agents if k > 1 else agents)


@DEPARTURE_RULES.register
def own_leavers(states):
    """Those in the last cells."""
    return -states.astype(float)


@ALGORITHMS.register
def own_algorithm(*, burn_in, n_states, n_actions):
    """The mean of the rewards that were seen."""

    def q_values(batch):
        found = np.zeros((len(batch.policies), n_states * n_actions))
        for row, seen in zip(found, batch.transitions, strict=True):
            counts = np.maximum(np.bincount(seen["pair"], minlength=row.size), 1)
            row[:] = np.bincount(seen["pair"], seen["reward"], minlength=row.size) / counts
        return found

    return Algorithm(burn_in + 1, 1, q_values)


@POLICY_IMPROVEMENTS.register
def own_improvement(policies, q_values, *, policy_learning_rate):
    """A step towards the best action."""
    best = q_values == q_values.max(axis=2, keepdims=True)
    best = best / best.sum(axis=2, keepdims=True)
    return policies + min(1.0, policy_learning_rate) * (best - policies)


@metric("share of the fullest cell")
def own_metric(record):
    """Largest entry of the mean field."""
    return record.rollout.mean_field.max()


@ARCHITECTURES.register
def Own2():
    """Half of the agents learn, and their policies travel."""
    return Architecture(learners=0.5, communication="network")


@FIGURES.register
def own_figure(dataset, **files):
    """The metric of this file alone."""
    return metrics(dataset, panels=["own_metric"], **files)
