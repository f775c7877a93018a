"""What a run costs, before it is run."""

from mfgcore import memory

# CPU seconds for each unit of work that `work` counts, as they were with two runs at a time on two
# cores of 2025: one trial of every figure and architecture, by `python -m benchmarks.fit`. That
# cannot tell the steps with own policies from the exact metrics of these, so these two are measured
# by themselves. Replay is slower once a population has gathered, and so is an older processor.
SECONDS = {
    "run": 2.5,
    "update": 1.12e-9,
    "step, shared policy": 0.9e-9,
    "step, own policies": 1.2e-9,
    "exact metrics of a policy": 2.0e-4,
}
# of the Snakemake that waits beside a run in a job of a cluster
JOB_MEGABYTES = 150.0
# asked for and not used, in case another machine needs more
TIME_MARGIN = 3.0
MEMORY_MARGIN = 1.5


def work(experiment):
    """Count what a run does, in the units of :data:`SECONDS`.

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
    rounds = experiment.communication_rounds + experiment.relevant().get("score_steps", 0)
    for k in range(experiment.iterations):
        agents = scenario.population(k)
        updating = architecture.n_learners(agents) - scenario.learner_lost(k)
        updating *= 1.0 - scenario.failure_probability(k)
        steps = experiment.learning_steps + rounds
        if k % experiment.evaluation_interval == 0:
            if experiment.sampled_exploitability:
                updating += experiment.improvement_iterations
                steps += experiment.learning_steps * (
                    experiment.improvement_iterations + experiment.evaluation_iterations
                )
            if experiment.exact_metrics:
                done["exact metrics of a policy"] += agents if architecture.hears == "nobody" else 1
        done["update"] += updating * experiment.kept_transitions * passes
        done[f"step, {walking}"] += steps * agents
    return done


def run_seconds(experiment):
    """Expected CPU seconds of a run on one core.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    float
    """
    return sum(SECONDS[unit] * amount for unit, amount in work(experiment).items())


def run_megabytes(experiment):
    """Expected peak memory of a run in MB; float."""
    return memory.run_bytes(experiment) / 1e6
