"""The memory that a run needs, what there is, and learners in blocks that fit into it."""

import bisect
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.plugins import told
from mfgcore.experiment.experiment import Experiment
from mfgcore.games.validation import CHECKED_DISTANCES, CHUNK_SIZE
from mfgcore.meanfield.transition_model import band

# of a process that has imported everything and does nothing, and more where it makes graphs, and
# where it writes a file, of which two arrays are held in part
START_BYTES = 93e6
GRAPH_BYTES = 14e6
WRITING_BYTES = 17e6
CHUNK_BYTES = 64e6
STATE_BYTES = 6e3  # of the search for a good order of the states
TRANSITION_BYTES = 8
AT_ONCE = 1024  # learners whose Q-functions and policies are worked on at a time
# of replay buffers, unless there is less memory: the population takes the same steps again for
# each further block of learners, which costs some 2 % of an iteration
BUFFER_BYTES = 1.5e9
SUFFIXES = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> float:
    """Bytes from a size such as ``4G``, with the powers of 1024 that SLURM counts in; float.

    Raises
    ------
    ConfigurationError
        If it is no size above 0.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", str(text).upper())
    size = float(found[1]) * 1024.0 ** SUFFIXES[found[2]] if found else 0.0
    if not size > 0.0:
        raise ConfigurationError(
            f"memory: {shorten(text)} is not a size above 0, such as 500M or 4G"
        )
    return size


def checkpoint_bytes(experiment: Experiment) -> int:
    """What a checkpoint takes at least, whose Q-functions are not compressed; int."""
    return 8 * experiment.agents * experiment.n_states * experiment.n_actions


def available() -> float:
    """Bytes of memory that a process can still have here; float.

    It is the least of what the system has left and what the control groups of the process, such
    as those of a SLURM job or a container, allow it.
    """
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


@told()
def run_bytes(experiment: Experiment, block: int | None = None) -> float:
    """Peak memory of a run in bytes; float.

    Parameters
    ----------
    experiment : Experiment
    block : int, optional
        Learners that are processed at a time; by default as many as `BUFFER_BYTES` hold.
    """
    agents, n_states = experiment.max_agents, experiment.n_states
    n_actions = experiment.n_actions
    architecture = experiment.make("architecture")
    learners = architecture.n_learners(agents)
    block = min(learners, _largest_block(experiment) if block is None else block)
    learners = math.ceil(learners * (1.0 - (experiment.failure_probability or 0.0)))
    policy = 8.0 * n_states * n_actions
    table = 8.0 * n_states * (n_actions // 2 + 1) + 8.0 * n_states
    followed = policies_left(experiment, agents)
    kept = (agents + 2 * followed + learners) * policy  # Q-functions, old and new policies
    game = experiment.make_game()
    rewards = 8.0 * n_states * (agents + 1) if game.local_reward else 0.0
    # where actions lead, how likely, and both in the order of the exact metrics
    held = START_BYTES + game.extra_bytes + STATE_BYTES * n_states
    held += 28.0 * np.size(game.next_states())
    distances = 0.0
    if architecture.communication == "network":
        if experiment.network == "radius":  # those of a grid are made of offsets
            distances = (17.0 if game.positions is None else 40.0) * n_states**2
        elif many := links(experiment, agents):
            held += GRAPH_BYTES + 150.0 * many
    elif n_states <= CHECKED_DISTANCES and game.positions is not None:
        distances = 40.0 * n_states**2
    learning = followed * table + block * TRANSITION_BYTES * experiment.kept_transitions
    learning += 5 * policy * min(learners, AT_ONCE)
    # the policies that are left are copied, and those that are compared
    copied = followed + (learners if architecture.communication == "network" else 0)
    communicating = (followed + learners) * table + copied * policy
    exact = 0.0
    if experiment.exact_metrics:
        # the matrix that is eliminated; its entries are twice as large for the mean field
        exact = 4 * followed * policy + 24.0 * n_states * (2 * band(game) + 1)
        if not game.local_reward:
            exact += 24.0 * CHUNK_SIZE * experiment.n_actions * min(1.0, n_states**2 / CHUNK_SIZE)
    running = kept + 3 * rewards + 600.0 * agents + max(learning, communicating, exact)
    # Q-functions, each agent's policy, and what the library holds of both
    final = agents * policy
    writing = WRITING_BYTES + 2 * final + 2 * min(final, CHUNK_BYTES) + rewards
    return held + max(distances, 0.2 * distances + max(running, writing))


def policies_left(experiment: Experiment, agents: int) -> float:
    """How many policies are followed after an iteration, roughly; float.

    Of those that spread in a network as many are left as there are neighbourhoods, within which
    news gets around in the communication rounds.
    """
    architecture = experiment.make("architecture")
    rounds = experiment.communication_rounds * (1.0 - experiment.link_failure_probability)
    if architecture.communication == "none" or experiment.score_rule == "never":
        return float(architecture.n_learners(agents))
    if architecture.communication == "broadcast":
        return 1.0
    if experiment.network == "radius":
        reach = experiment.communication_radius * rounds  # in diagonals
        line = experiment.make_game().positions is None
        heard = agents * (2.0 * reach if line else 2.0 * math.pi * reach**2)
    elif experiment.network == "ring":
        heard = experiment.neighbours * rounds
    elif experiment.network == "small_world":
        heard = experiment.neighbours * rounds * (1.0 + experiment.rewiring_probability * rounds)
    else:  # each round multiplies it
        each = links(experiment, agents) / agents
        if experiment.network == "erdos_renyi":
            each = experiment.link_probability * agents
        heard = (1.0 + (each or agents)) ** min(rounds, 30.0) - 1.0
    # those that are the best of a neighbourhood: 2 in w + 1, where each is of w neighbours in a row
    return 1.0 if heard >= agents else 2.0 * agents / (2.0 + heard)


def links(experiment: Experiment, agents: int) -> float:
    """How many links a network keeps, roughly, in both directions; float."""
    n_states = experiment.n_states
    if experiment.network == "erdos_renyi" and experiment.redrawn:
        return 0.0
    each = {
        "radius": n_states**2 / agents * min(1.0, 6.0 * experiment.communication_radius**2),
        "complete": 0.0,
        "ring": 1.0 + experiment.neighbours,
        "small_world": 1.0 + experiment.neighbours,
        "scale_free": 1.0 + 2.0 * experiment.attachments,
        "erdos_renyi": 1.0 + experiment.link_probability * agents,
    }
    return agents * each.get(experiment.network, 4.0)


def _largest_block(experiment):
    """Learners whose replay buffers take `BUFFER_BYTES`."""
    return max(1, int(BUFFER_BYTES / (TRANSITION_BYTES * max(1, experiment.kept_transitions))))


def block_of_learners(experiment: Experiment, limit: float | None = None) -> int:
    """How many learners can be processed at a time.

    Parameters
    ----------
    experiment : Experiment
    limit : float, optional
        Bytes that the run may take; by default what is available.

    Returns
    -------
    int
        At least 1; as many as `BUFFER_BYTES` hold, if that fits.

    Raises
    ------
    ConfigurationError
        If not even one fits.
    """
    allowed = available() if limit is None else limit
    learners = experiment.make("architecture").n_learners(experiment.max_agents)
    most = min(learners, _largest_block(experiment))
    if run_bytes(experiment, most) <= allowed:
        return most
    least = run_bytes(experiment, 1)
    if least > allowed:
        whose = "there is" if limit is None else "the run may take"
        raise ConfigurationError(
            f"agents: {experiment.max_agents:,} need {_gigabytes(least)} of memory even if they "
            f"learn one after the other; {whose} {_gigabytes(allowed)}"
        )
    # the largest block that fits: need grows with it
    return bisect.bisect(range(1, most), allowed, key=lambda n: run_bytes(experiment, n))


def _gigabytes(size):
    return f"{size / 1024**3:.2f} GiB"
