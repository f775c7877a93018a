"""Memory of a run: its expected peak, what is available, and blocks of learners that fit."""

import bisect
import functools
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.plugins import user_errors
from mfgcore.experiment.components import Network
from mfgcore.experiment.experiment import Experiment
from mfgcore.games.validation import CHECKED_DISTANCES, CHUNK_SIZE
from mfgcore.meanfield.transition_model import band

START_BYTES = 116e6  # of a process that has imported everything and writes a file
# for each state, outcome of an action, agent and stored transition
STATE_BYTES, OUTCOME_BYTES, AGENT_BYTES, TRANSITION_BYTES = 6e3, 28.0, 600.0, 8
AT_ONCE = 1024  # learners whose Q-functions and policies are worked on at a time
# of replay buffers, unless there is less memory: the population takes the same steps again for
# each further block of learners, which costs some 2 % of an iteration
BUFFER_BYTES = 1.5e9
SUFFIXES = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> float:
    """Bytes from a size above 0 such as ``4G``, in SLURM's powers of 1024; float."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", str(text).upper())
    size = float(found[1]) * 1024.0 ** SUFFIXES[found[2]] if found else 0.0
    if not size > 0.0:
        what = "is not a size above 0, such as 500M or 4G"
        raise ConfigurationError(f"memory: {shorten(text)} {what}")
    return size


def checkpoint_bytes(experiment: Experiment) -> int:
    """What a checkpoint takes at least, whose Q-functions are not compressed; int."""
    return 8 * experiment.agents * experiment.n_states * experiment.n_actions


def available() -> float:
    """Bytes that the system has left and control groups, such as those of SLURM, allow; float."""
    try:
        left: Any = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text("ascii"))
        sizes = [1024.0 * int(left[1])]
    except (OSError, TypeError):  # no Linux
        sizes = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    return min(sizes + [limit - used for limit, used in _control_groups()])


def _control_groups(root=Path("/sys/fs/cgroup"), own=Path("/proc/self/cgroup")):
    """Limit and use of each control group of this process, in bytes."""
    try:
        paths = [line.split(":", 2)[1:] for line in own.read_text("utf-8").splitlines()]
    except OSError:
        return
    for controllers, path in paths:
        if controllers == "":
            top, names = root, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            top, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = top / path.strip("/")
        for group in (folder, *folder.parents):
            try:
                yield tuple(float((group / name).read_text("ascii")) for name in names)
            except (OSError, ValueError):  # no such group here, or "max"
                continue
            if group == top:
                break


@user_errors()
def run_bytes(experiment: Experiment, block: int | None = None) -> float:
    """Expected peak memory in bytes; by default as many learn at a time as `BUFFER_BYTES` hold."""
    return _bytes_by_block(experiment)(_most_at_a_time(experiment) if block is None else block)


def _bytes_by_block(experiment):
    """The peak memory as a function of the number of learners that are processed at a time."""
    game, agents, n_states = experiment.make_game(), experiment.max_agents, experiment.n_states
    followed, learners = policies_left(experiment, agents), _most_learners(experiment)
    policy = 8.0 * n_states * experiment.n_actions  # or a Q-function
    rewards = 8.0 * n_states * (agents + 1) if game.local_reward else 0.0
    buffer = TRANSITION_BYTES * experiment.kept_transitions
    static = START_BYTES + game.extra_bytes + STATE_BYTES * n_states
    static += OUTCOME_BYTES * np.size(game.next_states())
    distances = 40.0 * n_states**2 if n_states <= CHECKED_DISTANCES else 0.0
    communicating = exact = 0.0
    if experiment.by_network:
        distances = max(distances, network_of(experiment).peak_bytes(agents))
        communicating = 2 * (followed + learners) * policy
        static += exchange_bytes(experiment, agents)
    if experiment.exact_metrics:
        # the matrix that is eliminated, whose entries are twice as large for the mean field
        exact = 4 * followed * policy + 24.0 * n_states * (2 * band(game) + 1)
        if not game.local_reward:
            exact += 24.0 * min(CHUNK_SIZE, n_states**2) * experiment.n_actions
    learning = (followed + 5 * min(learners, AT_ONCE)) * policy
    running = (agents + 2 * followed + learners) * policy + 3 * rewards + AGENT_BYTES * agents
    writing = 3 * agents * policy + rewards

    def peak(block):
        most = max(learning + block * buffer, communicating, exact)
        return static + distances + max(running + most, writing)

    return peak


def exchange_bytes(experiment: Experiment, n_agents: int) -> float:
    """Memory of an exchange of rewards: who has heard of whom, as matrices of bits; float."""
    rounds = experiment.effective_parameters().get("reward_rounds", 0)
    if not rounds:
        return 0.0
    network = network_of(experiment)
    by_agent = experiment.link_failure_probability or network.resampled
    groups = network.links(n_agents).first_neighbour.size - 1
    matrices = 1 if experiment.make("reward_averaging").weight is not None else 3
    if by_agent:
        return (matrices * n_agents + 2.0 * groups) * n_agents / 8.0
    return matrices * groups**2 / 8.0


def _most_learners(experiment):
    """Expected number of updates in the iteration that has most."""
    scenario, architecture = experiment.make("scenario"), experiment.make("architecture")
    return max(
        architecture.n_learners(n_agents) * (1.0 - failing)
        for n_agents, failing in {
            (scenario.population(k), scenario.failure_probability(k))
            for k in range(experiment.iterations)
        }
    )


def network_of(experiment: Experiment) -> Network:
    """The network of an experiment, for several questions; Network."""
    return _made(experiment, experiment.code_fingerprint())


@functools.lru_cache(maxsize=1)  # a network that states nothing of itself is made and counted
def _made(experiment, _):
    return experiment.make("network")


def policies_left(experiment: Experiment, n_agents: int) -> float:
    """Expected number of policies that are followed after an iteration, roughly; float.

    Of those that spread in a network as many are left as there are neighbourhoods, within which
    a policy gets around in the communication rounds.
    """
    architecture = experiment.make("architecture")
    if architecture.communication == "none" or experiment.score_rule == "never":
        return float(architecture.n_learners(n_agents))
    if architecture.communication == "broadcast":
        return 1.0
    rounds = experiment.communication_rounds * (1.0 - experiment.link_failure_probability)
    reached = network_of(experiment).reach(n_agents, rounds)
    # the best of each neighbourhood: 2 in w + 1, where each agent has w neighbours in a row
    return max(1.0, 2.0 * n_agents / (2.0 + reached)) if reached < n_agents - 1 else 1.0


def _most_at_a_time(experiment):
    """Learners whose replay buffers take `BUFFER_BYTES`, if there are so many."""
    learners = experiment.make("architecture").n_learners(experiment.max_agents)
    buffer = TRANSITION_BYTES * max(1, experiment.kept_transitions)
    return min(learners, max(1, int(BUFFER_BYTES / buffer)))


@user_errors()
def block_of_learners(experiment: Experiment, limit: float | None = None) -> int:
    """How many learners can be processed at a time, by the bytes that the run may take; int.

    Raises
    ------
    ConfigurationError
        If not even one fits.
    """
    allowed = available() if limit is None else limit
    peak, most = _bytes_by_block(experiment), _most_at_a_time(experiment)
    if peak(1) > allowed:
        whose = "there is" if limit is None else "the run may take"
        raise ConfigurationError(
            f"agents: {experiment.max_agents:,} need {_gigabytes(peak(1))} of memory even if they "
            f"learn one after the other; {whose} {_gigabytes(allowed)}"
        )
    return bisect.bisect(range(1, most + 1), allowed, key=peak)  # what is needed grows with it


def _gigabytes(size):
    return f"{size / 1024**3:.2f} GiB"
