"""What a run costs, before it is run."""

from mfgcore.architectures import ARCHITECTURES
from mfgcore.games import ACTIONS

# Seconds on one core for each unit of work, rounded up from measurements
SECONDS_PER_UPDATE = 3e-9
SECONDS_PER_AGENT_STEP = 7e-9
SECONDS_PER_MIRROR_ASCENT = 2.5e-6  # of one agent's policy in one state
START_SECONDS = 3.0
START_MEGABYTES = 250.0


def run_seconds(experiment):
    """Expected CPU seconds of a run on one core.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    float
    """
    scenario = experiment.make_scenario()
    one = ARCHITECTURES[experiment.architecture].learners == "one"
    cycles = experiment.replay_cycles if experiment.algorithm == "replay" else 1
    states = experiment.grid_size**2
    total = START_SECONDS
    for k in range(experiment.iterations):
        agents = scenario.population(k)
        learners = (1 if one else agents) * (1.0 - scenario.failure_probability(k))
        steps = experiment.learning_steps + experiment.communication_rounds
        if experiment.evaluation and k % experiment.evaluation_interval == 0:
            learners += experiment.improvement_iterations
            steps += experiment.learning_steps * (
                experiment.improvement_iterations + experiment.evaluation_iterations
            )
        total += learners * (
            SECONDS_PER_UPDATE * experiment.kept_transitions * cycles
            + SECONDS_PER_MIRROR_ASCENT * states
        )
        total += SECONDS_PER_AGENT_STEP * steps * agents
    return total


def run_megabytes(experiment):
    """Expected peak memory of a run in MB: the buffers, the policies and their tables."""
    learners = 1 if ARCHITECTURES[experiment.architecture].learners == "one" else None
    learners = learners or experiment.max_agents
    pairs = experiment.grid_size**2 * len(ACTIONS)
    buffers = 16 * learners * experiment.kept_transitions
    return START_MEGABYTES + (buffers + 80 * experiment.max_agents * pairs) / 1e6
