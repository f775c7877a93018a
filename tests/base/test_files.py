"""What is written belongs to one output and one writer; nothing else is touched; no bit is lost."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import small

import mfgcore
from mfgcore import RunFileError, cli
from mfgcore._base import files
from mfgcore.batch.collect import load_current
from mfgcore.batch.design import Design
from mfgcore.runs import checkpoint
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.simulation import Simulation

RUN = [
    "run",
    "--game",
    "agree",
    "--agents",
    "6",
    "--iterations",
    "3",
    "--transitions",
    "100",
    "--replay-cycles",
    "2",
    "--no-sampled-exploitability",
    "--quiet",
    "--output",
]


def refused(output, *options, capsys):
    """The one line with which the command refuses an output."""
    assert cli.main([*RUN, str(output), *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_is_no_regular_file_is_not_replaced(tmp_path, capsys):
    os.mkfifo(tmp_path / "fifo.nc")
    (tmp_path / "folder.nc").mkdir()
    os.mknod(tmp_path / "socket.nc", stat.S_IFSOCK | 0o600)
    before = {path.name: path.lstat() for path in tmp_path.iterdir()}
    assert "is no regular file" in refused("/dev/null", capsys=capsys)
    assert "is no regular file" in refused(tmp_path / "fifo.nc", capsys=capsys)
    assert "is no regular file" in refused(tmp_path / "socket.nc", capsys=capsys)
    assert "is a folder" in refused(tmp_path / "folder.nc", capsys=capsys)
    assert "no regular file" in refused(tmp_path / "fifo.nc", "--overwrite", capsys=capsys)
    assert {path.name: path.lstat() for path in tmp_path.iterdir()} == before
    with pytest.raises(RunFileError, match="is no regular file"):
        mfgcore.load(tmp_path / "fifo.nc")


def test_a_symbolic_link_is_followed(tmp_path, capsys):
    (tmp_path / "there").mkdir()
    link = tmp_path / "run.nc"
    link.symlink_to(tmp_path / "there/real.nc")
    assert cli.main([*RUN, str(link)]) == 0
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["real.nc"]
    assert "exists; --overwrite replaces it" in refused(tmp_path / "run.nc", capsys=capsys)
    (tmp_path / "device.nc").symlink_to("/dev/null")
    assert "is no regular file" in refused(tmp_path / "device.nc", capsys=capsys)


def test_nothing_is_deleted_that_the_user_did_not_name(tmp_path, capsys):
    own = {}
    for name in (
        "model.checkpoint",
        "sweep.checkpoint",
        ".model.1.partial.nc",
        "sweep.1.checkpoint",
    ):
        own[name] = f"{name} of somebody else".encode()
        (tmp_path / name).write_bytes(own[name])
    for output, status in {"model.nc": 0, "sweep.1": 1, "sweep.2": 0, "sweep": 1}.items():
        assert cli.main([*RUN, str(tmp_path / output)]) == status
    assert "sweep.1.checkpoint': is of an interrupted run" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in own} == own
    assert "has no checksum" in refused(tmp_path / "sweep.1", "--resume", capsys=capsys)
    assert {name: (tmp_path / name).read_bytes() for name in own} == own
    for output in ("o.nc.checkpoint", ".o.nc.partial.nc", ".o.nc.lock"):
        assert "mfgcore gives such names" in refused(tmp_path / output, capsys=capsys)


def test_a_result_and_a_checkpoint_are_replaced_only_if_that_is_asked_for(tmp_path, capsys):
    output = tmp_path / "run.nc"
    kept = files.checkpoint_of(output)
    assert cli.main([*RUN, str(output)]) == 0
    first = output.read_bytes()
    assert "run.nc': exists; --overwrite replaces it" in refused(output, capsys=capsys)
    checkpoint.save(Simulation(small()), kept)
    assert "--resume goes on from it, --overwrite starts" in refused(output, capsys=capsys)
    assert "run.nc.checkpoint': was made with" in refused(output, "--resume", capsys=capsys)
    assert kept.exists()
    assert output.read_bytes() == first
    assert cli.main([*RUN, str(output), "--overwrite"]) == 0
    assert not kept.exists()
    assert mfgcore.load(output).equals(mfgcore.load(output))


def test_a_second_writer_is_refused_at_once_and_the_first_is_not_disturbed(tmp_path, capsys):
    output, link = tmp_path / "run.nc", tmp_path / "link.nc"
    link.symlink_to(output)
    command = [sys.executable, "-m", "mfgcore.cli", *RUN, str(output), "--iterations=100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as first:
        deadline = time.monotonic() + 60
        while not (tmp_path / ".run.nc.lock").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        for name in (output, link):
            assert "another process is writing it" in refused(name, capsys=capsys)
        with pytest.raises(RunFileError, match="another process is writing it"):
            mfgcore.save(mfgcore.simulate(small(iterations=1)), output)
        assert first.poll() is None
        first.kill()
    assert cli.main([*RUN, str(output)]) == 0  # its lock died with it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.nc", "run.nc"]


def test_what_cannot_be_written_is_said_before_the_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "run_to_file", None)
    assert "is too long by 31 bytes" in refused(tmp_path / f"{'n' * 252}.nc", capsys=capsys)
    assert "File name too long" in refused(tmp_path / f"{'n' * 9999}.nc", capsys=capsys)
    assert "its folder does not exist" in refused(tmp_path / "none/run.nc", capsys=capsys)
    (tmp_path / "file").touch()
    assert "its folder does not exist" in refused(tmp_path / "file/run.nc", capsys=capsys)
    assert "are needed" in refused(
        tmp_path / "run.nc",
        "--agents=1000000",
        "--grid-size=114",
        "--memory=9T",
        "--architecture=independent",
        capsys=capsys,
    )
    assert not (tmp_path / "run.nc").exists()


def test_a_checkpoint_that_cannot_be_deleted_is_told_in_one_line(tmp_path, capsys):
    kept = files.checkpoint_of(tmp_path / "run.nc")
    kept.mkdir()
    said = []
    Checkpointer(kept, report=said.append).remove()  # the result is saved: it is not lost
    assert "run.nc.checkpoint': cannot be deleted: " in said[0]
    for option, expected in (("--overwrite", "cannot be deleted"), ("--resume", "no regular file")):
        assert expected in refused(tmp_path / "run.nc", option, capsys=capsys)
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize("fails", ["write", "fsync", "rename"])
def test_a_failing_disk_leaves_what_was_there(fails, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    path.write_text("before")

    def failing(*_):
        raise OSError(5, "Input/output error")

    if fails == "fsync":
        monkeypatch.setattr(os, "fsync", failing)
    if fails == "rename":
        monkeypatch.setattr(type(path), "replace", failing)
    with (
        pytest.raises(RunFileError, match="cannot be written: Input/output error"),
        files.atomic_path(path) as temporary,
    ):
        temporary.write_text("after")
        if fails == "write":
            failing()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"]


def test_a_file_is_synced_before_it_has_its_name(tmp_path, monkeypatch):
    """Power may fail at any moment: what is not synced then is lost, and its name with it."""
    done = []
    monkeypatch.setattr(
        os, "fsync", lambda file: done.append(str(Path(f"/proc/self/fd/{file}").readlink()))
    )
    replace = type(tmp_path).replace
    monkeypatch.setattr(
        type(tmp_path), "replace", lambda self, to: (done.append("rename"), replace(self, to))
    )
    mfgcore.save(mfgcore.simulate(small(iterations=1)), tmp_path / "run.nc")
    assert done == [f"{tmp_path}/.run.nc.partial.nc", "rename", str(tmp_path)]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A run's file, a collected file and a checkpoint, with what reads them."""
    folder = tmp_path_factory.mktemp("sealed")
    experiments = [small(architecture=name) for name in ("networked", "independent")]
    paths = [folder / f"{each.architecture}.nc" for each in experiments]
    for path, experiment in zip(paths, experiments, strict=True):
        mfgcore.save(mfgcore.simulate(experiment), path)
    mfgcore.save(mfgcore.collect(paths, experiments), folder / "collected.nc")
    runs = {(each.architecture, each.trial): each for each in experiments}
    design = Design("run", {"architecture": [name for name, _ in runs]}, runs)
    checkpoint.save(Simulation(experiments[0]), folder / "kept.checkpoint")
    return {
        paths[0]: mfgcore.load,
        folder / "collected.nc": lambda path: load_current(path, design),
        folder / "kept.checkpoint": lambda path: checkpoint.restore(
            Simulation(experiments[0]), path
        ),
    }


def written(sealed, folder):
    """The same three files, written again in a folder; each with what reads it."""
    run, collected, kept = sealed
    mfgcore.save(mfgcore.load(run), folder / run.name)
    mfgcore.save(mfgcore.load(collected, kind="experiment"), folder / collected.name)
    checkpoint.save(Simulation(small(architecture="networked")), folder / kept.name)
    return {folder / path.name: read for path, read in sealed.items()}


def test_after_a_loss_of_power_there_is_what_was_synced_and_it_is_whole(
    sealed, tmp_path, monkeypatch
):
    """Unsynced writes are dropped, as if the power failed as soon as a file had its name."""
    synced = {}

    def fsync(descriptor):
        held = Path(f"/proc/self/fd/{descriptor}")
        if not held.is_dir():
            synced[os.fstat(descriptor).st_ino] = held.read_bytes()

    monkeypatch.setattr(os, "fsync", fsync)
    for path, read in written(sealed, tmp_path).items():
        path.write_bytes(synced.get(path.stat().st_ino, b""))
        read(path)


@pytest.mark.parametrize("lost", ["tail", "page", "all"])
def test_what_a_disk_lost_that_said_it_was_synced_is_refused(sealed, lost, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    rng = np.random.default_rng(3)
    for path, read in written(sealed, tmp_path).items():
        content = path.read_bytes()
        page = 4096 * int(rng.integers(len(content) // 4096))
        kept = {"tail": content[:page], "page": content[:page] + bytes(4096), "all": b""}[lost]
        path.write_bytes(kept + (content[page + 4096 :] if lost == "page" else b""))
        with pytest.raises((RunFileError, checkpoint.CheckpointError), match="checksum"):
            read(path)


@pytest.mark.parametrize("which", range(3))
def test_no_flipped_bit_is_accepted(sealed, which, tmp_path):
    """A hundred of each here; `python -m verification.bits` flips 10,000."""
    path, read = list(sealed.items())[which]
    read(path)
    content = path.read_bytes()
    rng = np.random.default_rng(which)
    for bit in rng.integers(8 * len(content), size=100):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        (tmp_path / path.name).write_bytes(damaged)
        with pytest.raises((RunFileError, checkpoint.CheckpointError), match="checksum"):
            read(tmp_path / path.name)
