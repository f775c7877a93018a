"""What a run measures: one table, from which all that is said of a metric follows.

The loop's records, the variables of run files and their checks, the labels of figures and the
table in ``docs/architecture.md`` are made from it. To add a metric, write the function that
computes it here, and decorate it.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfgcore import meanfield
from mfgcore._base.arguments import checked, explained
from mfgcore._base.registry import Registry
from mfgcore.agents.adoption import Adoptions, examine_adoptions
from mfgcore.agents.population import Observations, Population
from mfgcore.games import Game
from mfgcore.metrics import sampled as evaluation

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment

METRICS = Registry("metric", code="compute")


@dataclass(frozen=True)
class Metric:
    """One variable of a run's file.

    Parameters
    ----------
    compute : callable
        What it is at one iteration, from its :class:`Moment`; of one at the end of the run, from
        the :class:`~mfgcore.runs.simulation.Simulation`.
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

    def due(self, experiment: "Experiment", iteration: int) -> bool:
        """Whether it is measured at an iteration of a run."""
        if not self.asked_by:
            return True
        asked = getattr(experiment, self.asked_by)
        return asked and iteration % experiment.evaluation_interval == 0

    def expected(self, dataset: xr.Dataset, experiment: "Experiment") -> np.ndarray:
        """Iterations of a run's dataset at which it must have a value; (n_iterations,) bool."""
        due = [self.due(experiment, k) for k in dataset["iteration"].values]
        expected = np.array(due, dtype=bool)
        if self.counted_by:
            expected &= dataset[self.counted_by].values > 0
        if self.certified_by:
            expected &= dataset[self.certified_by].values <= meanfield.FLOW_TOLERANCE
        return expected

    def when(self) -> str:
        """When it is measured, in words."""
        if self.final:
            return "at the end"
        if self.asked_by:
            return f"every `evaluation_interval`-th iteration, if `{self.asked_by}`"
        return f"where `{self.counted_by}` > 0" if self.counted_by else "every iteration"


@dataclass(frozen=True)
class Moment:
    """What happened in one iteration: all that metrics are computed from.

    Parameters
    ----------
    experiment, game, iteration
        Of the run; k of the paper.
    population : Population
        As it was at the start of the iteration.
    observations : Observations
        What the learning steps showed.
    learners, failed : (n,) int32
        Agents whose update succeeded, and those whose update failed.
    change : (n_learners,) float64
        How far the policies of the learners moved; see `policy_change`.
    policies : (n_policies, n_states, n_actions) float64
        Those of the start, the learners' new ones, and that of agents who arrived.
    before, after : (n_agents,) int32
        Which of them every agent followed before and after the communication.
    hears : str
        Whose policies agents could adopt.
    sampled : float, optional
        The sampled exploitability, if it is known already.
    """

    experiment: "Experiment"
    game: Game
    iteration: int
    population: Population
    observations: Observations
    learners: np.ndarray
    failed: np.ndarray
    change: np.ndarray
    policies: np.ndarray
    before: np.ndarray
    after: np.ndarray
    hears: str
    sampled: float | None = None

    @functools.cached_property
    def exact(self) -> meanfield.PopulationMetrics:
        """The exact metrics of the population."""
        return meanfield.population_metrics(
            self.population.policies,
            self.game.for_population(self.population.size),
            discount=self.experiment.discount,
            entropy_weight=self.experiment.entropy_weight,
            policy_index=self.population.policy_index,
        )

    @functools.cached_property
    def adoptions(self) -> Adoptions:
        """What the communication did to the policies; `mfgcore.agents.adoption.Adoptions`."""
        if self.hears != "neighbours":
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
    """Make a function a metric: its docstring says what it means, `details` the rest."""

    def decorate(function):
        meaning = " ".join(function.__doc__.split()).removesuffix(".")
        METRICS.add(function.__name__, Metric(function, long_name, meaning, **details))
        return function

    return decorate


def per_iteration() -> dict[str, Metric]:
    """The metrics with a value for every iteration, by name; those that experiments keep."""
    return {name: entry for name, entry in METRICS.items() if not entry.final}


@checked
def record(moment: "Moment") -> dict[str, Any]:
    """What every metric of :func:`per_iteration` is at a moment, by name; NaN if not measured."""
    n_states, n_actions = moment.policies.shape[1:]
    sizes = {"state": n_states, "action": n_actions}
    values: dict[str, Any] = {}
    for name, entry in per_iteration().items():
        value = np.full([sizes[dim] for dim in entry.dims[1:]], np.nan)
        if entry.due(moment.experiment, moment.iteration):
            value = entry.compute(moment)
        values[name] = np.asarray(value, dtype=entry.dtype)[()]
    return values


@explained
def label(name: str) -> str:
    """What figures call a metric; str."""
    return METRICS[name].label or METRICS[name].long_name


# ------------------------------------------------------------------------------ the metrics


@metric("average discounted regularised return", label="Average discounted return")
@checked
def discounted_return(moment: "Moment") -> float:
    """Mean over agents and start times of the discounted sum of r + h (Def. 2.2, Sec. 4.1)."""
    return evaluation.discounted_return(
        moment.observations.population_rewards / moment.population.size,
        moment.experiment.discount,
        moment.experiment.return_horizon,
    )


@metric(
    "exploitability of the joint policy, sampled",
    label="Exploitability (sampled)",
    asked_by="sampled_exploitability",
)
@checked
def exploitability(moment: "Moment") -> float:
    """Return of an agent that improved its policy for a few iterations, minus the mean return of
    the others (F.2).
    """
    if moment.sampled is not None:
        return moment.sampled
    return evaluation.sample_exploitability(
        moment.experiment, moment.game, moment.population, moment.iteration
    )


EXACT = {"asked_by": "exact_metrics", "certified_by": "exact_residual"}
COUNT = {"dtype": np.int64}
AT_THE_END = {"dims": ("agent", "state", "action")}
BY_ACTION = {"dims": ("iteration", "state", "action"), "dtype": np.float32}
# fmt: off
for _name, _compute, _details, _long_name, _meaning in (
    ("exact_return", lambda moment: moment.exact.discounted_return,
     EXACT | {"label": "Return (exact)"}, "average discounted regularised return, exact",
     "Mean of the agents' V_h(pi^i, mu) in the mean-field game (Def. 2.4)"),
    ("exact_exploitability", lambda moment: moment.exact.exploitability,
     EXACT | {"label": "Exploitability, joint (exact)"},
     "exploitability of the joint policy, exact",
     "Mean gain of an agent that deviates to the best response to the population's mean field "
     "(F.2)"),
    ("mean_individual_exploitability", lambda moment: moment.exact.mean_individual_exploitability,
     EXACT | {"label": "Exploitability, individual (exact)"},
     "mean exploitability of the individual policies, exact",
     "Each policy against the mean field of a population that follows it alone (F.2, last "
     "formula)"),
    ("mean_individual_return", lambda moment: moment.exact.mean_individual_return, EXACT,
     "mean return of the individual policies, exact",
     "Each policy in a population that follows it alone (F.3)"),
    ("worst_individual_exploitability",
     lambda moment: moment.exact.worst_individual_exploitability, EXACT,
     "largest exploitability of an individual policy, exact",
     "As the mean of them, of the agent for which it is largest (F.3)"),
    ("worst_individual_return", lambda moment: moment.exact.worst_individual_return, EXACT,
     "smallest return of an individual policy, exact",
     "As the mean of them, of the agent for which it is smallest (F.3)"),
    ("exact_residual", lambda moment: moment.exact.residual, {"asked_by": "exact_metrics"},
     "residual of the exact mean fields",
     "Largest change of a share in one step, of the joint mean field and the individual ones; 0 "
     f"where moves do not depend on them. Above {meanfield.FLOW_TOLERANCE:g} the fixed point is "
     "not found, and what depends on it is missing"),
    ("policy_divergence", lambda moment: moment.population.policy_divergence(),
     {"label": "Policy divergence"}, "policy divergence",
     "(1/N) sum_i sup_s ‖pi^1(s) - pi^i(s)‖_1 (Sec. 3.2, 4.1)"),
    ("distinct_policies", lambda moment: len(moment.population.policies), COUNT,
     "number of distinct policies", "At the start of the iteration"),
    ("common_policy_agents", lambda moment: moment.most_common[1], COUNT,
     "number of agents that follow the most common policy", "At the start of the iteration"),
    ("mean_change", lambda moment: moment.change.mean() if moment.learners.size else np.nan,
     {"counted_by": "updates"}, "mean change of the learners' policies",
     "Mean of sup_s ‖pi_{k+1}(s) - pi_k(s)‖_1 over the agents that learned, before any "
     "communication (Alg. 2, line 21)"),
    ("updates", lambda moment: moment.learners.size, COUNT,
     "number of learners whose update succeeded", "Sec. 4, D16"),
    ("failures", lambda moment: moment.failed.size, COUNT,
     "number of learners whose update failed", "Sec. 4, D16"),
    ("population_size", lambda moment: moment.population.size, COUNT,
     "number of agents", "N at the start of the iteration"),
    ("adopted_policies", lambda moment: moment.adoptions.adopted_policies, COUNT,
     "number of adopted policies",
     "Policies that an agent adopted from another and followed at the end of the rounds"),
    ("theorem_3_1_violations", lambda moment: moment.adoptions.theorem_3_1_violations, COUNT,
     "violations of Theorem 3.1",
     "Adopted policies from which the divergence of the population did not fall, all adoptions of "
     "the iteration taken together"),
    ("theorem_3_1_rise", lambda moment: moment.adoptions.theorem_3_1_rise, {},
     "largest violation of Theorem 3.1",
     "By how much the divergence of the population from an adopted policy rose at most; 0 if it "
     "rose from none"),
    ("theorem_3_2_premises", lambda moment: moment.adoptions.theorem_3_2_premises, COUNT,
     "whether the premises of Theorem 3.2 held",
     "One policy before the update, all distinct after it, 1 < n < N after communication"),
    ("theorem_3_2_violations", lambda moment: moment.adoptions.theorem_3_2_violations, COUNT,
     "violations of Theorem 3.2",
     "1 if the premises held and the bound on the distance of two policies did not fall"),
    ("mean_field", lambda moment: moment.observations.mean_field, {"dims": ("iteration", "state")},
     "empirical mean field",
     "Distribution of the agents over the states, averaged over the iteration's learning steps"),
    ("common_policy", lambda moment: moment.population.policies[moment.most_common[0]], BY_ACTION,
     "most common policy",
     "Probability of each action in each state, of the policy that most agents followed at the "
     "start of the iteration; among equals the one of the agent with the lowest number"),
    ("policy", lambda run: run.population.policies[run.population.policy_index], AT_THE_END,
     "final policies", "Probability of each action in each state, pi_K"),
    ("q_values", lambda run: run.q_values.reshape(-1, *run.population.policies.shape[1:]),
     AT_THE_END, "last estimated Q-functions",
     "Of each agent's last successful update; NaN for an agent that never learned"),
):
    METRICS.add(_name, Metric(_compute, _long_name, _meaning, **_details))
