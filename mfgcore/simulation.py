"""One run: the loop over k of Algorithms 1 and 2, for every architecture and scenario."""

import dataclasses

import numpy as np

from mfgcore import kernels, meanfield, streams
from mfgcore.architectures import ARCHITECTURES
from mfgcore.errors import NumericalError
from mfgcore.evaluation import discounted_return, sample_exploitability
from mfgcore.games import ACTIONS
from mfgcore.gossip import Adoptions, communicate, examine_adoptions
from mfgcore.learning import (
    ALGORITHMS,
    estimate_q_values,
    exact_q_values,
    improve_policies,
    policy_change,
)
from mfgcore.networks import neighbour_cells
from mfgcore.population import NOBODY, Population, Walk, observe, uniform_policy
from mfgcore.scores import SCORE_RULES, Update

METRICS = (
    "discounted_return",
    "exploitability",
    "exact_return",
    "exact_exploitability",
    "mean_individual_exploitability",
    "mean_individual_return",
    "policy_divergence",
    "distinct_policies",
    "common_policy_agents",
    "mean_change",
    "failures",
    "population_size",
    "adopted_policies",
    "theorem_3_1_violations",
    "theorem_3_2_premises",
    "theorem_3_2_violations",
)


class Simulation:
    """The state of a run between two iterations, and the step from one to the next.

    Parameters
    ----------
    experiment : Experiment
    threads : int
        Threads that share the learning of one iteration. They change no result.

    Attributes
    ----------
    iteration : int
        k: number of iterations done.
    population : Population
    q_values : (n_agents, n_states * n_actions) float64
        Each agent's latest estimate; NaN for an agent that has never learned.
    metrics : dict of str to list of float
        By name, one value for each iteration done. All speak of the population at the start of
        the iteration (D18), except `mean_change` and `failures`, which belong to its update, and
        `adopted_policies` and those of the theorems, which belong to its communication. A value
        that was not measured is NaN.
    mean_fields : list of (n_states,) float64
        Empirical mean field of each iteration's learning steps.
    common_policies : list of (n_states, n_actions) float32
        The policy that most agents followed at the start of each iteration.
    """

    def __init__(self, experiment, threads=1):
        self.experiment = experiment
        self.threads = threads
        self.game = experiment.make_game()
        self.scenario = experiment.make_scenario()
        self.architecture = ARCHITECTURES[experiment.architecture]
        self.network = neighbour_cells(
            self.game.grid, experiment.communication_radius, experiment.diagonal
        )
        self.next_state = self.game.grid.next_state()
        self.iteration = 0
        n_agents, n_states = experiment.agents, self.game.grid.n_states
        self.population = Population(
            states=streams.integers(experiment, "initial_states", 0, n_agents, n_states),
            policy_index=np.zeros(n_agents, dtype=np.int32),
            policies=uniform_policy(n_states)[None],
        )
        self.q_values = np.full((n_agents, n_states * len(ACTIONS)), np.nan)
        self.metrics = {name: [] for name in METRICS}
        self.mean_fields = []
        self.common_policies = []

    def step(self):
        """Do iteration k: observe, learn, improve, communicate.

        Raises
        ------
        NumericalError
            If a Q-function or a policy is no longer finite; names the iteration and the agent.
        """
        experiment, k = self.experiment, self.iteration
        if experiment.arrivals == "before_learning":
            self._let_arrive()
        population = self.population
        walk = self._walk()
        common, followers = population.most_common()
        self.common_policies.append(population.policies[common].astype(np.float32))
        n_policies = population.policies.shape[0]
        self._record(
            policy_divergence=population.policy_divergence(),
            distinct_policies=n_policies,
            common_policy_agents=followers,
            population_size=population.size,
        )
        self._evaluate(walk)

        learners, failed = self._learners()
        algorithm = ALGORITHMS[experiment.algorithm]
        recorders = learners if algorithm.learn else NOBODY
        seen = observe(experiment, walk, algorithm.skipped(experiment), recorders)
        mean_rewards = seen.population_rewards / population.size
        self._record(
            discounted_return=discounted_return(
                mean_rewards, experiment.discount, experiment.return_horizon
            ),
            failures=failed.size,
        )
        self.mean_fields.append(seen.mean_field)

        index = population.policy_index[learners]
        if algorithm.learn:
            shuffles = streams.shuffle_generators(experiment, "shuffles", k, population.size)
            q_values = estimate_q_values(
                experiment, seen.transitions, shuffles[learners], self.threads
            )
        else:
            q_values = exact_q_values(
                experiment, population.policies, population.policy_index,
                population.policies[index],
            )  # fmt: skip
        self._check_finite("Q-function", q_values, learners)
        self.q_values[learners] = q_values

        improved = improve_policies(experiment, population.policies, index, q_values)
        self._check_finite("policy", improved, learners)
        change, total = policy_change(population.policies[index], improved)
        self._record(mean_change=change.mean() if learners.size else np.nan)

        population.policies = np.concatenate((population.policies, improved))
        population.policy_index[learners] = n_policies + np.arange(learners.size, dtype=np.int32)
        hears, generators = self.architecture.hears, walk.generators
        # An agent that did not learn has no score: with the distance 0 between its two equal
        # policies it would win every comparison, and the population would stand still (D16).
        scores = np.full(population.size, np.inf)
        totals = np.full(population.size, np.inf)
        if hears == "neighbours":
            rule = SCORE_RULES[experiment.score_rule]
            if rule.score is None:
                hears = "nobody"
            else:
                walk = self._walk(generators)
                scores[learners] = rule.score(Update(experiment, k, learners, change, walk))
                totals[learners] = total
                generators = walk.generators
        if experiment.arrivals == "after_learning":
            self._let_arrive()
        self._communicate(hears, generators, scores, totals, shared=n_policies == 1)
        self.iteration += 1

    def _evaluate(self, walk):
        experiment, population = self.experiment, self.population
        due = self.iteration % experiment.evaluation_interval == 0
        sampled = np.nan
        if due and experiment.evaluation:
            sampled = sample_exploitability(experiment, walk, population.policies, self.iteration)
        exact = meanfield.PopulationMetrics(np.nan, np.nan, np.nan, np.nan, None)
        if due and experiment.exact_metrics:
            exact = meanfield.population_metrics(
                population.policies,
                self.game.seen_by(population.size),
                discount=experiment.discount,
                entropy_weight=experiment.entropy_weight,
                policy_index=population.policy_index,
            )
        self._record(
            exploitability=sampled,
            exact_return=exact.discounted_return,
            exact_exploitability=exact.exploitability,
            mean_individual_exploitability=exact.mean_individual_exploitability,
            mean_individual_return=exact.mean_individual_return,
        )

    def _let_arrive(self):
        experiment, k = self.experiment, self.iteration
        present, expected = self.population.size, self.scenario.population(k)
        if expected > present:
            cells = streams.integers(experiment, "arrivals", k, expected, self.game.grid.n_states)
            self.population.add(cells[present:])
            never = np.full((expected - present, self.q_values.shape[1]), np.nan)
            self.q_values = np.concatenate((self.q_values, never))

    def _learners(self):
        """Agents whose update succeeds, and those whose update fails; (n,) int32 each."""
        n_agents = self.population.size
        probability = self.scenario.failure_probability(self.iteration)
        fails = streams.uniforms(self.experiment, "failures", self.iteration, n_agents)
        fails = fails < probability
        learns = np.arange(n_agents) < self.architecture.n_learners(n_agents)
        return (
            np.nonzero(learns & ~fails)[0].astype(np.int32),
            np.nonzero(learns & fails)[0].astype(np.int32),
        )

    def _walk(self, generators=None):
        """The population ready for steps.

        Parameters
        ----------
        generators : (4, n) uint32, optional
            Streams of the first n agents, as earlier steps of the iteration left them; the others
            begin theirs.
        """
        population = self.population
        thresholds, entropies = kernels.policy_tables(
            population.policies, self.experiment.entropy_weight
        )
        streams_of_all = streams.action_generators(
            self.experiment, "actions", self.iteration, population.size
        )
        if generators is not None:
            streams_of_all[:, : generators.shape[1]] = generators
        return Walk(
            states=population.states,
            policy_index=population.policy_index,
            thresholds=thresholds,
            entropies=entropies,
            next_state=self.next_state,
            rewards=self.game.reward_table(population.size),
            generators=streams_of_all,
        )

    def _communicate(self, hears, generators, scores, totals, shared):
        """The communication rounds; `shared`: whether row 0 was everybody's before the update."""
        walk = self._walk(generators)
        before = walk.policy_index.copy()
        newcomers = np.full(self.population.size - scores.size, np.inf)
        communicate(
            hears, walk, np.concatenate((scores, newcomers)),
            np.concatenate((totals, newcomers)), self.network,
            self.experiment.communication_rounds,
        )  # fmt: skip
        self.population.policy_index = walk.policy_index
        adoptions = Adoptions(0, 0, 0, 0)
        if hears == "neighbours":
            adoptions = examine_adoptions(
                self.population.policies, before, walk.policy_index, 0 if shared else None
            )
        self._record(**dataclasses.asdict(adoptions))
        self.population.forget_unused()

    def _record(self, **values):
        for name, value in values.items():
            self.metrics[name].append(float(value))

    def _check_finite(self, what, values, learners):
        bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if bad.any():
            raise NumericalError(
                f"iteration {self.iteration}, agent {learners[bad][0]}: its {what} is not finite"
            )
