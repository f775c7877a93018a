"""Simulation: the loop over k of Algorithms 1 and 2, for every architecture and scenario."""

import dataclasses
from typing import Any

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, NumericalError, shorten
from mfgcore.agents.adoption import communicate_by
from mfgcore.agents.algorithms import LearningBatch
from mfgcore.agents.networks import sampled
from mfgcore.agents.objectives import reward_exchange
from mfgcore.agents.policy_improvement import policy_change
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState, count_visits, rollout
from mfgcore.agents.scores import ScoringContext
from mfgcore.experiment.components import METRICS, SCORE_RULES
from mfgcore.experiment.experiment import Experiment
from mfgcore.experiment.initial_policies import GIVEN, check_states, digest_of, read_policies
from mfgcore.meanfield.policies import checked_policies, uniform_policy
from mfgcore.metrics.definitions import IterationRecord, measure, per_iteration
from mfgcore.metrics.sampled import sample_exploitability
from mfgcore.runs import resources


def _starting_point(experiment, policies, states):
    """The experiment with the digest of what it starts from; policies, states or None."""
    game, path = experiment.make_game(), experiment.initial_policy
    of_file, given = path not in (None, GIVEN), policies is not None or states is not None
    if policies is not None:
        if of_file:
            raise ConfigurationError("policies: not allowed where there is an initial_policy")
        policies = checked_policies(policies, game)
    elif of_file:
        policies, _ = read_policies(path)
    else:
        policies = uniform_policy(game.n_states, len(game.actions))[None]
    if not given:
        if path == GIVEN:
            raise ConfigurationError(
                "initial_policy: the run began with an array: give simulate() its policies, or "
                "states, again"
            )
        return experiment, policies, None
    arrays = [policies]
    if states is not None:
        states = check_states(states, experiment.agents, game.n_states)
        arrays.append(states)
    digest = digest_of(*arrays)
    if path == GIVEN and experiment.initial_policy_digest != digest:
        known = experiment.initial_policy_digest
        raise ConfigurationError(f"policies: their digest is {digest}, not {known}")
    start = {"initial_policy": GIVEN, "initial_policy_digest": digest}
    return dataclasses.replace(experiment, **start), policies, states


class Simulation:
    """The state of a run between two iterations, and the step from one to the next.

    Parameters are those of :func:`mfgcore.simulate`. Learners are processed in blocks whose replay
    buffers fit into the memory; the blocks change no result.

    Attributes
    ----------
    code_fingerprint : str
        That of the code at the start.
    iteration : int
        k: number of iterations done.
    population : Population
    q_values : (n_agents, n_states * n_actions) float64
        Each agent's latest estimate; NaN for an agent that has never learned.
    records : dict of str to list
        A value for each iteration done of each metric of `per_iteration`.
        All speak of the population at the start of the iteration (D18), except those of its
        update and of its communication. A number that was not measured is NaN.

    Raises
    ------
    ConfigurationError
        If the run does not fit into the memory.
    """

    @checked
    def __init__(
        self,
        experiment: Experiment,
        threads: int = 1,
        limit: float | None = None,
        policies: np.ndarray | None = None,
        states: np.ndarray | None = None,
    ) -> None:
        experiment, policies, states = _starting_point(experiment, policies, states)
        self.experiment, self.code_fingerprint = experiment, experiment.code_fingerprint()
        if threads < 1:
            raise ConfigurationError(f"threads: {shorten(threads)} is not a whole number >= 1")
        self.threads = threads
        self.block = resources.block_of_learners(experiment, limit)
        self.game = experiment.make_game()
        self._streams = experiment.random_streams
        self._architecture = experiment.make("architecture")
        self._scenario = experiment.make("scenario")
        self._algorithm = experiment.make("algorithm")
        self._improve = experiment.make("policy_improvement")
        self._adoption = experiment.make("adoption")
        self._objective = experiment.make("objective")
        self._reads: tuple[str, ...] = ()  # by the score rule
        if experiment.by_network:
            self._network = experiment.make("network")
            self._score = experiment.make("score_rule")
            self._reads = getattr(SCORE_RULES[experiment.score_rule], "reads", ())
        self._sample_exploitability = experiment.bind(sample_exploitability)
        self._metrics = {name: experiment.bind(entry.compute) for name, entry in METRICS.items()}
        self.iteration = 0
        n_agents = experiment.agents
        if states is None:
            states = self._streams.sample_initial_states("initial_states", 0, n_agents, self.game)
        distinct, rows = np.unique(policies, axis=0, return_inverse=True)
        self.population = Population(
            states=states,
            policy_index=np.resize(rows.astype(np.int32), n_agents),
            policies=np.ascontiguousarray(distinct),
        )
        self.q_values = np.full((n_agents, experiment.n_states * experiment.n_actions), np.nan)
        self.scores = np.full((2, n_agents), np.inf)  # of the policies that agents follow
        self.records: dict[str, list[Any]] = {name: [] for name in per_iteration()}

    def step(self) -> None:
        """Do iteration k: observe, learn, improve, communicate, and record what happened.

        Raises
        ------
        NumericalError
            If a Q-function or a policy is no longer finite; names the iteration and the agent.
        """
        experiment, k = self.experiment, self.iteration
        if experiment.arrival_timing == "before_learning":
            self._change_population()
        exploitability = np.nan
        if METRICS["exploitability"].due(experiment, k):
            exploitability = self._sample_exploitability(self.population, k)
        start = self.population.snapshot()
        learners, failed = self._learners()
        last_q_values = self.q_values.copy() if "last_q_values" in self._reads else None
        generators, result, visits, change, total = self._learn(start, learners)
        communication = self._architecture.communication
        # An agent that did not learn has no score: with the distance 0 between its two equal
        # policies it would win every comparison, and the population would stand still (D16).
        last, self.scores = self.scores, np.full((2, start.size), np.inf)
        if communication == "network":
            context = ScoringContext(
                k,
                learners,
                change,
                total,
                last[:, failed],
                start,
                self.population,
                self.q_values,
                visits,
                last_q_values,
                self.game,
                generators,
                experiment.entropy_weight,
                self._exchange(start.size, "scoring"),
            )
            scores = self._score(context)
            if scores is None:
                communication = "none"
            elif isinstance(scores, tuple):
                scores, self.scores[:, failed] = scores
            if scores is not None:
                self.scores[:, learners] = scores, total
        scored, staying = self.scores, np.arange(start.size)
        if experiment.arrival_timing == "after_learning":
            staying = self._change_population()
        state = self._rollout_state(generators[:, staying])
        before = state.policy_index.copy()
        if communication == "broadcast":
            state.policy_index[:] = state.policy_index[0]
        self.scores = self.scores[:, self._communicate(state, communication)]
        self.population.states, self.population.policy_index = state.states, state.policy_index

        record = IterationRecord(
            game=self.game,
            iteration=k,
            population=start,
            rollout=result,
            learners=learners,
            failed=failed,
            change=change,
            scores=scored[0, learners],
            policies=self.population.policies,
            before=before,
            after=state.policy_index,
            communication=communication,
            discount=experiment.discount,
            entropy_weight=experiment.entropy_weight,
            sampled_exploitability=exploitability,
        )
        for name, value in measure(record, experiment, self._metrics).items():
            self.records[name].append(value)
        self.population.forget_unused()
        self.iteration += 1

    def _communicate(self, state, communication):
        """Take the communication rounds; the agent whose policy each follows, (n_agents,) int64."""
        experiment, k, links = self.experiment, self.iteration, None
        rounds = experiment.communication_rounds
        if communication == "network":
            links = self._network.links(self.population.size)
            failing = experiment.link_failure_probability
            links = sampled(links, self._streams, k, rounds, failing)
        return communicate_by(self._adoption, state, self.scores, links, rounds, k, self._streams)

    def _exchange(self, n_agents, phase):
        """How agents pass on their rewards; see `reward_exchange`."""
        communication, links = self._architecture.communication, None
        if self._objective.rounds is not None and communication == "network":
            failing = self.experiment.link_failure_probability
            links = self._network.links(n_agents)
            links = dataclasses.replace(links, drop_probability=failing)
        of_now = n_agents, self._streams, self.iteration, phase
        return reward_exchange(self._objective, communication, links, *of_now)

    def _learn(self, start, learners):
        """Take the learning steps and give every learner its new policy.

        For each block of learners the population takes the same steps again: only its replay
        buffers are in memory. Returns the action streams as the steps left them, the result of the
        rollout, how often each learner's transitions begin in each state, and how far the policies
        of the learners moved; see `policy_change`.
        """
        population = self.population
        first = self._rollout_state()
        shuffles = self._streams.shuffle_generators("shuffles", self.iteration, population.size)
        if self._algorithm.shared_shuffles:
            shuffles[:] = shuffles[0]
        n_policies, *shape = start.policies.shape
        population.policies = np.empty((n_policies + learners.size, *shape))
        population.policies[:n_policies] = start.policies
        moved = np.empty((2, learners.size))  # change and total
        keeps = "visits" in self._reads and self._algorithm.n_discarded is not None
        visits = np.empty((learners.size, shape[0]), dtype=np.int64) if keeps else None
        for begin in range(0, max(1, learners.size), self.block):
            block, state = slice(begin, begin + self.block), first.copy()
            new = population.policies[n_policies:][block]
            seen = None if visits is None else visits[block]
            of_block = learners[block], shuffles, new, seen, moved[:, block]
            result = self._learn_block(start, state, *of_block)
        population.policy_index[learners] = n_policies + np.arange(learners.size, dtype=np.int32)
        population.states = state.states
        return state.generators, result, visits, *moved

    def _learn_block(self, start, state, learners, shuffles, new, visits, moved):
        """Take the steps, and fill in some learners' new policies, visits and change."""
        experiment, algorithm = self.experiment, self._algorithm
        lengths = experiment.transitions, experiment.steps_per_transition
        exchange = self._exchange(start.size, "learning")
        seen = rollout(state, algorithm, *lengths, learners=learners, exchange=exchange)
        for begin in range(0, learners.size, resources.AT_ONCE):
            part = slice(begin, begin + resources.AT_ONCE)
            agents = learners[part]
            own = start.policies[start.policy_index[agents]]
            transitions = None if seen.transitions is None else seen.transitions[part]
            if visits is not None and transitions is not None:
                visits[part] = count_visits(transitions["pair"], *own.shape[1:])
            batch = LearningBatch(transitions, shuffles[agents], own, start, self.threads)
            q_values = algorithm.q_values(batch)
            self._check_finite("Q-function", q_values, agents)
            self.q_values[agents] = q_values
            improved = self._improve(own, q_values.reshape(own.shape))
            self._check_finite("policy", improved, agents)
            new[part], moved[:, part] = improved, policy_change(own, improved)
        return dataclasses.replace(seen, transitions=None)

    def _change_population(self):
        """Let agents come or go; the numbers that those had who are still there, (n,) int64."""
        experiment, k = self.experiment, self.iteration
        present, expected = self.population.size, self._scenario.population(k)
        if not 1 <= expected <= experiment.max_agents:
            said = f"{expected} agents at iteration {k} are not >= 1 and <= {experiment.max_agents}"
            raise ConfigurationError(f"scenario {experiment.resolved_scenario!r}: {said}")
        if expected > present:
            states = self._streams.sample_initial_states("arrivals", k, expected, self.game)
            self.population.add(states[present:])
            never = np.full((expected - present, self.q_values.shape[1]), np.nan)
            self.q_values = np.concatenate((self.q_values, never))
            unscored = np.full((2, expected - present), np.inf)
            self.scores = np.concatenate((self.scores, unscored), axis=1)
        staying = np.arange(present)
        if expected < present:
            first = experiment.make("departure_rule")(self.population.states)
            chance = self._streams.uniforms("departures", k, present)
            # agent 0 stays, as it is the central learner, whose loss is another disturbance
            leaving = 1 + np.lexsort((chance[1:], first[1:]))[: present - expected]
            staying = np.delete(staying, leaving)
            self.population.keep(staying)
            self.q_values = self.q_values[staying]
            self.scores = self.scores[:, staying]
        return staying

    def _learners(self):
        """Agents whose update succeeds, and those whose update fails; (n,) int32 each."""
        n_agents = self.population.size
        probability = self._scenario.failure_probability(self.iteration)
        fails = self._streams.uniforms("failures", self.iteration, n_agents) < probability
        fails[0] |= self._scenario.learner_lost(self.iteration)
        fails = fails[: self._architecture.n_learners(n_agents)]
        return np.flatnonzero(~fails).astype(np.int32), np.flatnonzero(fails).astype(np.int32)

    def _rollout_state(self, generators=None):
        """The population ready for steps; its first agents go on with `generators`."""
        n_agents = self.population.size
        streams = self._streams.action_generators("actions", self.iteration, n_agents)
        if generators is not None:
            streams[:, : generators.shape[1]] = generators
        weight = self.experiment.entropy_weight
        return RolloutState.of(self.population, self.game, weight, streams)

    def _check_finite(self, what, values, learners):
        bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if bad.any():
            who = f"iteration {self.iteration}, agent {learners[bad][0]}"
            raise NumericalError(f"{who}: its {what} is not finite")
