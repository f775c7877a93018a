"""The mean-field game of infinitely many agents: exact values, best responses and metrics."""

from mfgcore.meanfield.exact import (
    BestResponse,
    PopulationMetrics,
    action_values,
    best_response,
    exploitability,
    policy_value,
    population_metrics,
)
from mfgcore.meanfield.policies import policy_distances, state_distances, uniform_policy
from mfgcore.meanfield.stationary import FLOW_TOLERANCE, joint_mean_field, stationary_distribution
from mfgcore.meanfield.transition_model import TransitionModel, band
from mfgcore.meanfield.welfare import (
    WelfareOptimum,
    social_welfare,
    welfare_gradient,
    welfare_optimum,
)
