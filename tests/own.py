"""One file of a user's with each kind of what can be registered; test_own.py imports it."""

import numpy as np

from mfgcore.agents.adoption import ADOPTIONS, communicate
from mfgcore.agents.algorithms import ALGORITHMS, Algorithm
from mfgcore.agents.architectures import ARCHITECTURES, BY_NETWORK, Architecture
from mfgcore.agents.networks import NETWORKS, graph
from mfgcore.agents.scenarios import LEAVERS, SCENARIOS, Scenario
from mfgcore.agents.scores import SCORE_RULES
from mfgcore.games import GridGame
from mfgcore.games import register as game
from mfgcore.metrics.definitions import metric


@game
class OwnGame(GridGame):
    """Be where others are."""

    def rewards(self, mean_fields):
        return self.normalised(mean_fields[..., None], mean_fields)


@NETWORKS.register
def own_network(experiment):
    """A line."""
    return lambda n_agents: graph(n_agents, [(i, i + 1) for i in range(n_agents - 1)])


@SCORE_RULES.register
def own_score_rule(update):
    """The policy that changed most."""
    return -update.change


@ADOPTIONS.register
def own_adoption(experiment, iteration, walk, scores, network):
    """The best one, in half of the rounds."""
    return communicate(walk, *scores, network, experiment.communication_rounds // 2)


@SCENARIOS.register("agents_after")
def own_scenario(experiment):
    """Agents come or go, and every second update fails."""
    return Scenario(
        lambda k: 0.5, lambda k: experiment.agents_after if k > 1 else experiment.agents
    )


@LEAVERS.register
def own_leavers(experiment, states):
    """Those in the last cells."""
    return -states.astype(float)


@ALGORITHMS.register("waiting_transitions", "reward_time")
def own_algorithm(experiment):
    """The mean of the rewards that were seen."""

    def q_values(lesson):
        size = experiment.n_states * experiment.n_actions
        found = np.zeros((len(lesson.own), size))
        for row, seen in zip(found, lesson.transitions, strict=True):
            counts = np.maximum(np.bincount(seen["pair"], minlength=size), 1)
            row[:] = np.bincount(seen["pair"], seen["reward"], minlength=size) / counts
        return found

    return Algorithm(experiment.waiting_transitions + 1, 1, q_values)


@metric("share of the fullest cell")
def own_metric(moment):
    """Largest entry of the mean field."""
    return moment.observations.mean_field.max()


@ARCHITECTURES.register(*BY_NETWORK)
def Own2(experiment=None):
    """One agent learns, and its policy travels."""
    return Architecture(learners="one", hears="neighbours")
