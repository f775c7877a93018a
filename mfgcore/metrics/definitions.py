"""Metrics: one table, from which all that is said of a metric follows.

The loop's records, the variables of run files and their checks, the labels of figures and the
table in ``docs/files.md`` are made from it. A metric is a function of an
:class:`IterationRecord`, decorated with :func:`metric`.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked, explained
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutResult
from mfgcore.experiment.components import METRICS
from mfgcore.experiment.experiment import Experiment
from mfgcore.games import Game
from mfgcore.meanfield import FLOW_TOLERANCE, PopulationMetrics, population_metrics
from mfgcore.meanfield.gains import update_gains
from mfgcore.metrics import sampled
from mfgcore.metrics.theorems import Adoptions, examine_adoptions


@dataclass(frozen=True)
class Metric:
    """One variable of a run's file.

    Parameters
    ----------
    compute : callable
        Its value at an iteration, from the :class:`IterationRecord`; of one at the end of the run,
        from the Simulation. What it names after ``*`` is that of the experiment.
    long_name, meaning : str
        In a few words, and in a sentence.
    dims : tuple of str
        Those of its variable.
    dtype : numpy dtype
    units : str
    label : str
        What figures call it, if any shows it.
    asked_by : str
        The parameter of the experiment that asks for it; then it is measured at every
        `evaluation_interval`-th iteration, and NaN at the others.
    counted_by : str
        A count among the metrics; where that is 0 there is nothing to measure, and it is NaN.
    certified_by : str
        A residual among the metrics; where that is too large the metric can be NaN.
    """

    compute: Callable
    long_name: str
    meaning: str
    dims: tuple = ("iteration",)
    dtype: type = np.float64
    units: str = "1"
    label: str = ""
    asked_by: str = ""
    counted_by: str = ""
    certified_by: str = ""

    def __post_init__(self) -> None:
        if (self.asked_by or self.counted_by) and not issubclass(self.dtype, np.floating):
            raise ValueError("only a metric of floats can be missing at an iteration")

    @property
    def final(self) -> bool:
        """Whether it is measured once, at the end of the run."""
        return "iteration" not in self.dims

    def due(self, experiment: Experiment, iteration: int) -> bool:
        """Whether it is measured at an iteration of a run."""
        if not self.asked_by:
            return True
        asked = getattr(experiment, self.asked_by)
        return asked and iteration % experiment.evaluation_interval == 0

    def expected(self, dataset: xr.Dataset, experiment: Experiment) -> np.ndarray:
        """Iterations of a run's dataset at which it must have a value; (n_iterations,) bool."""
        due = [self.due(experiment, k) for k in dataset["iteration"].values]
        expected = np.array(due, dtype=bool)
        if self.counted_by:
            expected &= dataset[self.counted_by].values > 0
        if self.certified_by:
            expected &= dataset[self.certified_by].values <= FLOW_TOLERANCE
        return expected

    def when(self) -> str:
        """When it is measured, in words."""
        if self.final:
            return "at the end"
        if self.asked_by:
            return f"every `evaluation_interval`-th iteration, if `{self.asked_by}`"
        return f"where `{self.counted_by}` > 0" if self.counted_by else "every iteration"


@dataclass(frozen=True)
class IterationRecord:
    """What record in one iteration: all that metrics are computed from.

    Parameters
    ----------
    game : Game
    iteration : int
        k of the paper.
    population : Population
        As it was at the start of the iteration.
    rollout : RolloutResult
        What the learning steps showed.
    learners, failed : (n,) int32
        Agents whose update succeeded, and those whose update failed.
    change, scores : (n_learners,) float64
        How far the policies of the learners moved, see `policy_change`; and their scores, infinite
        where nobody chooses by them.
    policies : (n_policies, n_states, n_actions) float64
        Those of the start, the learners' new ones, and that of agents who arrived.
    before, after : (n_agents,) int32
        Which of them every agent followed before and after the communication.
    communication : str
        How policies could spread: "none", "network" or "broadcast".
    discount, entropy_weight : float
        gamma and lambda of the paper.
    sampled_exploitability : float
        NaN where it is not evaluated.
    """

    game: Game
    iteration: int
    population: Population
    rollout: RolloutResult
    learners: np.ndarray
    failed: np.ndarray
    change: np.ndarray
    scores: np.ndarray
    policies: np.ndarray
    before: np.ndarray
    after: np.ndarray
    communication: str
    discount: float
    entropy_weight: float
    sampled_exploitability: float

    @functools.cached_property
    def exact(self) -> PopulationMetrics:
        """The exact metrics of the population."""
        return population_metrics(
            self.population.policies,
            self.game.for_population(self.population.size),
            discount=self.discount,
            entropy_weight=self.entropy_weight,
            policy_index=self.population.policy_index,
        )

    @functools.cached_property
    def learner_gains(self) -> tuple[np.ndarray, float]:
        """First-order gain of each learner's update, and a residual; see `update_gains`."""
        old = self.population
        return update_gains(
            old.policies,
            old.policy_index,
            old.policy_index[self.learners],
            self.policies[len(old.policies) :][: self.learners.size],
            self.game.for_population(old.size),
            discount=self.discount,
            entropy_weight=self.entropy_weight,
        )

    @functools.cached_property
    def new_policies(self) -> np.ndarray:
        """Number of each agent's policy among the learners' new ones, where it is one; (n,) int64.

        In no order of the agents.
        """
        numbers = self.after.astype(np.int64) - len(self.population.policies)
        return numbers[(numbers >= 0) & (numbers < self.learners.size)]

    @functools.cached_property
    def adoptions(self) -> Adoptions:
        """What the communication did to the policies; `mfgcore.agents.adoption.Adoptions`."""
        if self.communication != "network":
            return Adoptions(0, 0, 0.0, 0, 0)
        # the policy that all shared before their update, if they did, is the first one
        shared = 0 if len(self.population.policies) == 1 else None
        return examine_adoptions(self.policies, self.before, self.after, shared)

    @functools.cached_property
    def most_common(self) -> tuple[int, int]:
        """Row of the policy that most agents followed, and their number."""
        return self.population.most_common()


@checked
def metric(long_name: str, **details: Any) -> Callable[[Callable], Callable]:
    """Register a function as a metric: its docstring is the meaning, `details` the rest."""

    def decorate(function):
        meaning = " ".join(function.__doc__.split()).removesuffix(".")
        METRICS.add(function.__name__, Metric(checked(function), long_name, meaning, **details))
        return function

    return decorate


def per_iteration() -> dict[str, Metric]:
    """The metrics with a value for every iteration, by name; those that experiments keep."""
    return {name: entry for name, entry in METRICS.items() if not entry.final}


@checked
def measure(
    record: IterationRecord, experiment: Experiment, compute: Mapping[str, Callable]
) -> dict[str, Any]:
    """Value of every metric of :func:`per_iteration` at an iteration, by name; NaN if not measured.

    `compute` are their functions, with what the experiment gives them.
    """
    n_states, n_actions = record.policies.shape[1:]
    sizes = {"state": n_states, "action": n_actions}
    values: dict[str, Any] = {}
    for name, entry in per_iteration().items():
        value = np.full([sizes[dim] for dim in entry.dims[1:]], np.nan)
        if entry.due(experiment, record.iteration):
            value = compute[name](record)
        values[name] = np.asarray(value, dtype=entry.dtype)[()]
    return values


@explained
def label(name: str) -> str:
    """What figures call a metric; str."""
    return METRICS[name].label or METRICS[name].long_name


# ------------------------------------------------------------------------------ the metrics


@metric("average discounted regularised return", label="Average discounted return")
def discounted_return(record: IterationRecord, *, discount: float, return_horizon: int) -> float:
    """Mean over agents and start times of the discounted sum of r + h (Def. 2.2, Sec. 4.1)."""
    mean_rewards = record.rollout.population_rewards / record.population.size
    return sampled.discounted_return(mean_rewards, discount, return_horizon)


@metric(
    "exploitability of the joint policy, sampled",
    label="Exploitability (sampled)",
    asked_by="sampled_exploitability",
)
def exploitability(record: IterationRecord) -> float:
    """Return of an agent that improved its policy for a few iterations, minus the mean return of
    the others (F.2).
    """
    return record.sampled_exploitability


EXACT = {"asked_by": "exact_metrics", "certified_by": "exact_residual"}
SELECTION = {"asked_by": "selection_metrics"}
GAIN = {**SELECTION, "certified_by": "gain_residual"}
COUNT = {"dtype": np.int64}
AT_THE_END = {"dims": ("agent", "state", "action")}
BY_ACTION = {"dims": ("iteration", "state", "action"), "dtype": np.float32}


@metric("average discounted regularised return, exact", label="Return (exact)", **EXACT)
def exact_return(record: IterationRecord) -> float:
    """Mean of the agents' V_h(pi^i, mu) in the mean-field game (Def. 2.4): social welfare (D31)."""
    return record.exact.discounted_return


@metric("exploitability of the joint policy, exact", label="Exploitability, joint (exact)", **EXACT)
def exact_exploitability(record: IterationRecord) -> float:
    """Mean gain of a deviation to the best response to the population's mean field (F.2)."""
    return record.exact.exploitability


@metric(
    "mean exploitability of the individual policies, exact",
    label="Exploitability, individual (exact)",
    **EXACT,
)
def mean_individual_exploitability(record: IterationRecord) -> float:
    """Each policy against the mean field that it alone generates (F.2, last formula)."""
    return record.exact.mean_individual_exploitability


@metric("mean return of the individual policies, exact", **EXACT)
def mean_individual_return(record: IterationRecord) -> float:
    """Each policy in a population that follows it alone (F.3)."""
    return record.exact.mean_individual_return


@metric(
    "largest exploitability of an individual policy, exact",
    label="Exploitability, worst agent",
    **EXACT,
)
def worst_individual_exploitability(record: IterationRecord) -> float:
    """As the mean of them, of the agent for which it is largest (F.3)."""
    return record.exact.worst_individual_exploitability


@metric("smallest return of an individual policy, exact", **EXACT)
def worst_individual_return(record: IterationRecord) -> float:
    """As the mean of them, of the agent for which it is smallest (F.3)."""
    return record.exact.worst_individual_return


@metric("residual of the exact mean fields", asked_by="exact_metrics")
def exact_residual(record: IterationRecord) -> float:
    """Largest change of a share in one step, of the joint mean field and the individual ones; 0
    where moves do not depend on them. Above FLOW_TOLERANCE the fixed point is not found, and what
    depends on it is missing.
    """
    return record.exact.residual


@metric("policy divergence", label="Policy divergence")
def policy_divergence(record: IterationRecord) -> float:
    """(1/N) sum_i sup_s ‖pi^1(s) - pi^i(s)‖_1 (Sec. 3.2, 4.1)."""
    return record.population.policy_divergence()


@metric("number of distinct policies", **COUNT)
def distinct_policies(record: IterationRecord) -> int:
    """At the start of the iteration."""
    return len(record.population.policies)


@metric("number of agents that follow the most common policy", **COUNT)
def common_policy_agents(record: IterationRecord) -> int:
    """At the start of the iteration."""
    return record.most_common[1]


@metric("mean change of the learners' policies", counted_by="updates")
def mean_change(record: IterationRecord) -> float:
    """Mean of sup_s ‖pi_{k+1}(s) - pi_k(s)‖_1 over the learners, before communication (Alg. 2,
    line 21).
    """
    return record.change.mean() if record.learners.size else np.nan


@metric("number of learners whose update succeeded", **COUNT)
def updates(record: IterationRecord) -> int:
    """Sec. 4, D16."""
    return record.learners.size


@metric("number of learners whose update failed", **COUNT)
def failures(record: IterationRecord) -> int:
    """Sec. 4, D16."""
    return record.failed.size


@metric("number of agents", **COUNT)
def population_size(record: IterationRecord) -> int:
    """N at the start of the iteration."""
    return record.population.size


@metric("number of adopted policies", **COUNT)
def adopted_policies(record: IterationRecord) -> int:
    """Policies that an agent adopted from another and followed at the end of the rounds."""
    return record.adoptions.adopted_policies


@metric("violations of Theorem 3.1", **COUNT)
def theorem_3_1_violations(record: IterationRecord) -> int:
    """Adopted policies from which the divergence of the population did not fall, all adoptions of
    the iteration taken together.
    """
    return record.adoptions.theorem_3_1_violations


@metric("largest violation of Theorem 3.1")
def theorem_3_1_rise(record: IterationRecord) -> float:
    """By how much the divergence of the population from an adopted policy rose at most; 0 if from
    none.
    """
    return record.adoptions.theorem_3_1_rise


@metric("whether the premises of Theorem 3.2 held", **COUNT)
def theorem_3_2_premises(record: IterationRecord) -> int:
    """One policy before the update, all distinct after it, 1 < n < N after communication."""
    return record.adoptions.theorem_3_2_premises


@metric("violations of Theorem 3.2", **COUNT)
def theorem_3_2_violations(record: IterationRecord) -> int:
    """1 if the premises held and the bound on the distance of two policies did not fall."""
    return record.adoptions.theorem_3_2_violations


@metric("share of agents that follow a new policy", **SELECTION)
def useful_share(record: IterationRecord) -> float:
    """Agents that follow, after communication, a policy that an update of this iteration made."""
    return record.new_policies.size / record.after.size


@metric("residual of the mean field of the gains", **SELECTION)
def gain_residual(record: IterationRecord) -> float:
    """As `exact_residual`, of the joint mean field alone."""
    return record.learner_gains[1]


@metric("mean gain of the learners' updates, exact", **GAIN)
def learner_gain(record: IterationRecord) -> float:
    """Mean first-order gain in return over the updates that succeeded; 0 if none did."""
    return math.fsum(record.learner_gains[0]) / max(1, record.learners.size)


@metric("mean gain of the followed policies, exact", **GAIN)
def followed_gain(record: IterationRecord) -> float:
    """Mean over the agents of the first-order gain of the update whose policy each follows after
    communication; 0 of those that follow an old one. Its sum over a run as a multiple of that of
    `useful_share` times `learner_gain` is the selection gain g.
    """
    return math.fsum(record.learner_gains[0][record.new_policies]) / record.after.size


@metric("correlation of score and gain", **GAIN)
def score_gain_correlation(record: IterationRecord) -> float:
    """Pearson's correlation over the learners of the score, the smaller the better, and the
    first-order gain; 0 where either is the same for all, or not finite.
    """
    return sampled.correlation(record.scores, record.learner_gains[0])


@metric("number of estimates of the average reward", **COUNT)
def reward_estimates(record: IterationRecord) -> int:
    """Transitions at which agents estimated the population's average reward, to learn from it."""
    errors = record.rollout.estimate_errors
    return 0 if errors is None else errors.size


@metric("error of the estimates of the average reward", counted_by="reward_estimates")
def reward_estimate_error(record: IterationRecord) -> float:
    """Root mean square, over agents and stored transitions, of the difference between an agent's
    estimate and the average reward.
    """
    errors = record.rollout.estimate_errors
    return np.nan if errors is None else math.sqrt(math.fsum(errors) / errors.size)


@metric("empirical mean field", dims=("iteration", "state"))
def mean_field(record: IterationRecord) -> np.ndarray:
    """Distribution of the agents over the states, averaged over the iteration's learning steps."""
    return record.rollout.mean_field


@metric("most common policy", **BY_ACTION)
def common_policy(record: IterationRecord) -> np.ndarray:
    """Probability of each action in each state, of the policy that most agents followed at the
    start of the iteration; among equals the one of the agent with the lowest number.
    """
    return record.population.policies[record.most_common[0]]


@metric("final policies", **AT_THE_END)
def policy(simulation: Any) -> np.ndarray:
    """Probability of each action in each state, pi_K."""
    return simulation.population.policies[simulation.population.policy_index]


@metric("last estimated Q-functions", **AT_THE_END)
def q_values(simulation: Any) -> np.ndarray:
    """Of each agent's last successful update; NaN for an agent that never learned."""
    return simulation.q_values.reshape(-1, *simulation.population.policies.shape[1:])
