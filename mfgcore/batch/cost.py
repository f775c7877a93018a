"""What a run costs, before it is run."""

from collections import Counter

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.plugins import told
from mfgcore.experiment.experiment import Experiment
from mfgcore.meanfield.transition_model import band
from mfgcore.runs import resources as memory
from mfgcore.runs.resources import links, policies_left

# CPU seconds for each unit of work that `work` counts, as they were with two runs at a time on two
# cores of 2025: `python -m benchmarks.fit` fits them to files of runs, such as those of the figures
# and the random ones of `verification/cost.py --keep`. Replay is slower once a population has
# gathered, and so is an older processor. What is asked of a game takes as long as its author's
# code: these are the shipped ones'.
SECONDS = {
    "run": 0.7,
    "iteration": 2.0e-3,
    "agent": 1.0e-6,
    "update": 1.12e-9,
    "transition": 7.0e-9,
    "step, shared policy": 0.9e-9,
    "step, own policies": 1.2e-9,
    "step, drawn": 2.2e-9,  # more where an action has several outcomes
    "step, state": 1.5e-9,
    "link, round": 1.0e-9,
    "link, failing": 2.0e-9,
    "link, made": 3.0e-6,
    "distance": 2.6e-8,
    "reward, tabled": 1.2e-7,
    "reward, read": 6.0e-9,
    "entry, learned": 4.0e-8,
    "policy, compared": 7.0e-8,
    "entry, compared": 2.0e-9,
    "entry, written": 6.0e-8,
    "entry, compressed": 1.0e-7,
    "exact metrics, states": 3.0e-6,
    "exact metrics, band": 4.0e-9,  # the elimination's
    "step, asked": 3.5e-5,
    "probability, asked": 1.7e-8,
    "reward, asked": 6.0e-9,
}
PUSHES = 50  # steps of a flow to its fixed point; one that has none takes up to MAX_PUSHES
# of the Snakemake that waits beside a run in a job of a cluster
JOB_MEGABYTES = 150.0
# asked for and not used, in case another machine needs more
TIME_MARGIN = 3.0
MEMORY_MARGIN = 1.5


@told()
@checked
def work(experiment: Experiment) -> dict[str, float]:
    """Count what a run does, in the units of `SECONDS`.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    dict of str to float
        The expected numbers; failures are drawn.
    """
    scenario = experiment.make("scenario")
    done = dict.fromkeys(SECONDS, 0.0)
    done["run"] = 1.0
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
    for (agents, *happens), times in alike.items():
        for unit, amount in _of_iteration(experiment, agents, *happens).items():
            done[unit] += times * amount
    for agents in experiment.population_sizes:
        for unit, amount in _of_population(experiment, agents).items():
            done[unit] += amount
    last = scenario.population(experiment.iterations - 1)
    entries = experiment.n_states * experiment.n_actions
    kept = experiment.make("architecture").n_learners(last) + policies_left(experiment, last)
    done["entry, written"] += last * entries
    done["entry, compressed"] += kept * entries
    return done


def _of_population(experiment, agents):
    """What is made once for a number of agents."""
    game, done = experiment.make_game(), {}
    if game.local_reward:
        done["reward, tabled"] = agents * experiment.n_states
    if experiment.make("architecture").communication == "network":
        if experiment.network == "radius":
            done["distance"] = experiment.n_states**2
        else:
            done["link, made"] = links(experiment, agents)
    return done


def _of_iteration(experiment, agents, failure_probability, lost, evaluated, first):
    """What one iteration does; dict of str to float."""
    game, architecture = experiment.make_game(), experiment.make("architecture")
    n_states, entries = experiment.n_states, experiment.n_states * experiment.n_actions
    outcomes = np.size(game.next_states())
    neighbours = architecture.communication == "network"
    left = policies_left(experiment, agents)
    learners = (architecture.n_learners(agents) - lost) * (1.0 - failure_probability)
    kept, counted = experiment.kept_transitions, experiment.learning_steps
    rounds = experiment.communication_rounds
    steps = counted + rounds + experiment.relevant().get("score_steps", 0)
    updating, rollouts, exact = learners, 1, 0
    if evaluated and experiment.sampled_exploitability:
        improved, watched = experiment.improvement_iterations, experiment.evaluation_iterations
        updating += improved
        rollouts += watched
        counted += experiment.learning_steps * watched
        steps += experiment.learning_steps * (improved + watched)
    if evaluated and experiment.exact_metrics:
        exact = 1.0 if first else left  # all begin with the same policy
    pushes = exact * PUSHES
    width = band(game)
    walking = "own policies" if architecture.communication == "none" else "shared policy"
    done = {
        "iteration": 1.0,
        "agent": agents,
        "update": updating * kept * experiment.make("algorithm").replay_cycles,
        "transition": updating * kept,
        f"step, {walking}": steps * agents,
        "step, state": counted * n_states,
        "entry, learned": (learners + left) * entries,
        "exact metrics, states": exact * n_states,
        # of the last states fewer than the band are left
        "exact metrics, band": exact * (n_states - 2.0 * width / 3.0) * width**2,
    }
    if outcomes > entries:  # all are looked at, eight at a time
        done["step, drawn"] = steps * agents * (6.0 + outcomes / entries) / 8.0
        if game.mean_field_dynamics:  # no block of steps stays in the caches
            done["step, drawn"] *= 2.0
    if neighbours:
        many = links(experiment, agents)
        done["link, round"] = rounds * many
        adopted = left if left < agents else 0.0  # with each of these all others are compared
        done["policy, compared"] = adopted * agents
        done["entry, compared"] = adopted * learners * entries
        if experiment.link_failure_probability and many:
            done["link, failing"] = rounds * many * max(1.0, agents / n_states)
    if game.local_reward:
        done["reward, read"] = rollouts * agents * n_states
    else:
        done["reward, asked"] = steps * entries + exact * n_states * entries
    if game.mean_field_dynamics:
        done["step, asked"] = steps + pushes
        done["probability, asked"] = (steps + pushes) * game.evaluation_cost
    return done


@checked
def run_seconds(experiment: Experiment) -> float:
    """Expected CPU seconds of a run on one core.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    float
    """
    return sum(SECONDS[unit] * amount for unit, amount in work(experiment).items())


@checked
def run_megabytes(experiment: Experiment) -> float:
    """Expected peak memory of a run in MB; float."""
    return memory.run_bytes(experiment) / 1e6
