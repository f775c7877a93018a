"""Agents: how they learn, who hears whom, and what disturbs them.

A user's file imports from here the registries, and what their entries return.
"""

from mfgcore.agents.adoption import AdoptionRound
from mfgcore.agents.algorithms import LearningBatch
from mfgcore.agents.architectures import ARCHITECTURES, Architecture
from mfgcore.agents.networks import NETWORKS, Links, Network, graph
from mfgcore.agents.policy_improvement import POLICY_IMPROVEMENTS
from mfgcore.agents.population import Population
from mfgcore.agents.scenarios import DEPARTURE_RULES, SCENARIOS, Scenario
from mfgcore.agents.scores import SCORE_RULES, ScoringContext
from mfgcore.experiment.components import (
    ADOPTIONS,
    ALGORITHMS,
    OBJECTIVES,
    REWARD_AVERAGINGS,
    Adoption,
    Algorithm,
    Objective,
    RewardAveraging,
)

__all__ = [
    "ADOPTIONS",
    "ALGORITHMS",
    "ARCHITECTURES",
    "DEPARTURE_RULES",
    "NETWORKS",
    "OBJECTIVES",
    "POLICY_IMPROVEMENTS",
    "REWARD_AVERAGINGS",
    "SCENARIOS",
    "SCORE_RULES",
    "Adoption",
    "AdoptionRound",
    "Algorithm",
    "Architecture",
    "LearningBatch",
    "Links",
    "Network",
    "Objective",
    "Population",
    "RewardAveraging",
    "Scenario",
    "ScoringContext",
    "graph",
]
