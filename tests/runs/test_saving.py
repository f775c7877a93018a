"""No work is lost because it could not be saved: it is kept, and the next call saves it."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
from conftest import small
from project import Project, tiny_config

import mfgcore
from mfgcore import RunFileError, cli
from mfgcore._base import files
from mfgcore.batch.design import Design
from mfgcore.runs import checkpoint
from mfgcore.runs.checkpoint import Checkpointer
from mfgcore.runs.datasets import make_and_save
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
LOCK_ERRORS = ("ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL", "EIO", "EACCES", "EPERM", "ESTALE")
SAVE_ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EFBIG", "EROFS", "EACCES", "ESTALE", "ETIMEDOUT")
collect = sys.modules["mfgcore.batch.collect"]
FAIL = Path(__file__).parents[1] / "fail.c"


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Where what cannot be written is kept, and where the results are to be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    temporary = types.SimpleNamespace(gettempdir=lambda: str(tmp_path / "temporary"))
    monkeypatch.setattr(files, "tempfile", temporary)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


def failing(monkeypatch, number, *folders):
    """Let nothing be written below some folders any more."""
    write = Path.write_bytes

    def written(self, content):
        if any(self.is_relative_to(folder) for folder in folders):
            raise OSError(number, os.strerror(number))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", written)


def never(*_, **__):
    raise AssertionError("it is computed again")


def said(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("name", LOCK_ERRORS)
def test_a_file_system_without_locks_is_no_obstacle(name, places, monkeypatch, capsys):
    number = getattr(errno, name)

    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    output = places / "out/run.nc"
    assert cli.main([*RUN, str(output)]) == 0
    assert cli.main(["show", str(output)]) == 0
    experiment = small(iterations=2)
    simulation = Simulation(experiment)
    simulation.step()
    checkpoint.save(simulation, places / "run.checkpoint")
    resumed = mfgcore.simulate(experiment, checkpointer=Checkpointer(places / "run.checkpoint"))
    joined = mfgcore.collect([resumed], [experiment])
    mfgcore.save(joined, places / "out/all.nc")
    assert mfgcore.load(places / "out/all.nc", kind="experiment").equals(joined)


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    """A function: an environment in which a call of the C library fails with an error."""
    library = tmp_path_factory.mktemp("fail") / "fail.so"
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and Linux")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, FAIL, "-ldl"], check=True)

    def environment(call, name, below=""):
        number = str(getattr(errno, name))
        fails = {"FAIL_CALL": call, "FAIL_ERRNO": number, "FAIL_BELOW": str(below)}
        return os.environ | fails | {"LD_PRELOAD": str(library)}

    return environment


def command(*words, env):
    words = [sys.executable, "-m", "mfgcore.cli", *map(str, words)]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_no_library_locks_a_file_on_its_own(preloaded, places):
    env = preloaded("flock", "ENOLCK")
    output = places / "out/run.nc"
    done = command(*RUN, output, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert command("show", output, env=env).returncode == 0


@pytest.mark.parametrize("name", SAVE_ERRORS)
def test_what_cannot_be_saved_is_saved_by_the_next_call(name, places, monkeypatch, capsys):
    output, number = places / "out/run.nc", getattr(errno, name)
    with monkeypatch.context() as patched:
        failing(patched, number, places / "out")
        assert cli.main([*RUN, str(output)]) == 1
        line = said(capsys)
        assert f"run.nc': cannot be written: {os.strerror(number)}; what was made is kept" in line
        assert ": the same command saves it" in line
        assert not list((places / "out").iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(collect, "simulate", never)
        assert cli.main([*RUN, str(output)]) == 0
    assert mfgcore.load(output).sizes["iteration"] == 3
    assert not files.kept_elsewhere(output)


def test_where_the_cache_is_full_too_it_is_kept_among_temporary_files(places, monkeypatch, capsys):
    output = places / "out/run.nc"
    with monkeypatch.context() as patched:
        failing(patched, errno.EDQUOT, places / "out", places / "cache")
        assert cli.main([*RUN, str(output)]) == 1
        assert "kept in '" in said(capsys)
        (kept,) = files.kept_elsewhere(output)
        assert kept.is_relative_to(places / "temporary")
    monkeypatch.setattr(collect, "simulate", never)
    assert cli.main([*RUN, str(output)]) == 0


def test_where_nothing_can_be_written_the_cause_is_said(places, monkeypatch, capsys):
    failing(monkeypatch, errno.ENOSPC, places)
    assert cli.main([*RUN, str(places / "out/run.nc")]) == 1
    assert "No space left on device; what was made is lost" in said(capsys)


def test_what_is_kept_of_another_run_is_not_taken(places, monkeypatch, capsys):
    output = places / "out/run.nc"
    with monkeypatch.context() as patched:
        failing(patched, errno.EDQUOT, places / "out")
        assert cli.main([*RUN, str(output)]) == 1
    assert cli.main([*RUN, str(output), "--seed", "7"]) == 0
    assert mfgcore.load(output).attrs["seed"] == 7
    assert not files.kept_elsewhere(output)


def test_a_folder_that_vanished_is_told(places, monkeypatch, capsys):
    output, simulate = places / "out/run.nc", collect.simulate

    def vanishing(*arguments):
        dataset = simulate(*arguments)
        shutil.rmtree(places / "out")
        return dataset

    with monkeypatch.context() as patched:
        patched.setattr(collect, "simulate", vanishing)
        assert cli.main([*RUN, str(output)]) == 1
    assert "run.nc': " in (line := said(capsys)) and "what was made is kept in" in line
    (places / "out").mkdir()
    monkeypatch.setattr(collect, "simulate", never)
    assert cli.main([*RUN, str(output)]) == 0


def test_a_run_that_is_stopped_where_nothing_can_be_written_goes_on(places, monkeypatch):
    kept, experiment = places / "out/run.nc.checkpoint", small()
    reported = []
    checkpointer = Checkpointer(kept, 0.0, reported.append)

    def stop(simulation):
        checkpointer.asked = signal.SIGTERM if simulation.iteration == 2 else None
        shutil.rmtree(places / "out", ignore_errors=True)

    with pytest.raises(checkpoint.Stopped, match=r"kept in '.*run.nc.checkpoint'"):
        mfgcore.simulate(experiment, progress=stop, checkpointer=checkpointer)
    assert "; kept elsewhere" in reported[0]
    begun = []
    again = mfgcore.simulate(
        experiment,
        progress=lambda run: begun.append(run.iteration),
        checkpointer=Checkpointer(kept),
    )
    assert begun == [3, 4]
    assert again.equals(mfgcore.simulate(experiment))
    checkpointer.remove()
    assert not files.kept_elsewhere(kept)


def test_a_comparison_that_cannot_be_saved_is_saved_by_the_next_call(places, monkeypatch):
    runs = {("networked", trial): small(trial=trial, iterations=2) for trial in range(2)}
    design = Design("x", {"architecture": ["networked"]}, runs)

    def made():
        return collect.summarise_runs(design)

    def check(whose, dataset):
        collect.check_part(whose, dataset, design)

    given = places / "out/part.nc", made, check, "experiment"
    with monkeypatch.context() as patched:
        failing(patched, errno.EDQUOT, places / "out")
        with pytest.raises(RunFileError, match="Disk quota exceeded; what was made is kept"):
            make_and_save(*given)
    fewer = Design("x", design.factors, {key: run for key, run in runs.items() if key[1] == 0})
    with pytest.raises(RunFileError, match="made of 2 runs, expected 1"):
        collect.check_part("it", made(), fewer)
    make_and_save(given[0], never, *given[2:])
    assert mfgcore.load(given[0], kind="experiment").attrs["runs"] == 2


def test_another_users_folder_is_not_believed(places, monkeypatch):
    output = places / "out/run.nc"
    for place in files.elsewhere(output):
        place.parent.mkdir(parents=True)
        place.write_bytes(b"something")
    assert len(files.kept_elsewhere(output)) == 2
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert files.kept_elsewhere(output) == []


def test_what_stands_on_the_target_is_tried_before_a_run(preloaded, places):
    """A quota is in no answer but that of a write."""
    for call, name in (("posix_fallocate", "EDQUOT"), ("fsync", "EIO")):
        env = preloaded(call, name, places / "out") | {"XDG_CACHE_HOME": str(places / "cache")}
        done = command(*RUN, places / "out/run.nc", "--iterations", "100000", env=env)
        assert done.returncode == 1
        line = f"run.nc': cannot be written: {os.strerror(getattr(errno, name))}\n"
        assert done.stderr.endswith(line) and done.stderr.count("\n") == 1
    assert not list((places / "out").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
def test_a_small_file_system_that_is_full(places, monkeypatch, capsys):
    """A real one, of 120 kB, on which a run does not find room but for its start."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", places / "out"], check=False
    )
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        output = places / "out/run.nc"
        (places / "out/filling").write_bytes(bytes(60_000))
        assert cli.main([*RUN, str(output)]) == 1
        assert "No space left on device; what was made is kept in" in said(capsys)
        assert [path.name for path in (places / "out").iterdir()] == ["filling"]
        (places / "out/filling").unlink()
        monkeypatch.setattr(collect, "simulate", never)
        assert cli.main([*RUN, str(output)]) == 0
        assert mfgcore.load(output).sizes["iteration"] == 3
    finally:
        subprocess.run(["umount", places / "out"], check=True)


def test_a_job_of_the_workflow_that_cannot_save_saves_at_the_next_call(
    preloaded, tmp_path, monkeypatch
):
    folder = tmp_path / "project"
    folder.mkdir()
    project, target = Project(folder), "results/tiny/experiments/fig1.nc"
    project.configure(
        tiny_config().replace("trials: 2}", "trials: 1, factors: {architecture: [networked]}}")
    )
    run = folder / "results/tiny/runs/fig1/networked"
    with monkeypatch.context() as patched:
        for key, value in preloaded("write", "EDQUOT", run).items():
            patched.setenv(key, value)
        done = project.snakemake(target)
        assert done.returncode != 0
        (line,) = {x for x in done.stderr.splitlines() if x.startswith("mfgcore: error")}
        assert "trial_0.nc': cannot be written: Disk quota exceeded; what was made is kept" in line
    assert project.make(target) == {"simulate": 1, "collect": 1}
    log = (folder / "results/tiny/logs/simulate/fig1/networked/trial_0.log").read_text()
    assert "iteration" not in log
    with monkeypatch.context() as patched:
        for key, value in preloaded("write", "ENOSPC", folder / "results/tiny/experiments").items():
            patched.setenv(key, value)
        (folder / target).unlink()
        done = project.snakemake(target)
        assert "experiments/fig1.nc': cannot be written: No space left on device" in done.stderr
