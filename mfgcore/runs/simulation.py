"""One run: the loop over k of Algorithms 1 and 2, for every architecture and scenario."""

import contextlib
import dataclasses
import datetime
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, NumericalError, RunFileError, shorten
from mfgcore._base.plugins import READS, named_files, nothing_read, told
from mfgcore.agents import random_streams as streams
from mfgcore.agents.adoption import ADOPTIONS
from mfgcore.agents.algorithms import Lesson, improve_policies, policy_change
from mfgcore.agents.population import Population, Walk, rollout
from mfgcore.agents.scenarios import LEAVERS
from mfgcore.agents.scores import SCORE_RULES, Update
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.metrics.definitions import METRICS, Moment, per_iteration, record
from mfgcore.metrics.sampled import sample_exploitability
from mfgcore.runs import resources as memory
from mfgcore.runs.datasets import to_dataset
from mfgcore.runs.provenance import environment

if TYPE_CHECKING:
    from mfgcore.experiment.experiment import Experiment
    from mfgcore.runs.checkpoint import Checkpointer


class Simulation:
    """The state of a run between two iterations, and the step from one to the next.

    Parameters
    ----------
    experiment : Experiment
    threads : int
        Threads that share the learning of one iteration. They change no result.
    limit : float, optional
        Bytes of memory that the run may take; by default what there is. Learners are processed in
        blocks whose replay buffers fit. The blocks change no result.

    Attributes
    ----------
    code : str
        Fingerprint of the code, as it was at the start.
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
        self, experiment: "Experiment", threads: int = 1, limit: float | None = None
    ) -> None:
        self.experiment, self.code = experiment, experiment.code()
        if threads < 1:
            raise ConfigurationError(f"threads: {shorten(threads)} is not a whole number >= 1")
        self.threads = threads
        self.block = memory.block_of_learners(experiment, limit)
        self.game = experiment.make_game()
        self.scenario = experiment.make_scenario()
        self.architecture = experiment.make_architecture()
        self.algorithm = experiment.make_algorithm()
        if self.architecture.hears == "neighbours":
            self.network = experiment.make_network()
        self.iteration = 0
        n_agents, shape = experiment.agents, (experiment.n_states, experiment.n_actions)
        self.population = Population(
            states=streams.starts(experiment, "initial_states", 0, n_agents, self.game),
            policy_index=np.zeros(n_agents, dtype=np.int32),
            policies=uniform_policy(*shape)[None],
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
        if experiment.arrivals == "before_learning":
            self._change_population()
        sampled = None
        if experiment.evaluation_moves and METRICS["exploitability"].due(experiment, k):
            sampled = sample_exploitability(experiment, self.game, self.population, k)
        start = self.population.snapshot()
        learners, failed = self._learners()
        generators, observations, change, total = self._learn(start, learners)

        hears = self.architecture.hears
        # An agent that did not learn has no score: with the distance 0 between its two equal
        # policies it would win every comparison, and the population would stand still (D16).
        scores = np.full((2, start.size), np.inf)
        if hears == "neighbours":
            now = self.population, self.game, generators
            score = SCORE_RULES[experiment.score_rule](
                Update(experiment, k, learners, change, total, *now)
            )
            if score is None:
                hears = "nobody"
            else:
                scores[:, learners] = score, total
                if "failed_score" in SCORE_RULES.needs(experiment.score_rule):
                    others = {"none": np.inf, "zero": 0.0, "last": self.scores[:, failed]}
                    scores[:, failed] = others[experiment.failed_score]
        self.scores = scores
        staying = np.arange(start.size)
        if experiment.arrivals == "after_learning":
            staying = self._change_population()
        walk = self._walk(generators[:, staying])
        before = walk.policy_index.copy()
        if hears == "learner":
            walk.policy_index[:] = walk.policy_index[0]
        network = None
        if hears == "neighbours":
            network = self.network(self.population.size).at(experiment, k)
        adopt = ADOPTIONS[experiment.adoption if network else "best"]
        self.scores = self.scores[:, adopt(experiment, k, walk, self.scores, network)]
        self.population.states, self.population.policy_index = walk.states, walk.policy_index

        moment = Moment(
            experiment=experiment,
            game=self.game,
            iteration=k,
            population=start,
            observations=observations,
            learners=learners,
            failed=failed,
            change=change,
            policies=self.population.policies,
            before=before,
            after=walk.policy_index,
            hears=hears,
            sampled=sampled,
        )
        for name, value in record(moment).items():
            self.records[name].append(value)
        self.population.forget_unused()
        self.iteration += 1

    def _learn(self, start, learners):
        """Take the learning steps and give every learner its new policy.

        The learners are processed in blocks, for each of which the population takes the same steps
        again: of all replay buffers, only those of one block are in memory. Returns the action
        streams as the steps left them, the observations, and
        :func:`mfgcore.agents.algorithms.policy_change` of the learners.
        """
        experiment, population = self.experiment, self.population
        first = self._walk()
        shuffles = streams.shuffle_generators(
            experiment, "shuffles", self.iteration, population.size
        )
        if experiment.shuffles == "shared":
            shuffles[:] = shuffles[0]
        n_policies, *shape = start.policies.shape
        population.policies = np.empty((n_policies + learners.size, *shape))
        population.policies[:n_policies] = start.policies
        moved = np.empty((2, learners.size))  # change and total
        for begin in range(0, max(1, learners.size), self.block):
            block, walk = slice(begin, begin + self.block), first.copy()
            new = population.policies[n_policies:][block]
            observations = self._learn_block(
                start, walk, learners[block], shuffles, new, moved[:, block]
            )
        population.policy_index[learners] = n_policies + np.arange(learners.size, dtype=np.int32)
        population.states = walk.states
        return walk.generators, observations, *moved

    def _learn_block(self, start, walk, learners, shuffles, new, moved):
        """Take the steps, and fill in the new policies of some learners and how far they moved."""
        experiment, algorithm = self.experiment, self.algorithm
        seen = rollout(experiment, walk, algorithm.n_discarded, learners)
        for begin in range(0, learners.size, memory.AT_ONCE):
            part = slice(begin, begin + memory.AT_ONCE)
            agents = learners[part]
            rows = start.policy_index[agents]
            own = start.policies[rows]
            transitions = None if seen.transitions is None else seen.transitions[part]
            lesson = Lesson(transitions, shuffles[agents], own, start, self.threads)
            q_values = algorithm.q_values(lesson)
            self._check_finite("Q-function", q_values, agents)
            self.q_values[agents] = q_values
            improved = improve_policies(experiment, start.policies, rows, q_values)
            self._check_finite("policy", improved, agents)
            new[part], moved[:, part] = improved, policy_change(own, improved)
        return dataclasses.replace(seen, transitions=None)

    def _change_population(self):
        """Let agents come or go; the numbers that those had who are still there, (n,) int64."""
        experiment, k = self.experiment, self.iteration
        present, expected = self.population.size, self.scenario.population(k)
        if not 1 <= expected <= experiment.max_agents:
            raise ConfigurationError(
                f"scenario {experiment.resolved_scenario!r}: {expected} agents at iteration {k} "
                f"are not >= 1 and <= {experiment.max_agents}"
            )
        if expected > present:
            states = streams.starts(experiment, "arrivals", k, expected, self.game)
            self.population.add(states[present:])
            never = np.full((expected - present, self.q_values.shape[1]), np.nan)
            self.q_values = np.concatenate((self.q_values, never))
            unscored = np.full((2, expected - present), np.inf)
            self.scores = np.concatenate((self.scores, unscored), axis=1)
        staying = np.arange(present)
        if expected < present:
            first = LEAVERS[experiment.leavers](experiment, self.population.states)
            chance = streams.uniforms(experiment, "departures", k, present)
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
        probability = self.scenario.failure_probability(self.iteration)
        fails = streams.uniforms(self.experiment, "failures", self.iteration, n_agents)
        fails = fails < probability
        fails[0] |= self.scenario.learner_lost(self.iteration)
        learns = np.arange(n_agents) < self.architecture.n_learners(n_agents)
        return (
            np.nonzero(learns & ~fails)[0].astype(np.int32),
            np.nonzero(learns & fails)[0].astype(np.int32),
        )

    def _walk(self, generators=None):
        """The population ready for steps.

        `generators` are the streams of its first agents, as earlier steps of the iteration left
        them; the others begin theirs.
        """
        streams_of_all = streams.action_generators(
            self.experiment, "actions", self.iteration, self.population.size
        )
        if generators is not None:
            streams_of_all[:, : generators.shape[1]] = generators
        weight = self.experiment.entropy_weight
        return Walk.of(self.population, self.game, weight, streams_of_all)

    def _check_finite(self, what, values, learners):
        bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if bad.any():
            raise NumericalError(
                f"iteration {self.iteration}, agent {learners[bad][0]}: its {what} is not finite"
            )


@checked
def simulate(
    experiment: "Experiment",
    threads: int = 1,
    progress: Callable[[Simulation], object] | None = None,
    checkpointer: "Checkpointer | None" = None,
    limit: float | None = None,
) -> xr.Dataset:
    """Run an experiment and return everything that it measured.

    Parameters
    ----------
    experiment : Experiment
    threads : int
        Threads that share the learning of one iteration. They change no result.
    progress : callable, optional
        Called with the :class:`~mfgcore.runs.simulation.Simulation` after every iteration.
    checkpointer : Checkpointer, optional
        Where the run's state is kept on the way, and taken up if it was kept before.
    limit : float, optional
        Bytes of memory that the run may take; see :class:`~mfgcore.runs.simulation.Simulation`.

    Returns
    -------
    xarray.Dataset
        The variables of `METRICS`, over `iteration`, `agent`, `state` and
        `action`. The attributes hold the configuration and the provenance.

    Raises
    ------
    ConfigurationError
        If the run does not fit into the memory.
    NumericalError
        If NaN or infinity arises; names the iteration and the agent.
    Stopped
        If a signal asked for it; only with a checkpointer.
    """
    started = datetime.datetime.now(datetime.UTC)
    wall, cpu = time.perf_counter(), time.process_time()
    with told():
        simulation, before = Simulation(experiment, threads, limit), (0.0, 0.0)
    listening: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if checkpointer is not None:
        before = checkpointer.restore(simulation)
        listening = checkpointer.listening()

    def seconds():
        return (
            round(before[0] + time.perf_counter() - wall, 3),
            round(before[1] + time.process_time() - cpu, 3),
        )

    entries = experiment.entries()
    before_the_run = named_files(entries)
    with listening:
        while simulation.iteration < experiment.iterations:
            with told(), nothing_read(entries):
                simulation.step()
            if progress is not None:
                progress(simulation)
            if checkpointer is not None and simulation.iteration < experiment.iterations:
                checkpointer.after_iteration(simulation, seconds())
    with told(), nothing_read(entries):
        dataset = to_dataset(simulation)
    if named_files(entries) != before_the_run:
        raise RunFileError(f"a file that {READS} names was changed while the run was under way")
    dataset.attrs |= {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": seconds()[0],
        "cpu_seconds": seconds()[1],
        **environment("simulate"),
    }
    return dataset
