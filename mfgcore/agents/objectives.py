"""Objectives: whose rewards agents learn from, their own or the population's (D30).

Where the objective is shared, agents learn from estimates of the population's average reward, as in
mean-field control. At each stored transition they pass rewards on to their neighbours, in some
rounds, by a way of averaging: flooding, or weights of links.
"""

import dataclasses
from typing import Any

import numpy as np

from mfgcore._base.errors import ConfigurationError
from mfgcore.experiment.components import (
    OBJECTIVES,
    REWARD_AVERAGINGS,
    Links,
    Objective,
    RewardAveraging,
)
from mfgcore.experiment.random_streams import RandomStreams

register = OBJECTIVES.register

PHASES = ("learning", "scoring")  # of an iteration in which rewards are passed on


@register
def own() -> Objective:
    """Each agent learns from its own reward, as in a mean-field game."""
    return Objective()


@register
def shared(*, reward_rounds: int, reward_averaging: RewardAveraging) -> Objective:
    """Agents learn from estimates of the average reward, as in mean-field control."""
    return Objective(reward_rounds, reward_averaging)


@REWARD_AVERAGINGS.register
def flooding() -> RewardAveraging:
    """Agents pass on all rewards that they have heard; the estimate is their mean."""
    return RewardAveraging()


@REWARD_AVERAGINGS.register
def metropolis() -> RewardAveraging:
    """Agents average with their neighbours by weights that keep the mean (Xiao & Boyd 2004)."""
    return RewardAveraging(lambda neighbours: 1.0 / (1.0 + neighbours))


def reward_exchange(
    objective: Objective,
    communication: str,
    links: Links | None,
    n_agents: int,
    random_streams: RandomStreams,
    iteration: int,
    phase: str,
) -> dict[str, Any]:
    """The arguments of `mfgcore.kernels.step_population` for an exchange of rewards, by name.

    Parameters
    ----------
    objective : Objective
    communication : str
        How policies spread. Through a network, rewards spread through the same one. A central
        learner has the average reward, and where nobody communicates agents have their own.
    links : Links or None
        Between whom policies travel, with the probability that a link fails.
    n_agents : int
    random_streams : RandomStreams
    iteration : int
    phase : {"learning", "scoring"}
        What the rewards are for.

    Returns
    -------
    dict
        Empty where agents learn from their own rewards.

    Raises
    ------
    ConfigurationError
        If weights cannot keep the mean, as somebody is heard by those whom it does not hear.
    """
    if objective.rounds is None:
        return {}
    one_group = np.arange(2, dtype=np.int32), np.zeros(1, dtype=np.int32)
    everybody = Links(*one_group, np.zeros(n_agents, dtype=np.int32))
    if communication != "network" or links is None:
        return _arguments(everybody) | {"exchange_rounds": int(communication == "broadcast")}
    if links.probability < 1.0:  # of any two agents, drawn in every round
        failing = 1.0 - links.probability * (1.0 - links.drop_probability)
        links = dataclasses.replace(everybody, drop_probability=failing)
    if objective.averaging.weight is not None and not links.both_ways:
        raise ConfigurationError("reward_averaging: needs a network whose links go both ways")
    seeds = random_streams.raw_bits("reward_links", iteration, 1, len(PHASES))[0]
    return _arguments(links) | {
        "seed": int(seeds[PHASES.index(phase)]),
        "exchange_rounds": objective.rounds,
        "link_weights": objective.averaging.link_weights(n_agents),
    }


def _arguments(links):
    """What `mfgcore.kernels.step_population` is told of links, by name."""
    known = links.arguments()
    names = "first_neighbour", "neighbours", "groups", "drop_threshold"
    return {name: known[name] for name in names}
