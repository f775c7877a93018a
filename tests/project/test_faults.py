"""What dies on the way: nothing half-written has a final name, and the next call repairs it."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import small
from project import Project, tiny_config

import mfgcore
from mfgcore import cli
from mfgcore.pipeline import workflow_scripts as jobs
from mfgcore.runs import checkpoint
from mfgcore.runs.checkpoint import Checkpointer, Stopped
from mfgcore.runs.simulation import Simulation

RUN = [
    "run",
    "--game",
    "agree",
    "--agents",
    "6",
    "--iterations",
    "5",
    "--transitions",
    "100",
    "--replay-cycles",
    "2",
    "--no-sampled-exploitability",
    "--quiet",
]
# what a script runs in place of its own content, to die in the middle of writing
DIE = """
import os, signal
import matplotlib.figure, xarray

def half(self, path, *arguments, **options):
    with open(path, "wb") as file:
        file.write(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)

xarray.Dataset.to_netcdf = half
matplotlib.figure.Figure.savefig = half
"""
# and before it, to be at work until it is told to go on
WAIT = """
import pathlib, time

deadline = time.monotonic() + 100
while not pathlib.Path("go").exists() and time.monotonic() < deadline:
    time.sleep(0.05)
"""


def in_child(function):
    """Run a function in a process of its own; return its status and what it said on stderr."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.dup2(writing, 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        status = 99
        try:
            status = function()
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading) as said:  # noqa: PTH123
        text = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def test_a_full_file_system_is_one_line_and_no_file(tmp_path):
    output = tmp_path / "run.nc"

    def run():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        return cli.main([*RUN, "--output", str(output)])

    status, said = in_child(run)
    assert status == 1, said
    errors = [line for line in said.splitlines() if line.startswith("mfgcore: error: ")]
    assert len(errors) == 1
    assert "cannot be written" in errors[0]
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
    assert cli.main([*RUN, "--output", str(output)]) == 0
    assert mfgcore.load(output).sizes["iteration"] == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("mode", "command", "expected"),
    [
        (0o755, [*RUN, "--output", "run.nc"], "its folder is not writable"),
        (0o776, [*RUN, "--output", "run.nc"], "cannot be written: Permission denied"),
        (0o755, ["show", "secret.nc"], "cannot be read: Permission denied"),
    ],
)
def test_what_is_not_permitted_is_one_line_before_the_run(mode, command, expected):
    folder = Path(tempfile.mkdtemp(prefix="mfgcore_"))
    try:
        (folder / "secret.nc").touch(mode=0o600)
        folder.chmod(mode)
        before = sorted(folder.iterdir())

        def run():
            os.setgid(65534)
            os.setuid(65534)
            return cli.main([*command[:-1], str(folder / command[-1])])

        status, said = in_child(run)
        assert status == 1, said
        assert len(said.splitlines()) == 1
        assert expected in said
        assert sorted(folder.iterdir()) == before
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_log_on_a_full_disk_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended, jobs.logged("/dev/full"):
        print("iteration 1")
    assert ended.value.code == 1
    said = "mfgcore: error: '/dev/full': cannot be written: No space left on device\n"
    assert capsys.readouterr().err == said


def test_a_job_of_other_code_than_snakemake_saw_is_refused():
    jobs.check_code(small().code_fingerprint(), small())
    with pytest.raises(mfgcore.RunFileError, match="was changed since snakemake was started"):
        jobs.check_code("0123456789abcdef", small())


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "keep_elsewhere", lambda path, write: None)
    experiment = small()
    said = []
    checkpointer = Checkpointer(tmp_path / "gone" / "run.checkpoint", 0.0, said.append)
    dataset = mfgcore.simulate(experiment, checkpointer=checkpointer)
    assert dataset.equals(mfgcore.simulate(experiment))
    assert len(said) == experiment.iterations - 1
    assert "nothing new is kept" in said[0]
    checkpointer.asked = signal.SIGTERM
    with pytest.raises(Stopped, match="nothing new is kept"):
        checkpointer.after_iteration(Simulation(experiment), (0.0, 0.0))


def test_what_a_killed_writer_left_is_taken_over(tmp_path):
    for left in (".run.checkpoint.partial.checkpoint", ".run.checkpoint.lock"):
        (tmp_path / left).write_bytes(b"half")
    checkpoint.save(Simulation(small()), tmp_path / "run.checkpoint")
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint"]


def test_a_job_killed_while_it_writes_leaves_nothing_and_is_repaired(tmp_path):
    project = Project(tmp_path)
    one = "trials: 1, factors: {architecture: [networked]}"
    project.configure(tiny_config().replace("trials: 2}", one + "}"))
    for script, target in (
        ("simulate", "results/tiny/runs/fig2/networked/trial_0.nc"),
        ("collect", "results/tiny/experiments/fig2.nc"),
        ("plot", "figures/tiny/fig2.pdf"),
    ):
        path = tmp_path / "workflow/scripts" / f"{script}.py"
        original = path.read_text()
        path.write_text(DIE + original)
        done = project.snakemake(target)
        assert done.returncode != 0, script
        assert not (tmp_path / target).exists(), script
        path.write_text(original)
        project.make(target)
        assert (tmp_path / target).stat().st_size > 1000, script
        assert not list(tmp_path.glob("results/**/*.partial*")), script
        assert not list(tmp_path.glob("figures/**/*.partial*")), script


def test_two_workflows_in_one_folder_do_not_disturb_each_other(tmp_path):
    project = Project(tmp_path)
    script = tmp_path / "workflow/scripts/simulate.py"
    script.write_text(WAIT + script.read_text())
    target = "results/tiny/runs/fig1/independent/trial_0.nc"
    command = [sys.executable, "-m", "snakemake", target, "--cores", "1"]
    command += ["--configfile", "config/tiny.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".snakemake/locks/*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        second = project.snakemake(target)
        assert first.poll() is None
        (tmp_path / "go").touch()
        assert second.returncode != 0
        assert "cannot be locked" in second.stderr
        assert first.wait(timeout=300) == 0
    assert mfgcore.load(tmp_path / target).sizes["iteration"] == 4


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_hundreds_of_runs_leave_no_memory_behind(monkeypatch):
    def megabytes():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    # three processes of git for each run would take most of the time
    monkeypatch.setattr("mfgcore.runs.simulate.environment", lambda made_by: {})
    experiment = small(sampled_exploitability=True, failure_probability=0.5, iterations=2)
    for _ in range(100):
        mfgcore.simulate(experiment)
    before = megabytes()
    for _ in range(500):
        mfgcore.simulate(experiment)
    assert megabytes() - before < 1.5  # 3 kB of a run
