"""A run that was killed or stopped goes on, and ends with the bits of one that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import run, small

import mfgcore
from mfgcore import Experiment, RunFileError
from mfgcore._base import files
from mfgcore.runs import checkpoint
from mfgcore.runs.checkpoint import Checkpointer, CheckpointError, Stopped
from mfgcore.runs.simulation import Simulation


@pytest.fixture(scope="module")
def experiment():
    disturbed = {"failure_probability": 0.3, "final_agents": 9, "population_change_at": 5}
    return small(iterations=12, sampled_exploitability=True, **disturbed)


@pytest.fixture(scope="module")
def uninterrupted(experiment):
    return mfgcore.simulate(experiment)


@pytest.fixture
def kept(experiment, tmp_path):
    """A checkpoint after two iterations."""
    checkpoint.save(run(experiment, iterations=2), tmp_path / "run.checkpoint")
    return tmp_path / "run.checkpoint"


def restored(experiment, path):
    simulation = Simulation(experiment)
    checkpoint.restore(simulation, path)
    return simulation


@pytest.mark.parametrize("iterations", [0, 1, 5, 6, 11])
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(
    experiment, uninterrupted, iterations, tmp_path
):
    path = tmp_path / "run.checkpoint"
    checkpoint.save(run(experiment, iterations=iterations), path, (5.0, 4.0))
    dataset = mfgcore.simulate(experiment, checkpointer=Checkpointer(path))
    assert dataset.equals(uninterrupted)
    assert dataset.attrs["wall_seconds"] >= 5.0


def run_in_child(experiment, path, output):
    """Start the run in a process of its own; return the process."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        checkpointer = Checkpointer(path, interval=0.0)
        mfgcore.save(mfgcore.simulate(experiment, checkpointer=checkpointer), output)
        checkpointer.remove()
        os._exit(0)
    return child


def test_fifty_kills_at_random_moments_change_no_bit(experiment, uninterrupted, tmp_path):
    path, output = tmp_path / "run.checkpoint", tmp_path / "run.nc"
    started = time.monotonic()
    os.waitpid(run_in_child(experiment, path, output), 0)
    duration = time.monotonic() - started
    output.unlink()
    resumed = 0
    for moment in np.random.default_rng(20).uniform(0.0, duration, size=50):
        child = run_in_child(experiment, path, output)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if path.exists():
            resumed += restored(experiment, path).iteration > 0
        if output.exists():
            assert mfgcore.load(output).equals(uninterrupted)
            output.unlink()
    assert resumed > 0, "no kill came between two checkpoints: the test proves nothing"
    os.waitpid(run_in_child(experiment, path, output), 0)
    assert mfgcore.load(output).equals(uninterrupted)


def test_a_checkpoint_of_another_run_is_refused_by_name(experiment, kept):
    other = small(base=experiment, discount=0.4)
    with pytest.raises(CheckpointError, match=r"run.checkpoint': was made with discount = 0.5"):
        restored(other, kept)


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_checkpoint_is_refused_by_name(experiment, kept, tenth):
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(CheckpointError, match=r"run.checkpoint': has no checksum"):
        restored(experiment, kept)


def test_a_checkpoint_of_other_code_or_version_is_refused(experiment, kept, monkeypatch):
    monkeypatch.setattr(Experiment, "code_fingerprint", lambda self: "other")
    with pytest.raises(CheckpointError, match="other code"):
        restored(experiment, kept)
    monkeypatch.setattr(checkpoint, "VERSION", 99)
    with pytest.raises(CheckpointError, match=r"has version \d+, this mfgcore reads 99"):
        restored(experiment, kept)


EDITED = """
import sys, pathlib, mfgcore
from conftest import small
from mfgcore.runs import checkpoint
from mfgcore.runs.simulation import Simulation

if sys.argv[1] == "save":
    learning = pathlib.Path(mfgcore.__file__).with_name("agents") / "algorithms.py"
    learning.write_text(learning.read_text() + "# another thought")
    checkpoint.save(Simulation(small()), "run.checkpoint")
    mfgcore.save(mfgcore.simulate(small()), "run.nc")
elif sys.argv[1] == "restore":
    checkpoint.restore(Simulation(small()), "run.checkpoint")
else:
    mfgcore.collect(["run.nc"], [small()])
"""


def test_code_edited_while_it_runs_is_not_what_the_run_was_made_by(tmp_path):
    """The copy of the package that is imported is edited before anything is written."""
    copied = tmp_path / "mfgcore"
    shutil.copytree(Path(mfgcore.__file__).parent, copied, ignore_dangling_symlinks=True)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[1]}"}

    def child(what):
        command = [sys.executable, "-c", EDITED, what]
        options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        return subprocess.run(command, check=False, **options)

    assert child("save").stderr == ""
    for what, name in (("restore", "run.checkpoint"), ("collect", "run.nc")):
        assert f"'{name}': was made by other code" in child(what).stderr
    text = (copied / "agents/algorithms.py").read_text()
    (copied / "agents/algorithms.py").write_text(text.removesuffix("# another thought"))
    for what in ("restore", "collect"):
        assert child(what).stderr == ""


def test_a_refused_checkpoint_makes_the_run_start_afresh(
    experiment, uninterrupted, tmp_path, capsys
):
    path = tmp_path / "run.checkpoint"
    other = small(base=experiment, seed=2)
    checkpoint.save(run(other, iterations=3), path)
    with pytest.raises(CheckpointError, match="was made with seed = 2, expected 1"):
        mfgcore.simulate(experiment, checkpointer=Checkpointer(path, afresh=False))
    dataset = mfgcore.simulate(experiment, checkpointer=Checkpointer(path))
    assert dataset.equals(uninterrupted)
    assert "checkpoint refused" in capsys.readouterr().out


def test_what_is_no_checkpoint_is_left_alone(experiment, tmp_path):
    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RunFileError, match=r"run.checkpoint': has no checksum"):
        mfgcore.simulate(experiment, checkpointer=Checkpointer(path))
    assert path.read_bytes() == b"nothing of the kind"


def changed(**changes):
    """What makes another header of a header; a key that is None is left out."""

    def change(array):
        header = json.loads(str(array)) | changes
        return np.array(json.dumps({key: header[key] for key in header if header[key] is not None}))

    return change


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("states", lambda array: array.__setitem__(0, 10**6)),
        ("policy_index", lambda array: array.__setitem__(0, -1)),
        ("states", lambda array: array[:-1]),
        ("policies", lambda array: array[..., :-1]),
        ("q_values", lambda array: array[:, 1:]),
        ("header", lambda array: np.array("null")),
        ("header", lambda array: np.array("no JSON")),
        ("header", changed(fingerprint=None)),
        ("header", changed(configuration=3)),
        ("header", changed(seconds=[1.0])),
        ("header", changed(iteration=3)),
        ("header", changed(iteration=10**6)),
        ("header", changed(iteration="2")),
        ("record_failures", lambda array: array[:-1]),
        ("record_failures", lambda array: array.astype(str)),
        ("record_mean_field", lambda array: array[:, 1:]),
        ("scores", lambda array: array.astype(str)),
        ("q_values", lambda array: array.astype(str)),
        ("record_failures", None),
        ("states", None),
    ],
)
def test_a_checkpoint_of_wrong_content_is_refused(experiment, kept, key, change):
    with np.load(kept) as archive:
        content = dict(archive)
    array = content.pop(key)
    if change is not None:
        other = change(array)
        content[key] = array if other is None else other
    with files.atomic_path(kept, sealed=True) as temporary, temporary.open("wb") as file:
        np.savez(file, **content)
    with pytest.raises(CheckpointError, match=r"run.checkpoint': is no checkpoint \(.*\)$"):
        restored(experiment, kept)


def test_a_signal_stops_the_run_after_its_iteration(experiment, uninterrupted, tmp_path):
    path = tmp_path / "run.checkpoint"
    before = signal.getsignal(signal.SIGTERM)

    def progress(simulation):
        if simulation.iteration == 4:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)  # as SLURM does when it preempts

    with pytest.raises(Stopped, match="stopped after iteration 4 of 12"):
        mfgcore.simulate(experiment, progress=progress, checkpointer=Checkpointer(path))
    assert signal.getsignal(signal.SIGTERM) == before
    assert restored(experiment, path).iteration == 4
    assert mfgcore.simulate(experiment, checkpointer=Checkpointer(path)).equals(uninterrupted)


# a file that is there when an iteration has been measured
STARTED = """
from pathlib import Path

from mfgcore.metrics.definitions import metric


@metric("whether it runs")
def runs(moment):
    "1 where something is measured."
    Path({}).touch()
    return 1.0
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_how_to_go_on(number, tmp_path):
    command = [
        sys.executable,
        "-m",
        "mfgcore.cli",
        "run",
        "--game",
        "agree",
        "--agents",
        "10",
        "--iterations",
        "100000",
        "--transitions",
        "100",
        "--replay-cycles",
        "10",
        "--quiet",
        "--output",
        str(tmp_path / "run.nc"),
        "--import",
        str(tmp_path / "own.py"),
    ]
    started, own = tmp_path / "started", tmp_path / "own.py"
    own.write_text(STARTED.format(repr(str(started))))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not started.exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert len(error.splitlines()) == 1
    assert "kept in" in error
    assert "with --resume" in error
    started.unlink()
    own.unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["run.nc.checkpoint"]
