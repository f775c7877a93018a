"""What a run costs, before it is run."""

import numpy as np

from mfgcore import memory
from mfgcore.experiment import Experiment
from mfgcore.imports import told
from mfgcore.moves import band

# CPU seconds for each unit of work that `work` counts, as they were with two runs at a time on two
# cores of 2025: one trial of every figure and architecture, by `python -m benchmarks.fit`. That
# cannot tell the steps with own policies from the exact metrics of these, so these two are measured
# by themselves. Replay is slower once a population has gathered, and so is an older processor.
# What is asked of a game takes as long as its author's code: these are the shipped ones' within a
# factor of three, save large garnets, which take longer.
SECONDS = {
    "run": 2.5,
    "update": 1.12e-9,
    "step, shared policy": 0.9e-9,
    "step, own policies": 1.2e-9,
    "exact metrics, states": 3.0e-6,
    "exact metrics, band": 2.0e-9,  # the elimination's
    "step, asked": 3.0e-5,
    "probability, asked": 2.0e-8,
    "reward, asked": 6.0e-9,
}
PUSHES = 100  # steps of a flow to its fixed point
# of the Snakemake that waits beside a run in a job of a cluster
JOB_MEGABYTES = 150.0
# asked for and not used, in case another machine needs more
TIME_MARGIN = 3.0
MEMORY_MARGIN = 1.5


@told()
def work(experiment: "Experiment") -> dict[str, float]:
    """Count what a run does, in the units of `SECONDS`.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    dict of str to float
        The expected numbers; failures are drawn.
    """
    scenario = experiment.make_scenario()
    architecture = experiment.make_architecture()
    passes = experiment.make_algorithm().passes
    walking = "own policies" if architecture.hears == "nobody" else "shared policy"
    done = dict.fromkeys(SECONDS, 0.0)
    done["run"] = 1.0
    game = experiment.make_game()
    pairs, outcomes = experiment.n_states * experiment.n_actions, np.size(game.outcomes())
    coupled, tabled = game.moves_depend_on_mean_field, game.pays_by_own_share
    rounds = experiment.communication_rounds + experiment.relevant().get("score_steps", 0)
    for k in range(experiment.iterations):
        agents = scenario.population(k)
        succeeding = 1.0 - scenario.failure_probability(k)
        updating = (architecture.n_learners(agents) - scenario.learner_lost(k)) * succeeding
        steps = experiment.learning_steps + rounds
        if k % experiment.evaluation_interval == 0:
            if experiment.sampled_exploitability:
                updating += experiment.improvement_iterations
                steps += experiment.learning_steps * (
                    experiment.improvement_iterations + experiment.evaluation_iterations
                )
            if experiment.exact_metrics:
                policies = agents if architecture.hears == "nobody" else 1
                done["exact metrics, states"] += policies * experiment.n_states
                done["exact metrics, band"] += policies * experiment.n_states * band(game) ** 2
                if not tabled:
                    done["reward, asked"] += policies * experiment.n_states * pairs
                if coupled:
                    done["step, asked"] += policies * PUSHES
                    done["probability, asked"] += policies * PUSHES * outcomes
        if coupled:
            done["step, asked"] += steps
            done["probability, asked"] += steps * outcomes
        if not tabled:
            done["reward, asked"] += steps * pairs
        done["update"] += updating * experiment.kept_transitions * passes
        done[f"step, {walking}"] += steps * agents
    return done


def run_seconds(experiment: "Experiment") -> float:
    """Expected CPU seconds of a run on one core.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    float
    """
    return sum(SECONDS[unit] * amount for unit, amount in work(experiment).items())


def run_megabytes(experiment: "Experiment") -> float:
    """Expected peak memory of a run in MB; float."""
    return memory.run_bytes(experiment) / 1e6
