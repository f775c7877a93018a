"""Expected cost of a run: CPU time and memory."""

from collections import Counter

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.plugins import user_errors
from mfgcore.experiment.experiment import Experiment
from mfgcore.meanfield.transition_model import band
from mfgcore.runs.resources import network_of, policies_left, run_bytes

# CPU seconds of each unit of work that `work` counts, with two runs at a time on two cores of 2025.
# Code of games in Python takes as long as its author's: this is that of the shipped ones.
SECONDS = {
    "start": 0.7,
    "iteration": 1.5e-3,
    "update": 1.1e-9,  # of a Q-function by TD
    "transition": 8e-9,  # recorded
    "draw": 1.4e-9,  # of an agent's action, or of where it leads
    "callback": 4e-5,  # into Python, for probabilities that depend on the mean field
    "number from Python": 1.1e-8,  # probability or reward
    "exact state": 3e-6,  # of the exact metrics
    "elimination": 4e-9,  # multiplication in their linear systems
    "link": 1e-9,  # heard in a round
    "policy entry": 5e-8,  # learned or written
    "compared entry": 2.5e-9,  # of two policies
}
MEAN_FIELD_ITERATIONS = 50  # to a fixed point; where there is none they are many more
# of the Snakemake that waits beside a run in a job of a cluster
JOB_MEGABYTES = 150.0
# what a job asks for, relative to what is expected
TIME_MARGIN = 3.0
MEMORY_MARGIN = 1.5


@user_errors()
@checked
def work(experiment: Experiment) -> dict[str, float]:
    """Expected amounts of work of a run, by the units of `SECONDS`; dict of str to float."""
    scenario, architecture = experiment.make("scenario"), experiment.make("architecture")
    entries = experiment.n_states * experiment.n_actions
    done = dict.fromkeys(SECONDS, 0.0)
    done["start"], done["iteration"] = 1.0, experiment.iterations
    # iterations in which the same happens are counted together: there may be a million of them
    alike = Counter(
        (
            scenario.population(k),
            scenario.failure_probability(k),
            scenario.learner_lost(k),
            k % experiment.evaluation_interval == 0,
            k == 0,
        )
        for k in range(experiment.iterations)
    )
    for (n_agents, failing, lost, evaluated, first), times in alike.items():
        learners = (architecture.n_learners(n_agents) - lost) * (1.0 - failing)
        amounts = _work_of_iteration(experiment, n_agents, learners, evaluated, first)
        for unit, amount in amounts.items():
            done[unit] += times * amount
    # to make the tables of rewards and to write Q-functions and policies
    done["policy entry"] += 2 * scenario.population(experiment.iterations - 1) * entries
    return done


def _work_of_iteration(experiment, n_agents, learners, evaluated, first):
    """Amounts of work of one iteration; dict of str to float."""
    game = experiment.make_game()
    n_states, entries = experiment.n_states, experiment.n_states * experiment.n_actions
    policies = 1.0 if first else policies_left(experiment, n_agents)
    steps = experiment.learning_steps + experiment.communication_rounds
    steps += experiment.effective_parameters().get("score_steps", 0)
    updated, exact = learners, 0.0
    if evaluated and experiment.sampled_exploitability:
        updated += experiment.improvement_iterations
        rollouts = experiment.improvement_iterations + experiment.evaluation_iterations
        steps += rollouts * experiment.learning_steps
    if evaluated and experiment.exact_metrics:
        exact = policies
    transitions = updated * experiment.kept_transitions
    outcomes = np.size(game.next_states()) / entries
    draws = 1.0 if outcomes == 1.0 else 2.0 + outcomes / 4.0  # which are compared in groups
    done = {
        "update": transitions * experiment.make("algorithm").replay_cycles,
        "transition": transitions,
        "draw": steps * (draws * n_agents + n_states),
        "exact state": exact * n_states,
        "elimination": exact * n_states * band(game) ** 2,
        "policy entry": (learners + policies) * entries,
    }
    if game.mean_field_dynamics:
        done["callback"] = steps + exact * MEAN_FIELD_ITERATIONS
        done["number from Python"] = done["callback"] * game.evaluation_cost
    if not game.local_reward:
        rewards = (steps + exact * n_states) * entries
        done["number from Python"] = done.get("number from Python", 0.0) + rewards
    if experiment.by_network:
        rounds = experiment.communication_rounds
        exchanges = experiment.effective_parameters().get("reward_rounds", 0)
        rounds += exchanges * experiment.kept_transitions
        done["link"] = rounds * _links_heard(experiment, n_agents)
        if policies < n_agents:  # each that is adopted is compared with all
            done["compared entry"] = policies * learners * (entries + 30)
    return done


def _links_heard(experiment, n_agents):
    """Links that are followed in a communication round; float."""
    network = network_of(experiment)
    links = network.n_links(n_agents)
    if not experiment.link_failure_probability:
        return links
    # each agent follows those of its own state, or in a graph its own
    of_agents = n_agents * (1.0 + network.reach(n_agents, 1.0))
    return min(max(links, of_agents), links * max(1.0, n_agents / experiment.n_states))


@checked
def run_seconds(experiment: Experiment) -> float:
    """Expected CPU seconds of a run on one core; float."""
    return sum(SECONDS[unit] * amount for unit, amount in work(experiment).items())


@checked
def run_megabytes(experiment: Experiment) -> float:
    """Expected peak memory of a run in MB; float."""
    return run_bytes(experiment) / 1e6
