"""A run says what memory it needs, is refused where that is not there, and is cut to what is."""

import subprocess
import sys

import numpy as np
import pytest

from mfgcore import ConfigurationError, Experiment, cli
from mfgcore.runs import resources as memory
from mfgcore.runs.simulation import Simulation

GIGABYTE = 1024.0**3
LARGE = {
    "game": "agree",
    "agents": 100_000,
    "grid_size": 4,
    "iterations": 1,
    "discount": 0.5,
    "transitions": 30,
    "steps_per_transition": 1,
    "burn_in": 3,
    "replay_cycles": 2,
    "communication_rounds": 2,
    "sampled_exploitability": False,
    "exact_metrics": False,
}


def test_a_million_agents_are_refused_in_one_line_under_four_gigabytes(tmp_path, capsys):
    words = ["run", "--game", "agree", "--agents", "1000000", "--memory", "4G", "--quiet"]
    assert cli.main([*words, "--output", str(tmp_path / "run.nc")]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "agents: 1,000,000 need" in error
    assert "4.00 GiB" in error
    assert not list(tmp_path.iterdir())


def test_a_hundred_thousand_agents_in_blocks_have_the_bits_of_one_block(assert_same_state):
    experiment = Experiment(**LARGE)
    whole, parts = Simulation(experiment), Simulation(experiment)
    assert whole.block == 100_000
    parts.block = 30_000
    for simulation in (whole, parts):
        simulation.step()
    assert_same_state(whole, parts)


@pytest.mark.parametrize("architecture", ["centralised", "independent", "networked"])
@pytest.mark.parametrize("algorithm", ["replay", "online", "exact"])
def test_blocks_change_no_bit(make_experiment, assert_same_state, architecture, algorithm):
    experiment = make_experiment(
        architecture=architecture, algorithm=algorithm, failure_probability=0.3, agents=7
    )
    whole = Simulation(experiment)
    for block in (1, 2, 3, 6):
        whole, parts = Simulation(experiment), Simulation(experiment)
        parts.block = block
        for _ in range(experiment.iterations):
            whole.step()
            parts.step()
        assert_same_state(whole, parts)


def test_the_block_is_the_largest_that_fits():
    experiment = Experiment(game="agree", agents=2000)
    least, all_ = (memory.run_bytes(experiment, block) for block in (1, None))
    for limit in np.linspace(least, all_, 7)[:-1]:
        block = memory.block_of_learners(experiment, limit)
        assert memory.run_bytes(experiment, block) <= limit
        assert memory.run_bytes(experiment, block + 1) > limit
    assert memory.block_of_learners(experiment, all_) == 2000
    with pytest.raises(ConfigurationError, match="agents: 2,000 need"):
        memory.block_of_learners(experiment, least - 1)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4G", 4 * GIGABYTE), ("1.5g", 1.5 * GIGABYTE), ("500M", 500 * 1024**2), ("7", 7)],
)
def test_sizes_are_read_as_slurm_reads_them(text, size):
    assert memory.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "0", "-1G", "4 G", "4GB", "nan", "1e9", "x" * 1000])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(ConfigurationError, match=r"memory: .* is not a size above 0"):
        memory.parse_size(text)


def test_a_control_group_counts(tmp_path):
    group = tmp_path / "slurm/job_1/step_0"
    group.mkdir(parents=True)
    own = tmp_path / "cgroup"
    own.write_text("1:cpu:/elsewhere\n0::/slurm/job_1/step_0\n")
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("7\n")
    (group.parent / "memory.max").write_text("1000\n")
    (group.parent / "memory.current").write_text("200\n")
    assert list(memory._control_groups(tmp_path, own)) == [(1000.0, 200.0)]
    own.write_text("5:memory:/job\n")
    (tmp_path / "memory/job").mkdir(parents=True)
    (tmp_path / "memory/job/memory.limit_in_bytes").write_text("50\n")
    (tmp_path / "memory/job/memory.usage_in_bytes").write_text("20\n")
    assert list(memory._control_groups(tmp_path, own)) == [(50.0, 20.0)]
    assert memory.available() > 1e6


# between, as a process begins with the peak memory of the one that starts it
MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "mfgcore.cli", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are in other units elsewhere")
def test_blocks_keep_a_process_within_its_limit(tmp_path):
    settings = {
        "game": "agree",
        "agents": 20_000,
        "grid_size": 4,
        "iterations": 1,
        "discount": 0.5,
        "transitions": 2000,
        "steps_per_transition": 1,
        "burn_in": 3,
        "replay_cycles": 1,
        "communication_rounds": 2,
    }
    off = {"sampled_exploitability": False, "exact_metrics": False}
    experiment = Experiment(**settings, **off)
    limit = int(memory.run_bytes(experiment, 8000))
    assert limit < 0.7 * memory.run_bytes(experiment)
    words = [f"--{key.replace('_', '-')}={value}" for key, value in settings.items()]
    words += [f"--no-{key.replace('_', '-')}" for key in off]
    words += ["--quiet", f"--memory={limit}", f"--output={tmp_path / 'run.nc'}"]
    command = [sys.executable, "-c", MEASURE, "run", *words]
    peak = subprocess.run(command, check=True, capture_output=True).stdout.split()[-1]
    assert 0.7 * limit < int(peak) < limit
