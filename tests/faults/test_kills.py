"""SIGKILL at random moments of a workflow, of a run that goes on, and of collecting."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from project import Project

from mfgcore import load

pytestmark = pytest.mark.faults

KILLS, SEED = 100, 12
RESULT = "results/tiny/experiments/fig1.nc"


def group(project, *targets):
    """A snakemake with its jobs, in a process group of its own."""
    options = ["--cores", "2", "--nocolor", "--configfile", "config/tiny.yaml"]
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *targets, *options, "--rerun-incomplete", "--nolock"],
        cwd=project.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def bits(project):
    """What the results say, by file, without when and how long."""
    paths = sorted(project.folder.glob("results/tiny/**/[!.]*.nc"))
    kinds = ("experiment" if "experiments" in path.parts else "run" for path in paths)
    found = {}
    for path, kind in zip(paths, kinds, strict=True):
        dataset = load(path, kind).drop_attrs()
        dataset = dataset.drop_vars("cpu_seconds", errors="ignore")
        found[str(path.relative_to(project.folder))] = dataset
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("undisturbed"))
    started = time.monotonic()
    project.make(RESULT, "figures/tiny/fig1.pdf")
    project.seconds = time.monotonic() - started
    return project


@pytest.mark.parametrize("part", ["all", "collect"])
def test_a_killed_workflow_loses_nothing(undisturbed, part, tmp_path):
    """Half of the kills come while it makes everything, half while it collects and draws."""
    project = Project(tmp_path / "project")
    moments = np.random.default_rng(SEED).uniform(0.0, undisturbed.seconds, size=KILLS // 3)
    finished = 0
    for moment in moments:
        if finished or part == "collect":
            for path in ("results/tiny/experiments", "figures/tiny"):
                shutil.rmtree(project.folder / path, ignore_errors=True)
            if part == "all":
                shutil.rmtree(project.folder / "results", ignore_errors=True)
        process = group(project, RESULT, "figures/tiny/fig1.pdf")
        try:
            finished = process.wait(moment) == 0
        except subprocess.TimeoutExpired:
            finished = False
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for name, dataset in bits(project).items():  # what has its name is whole
            assert dataset.identical(bits(undisturbed)[name])
    project.make(RESULT, "figures/tiny/fig1.pdf", "--rerun-incomplete", "--nolock")
    assert bits(project).keys() == bits(undisturbed).keys()
    assert (project.folder / "figures/tiny/fig1.png").read_bytes() == (
        undisturbed.folder / "figures/tiny/fig1.png"
    ).read_bytes()


def test_a_run_that_goes_on_is_killed_again_and_again(tmp_path):
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
        "60",
        "--transitions",
        "300",
        "--replay-cycles",
        "100",
        "--quiet",
    ]
    expected, output = tmp_path / "expected.nc", tmp_path / "run.nc"
    started = time.monotonic()
    subprocess.run([*command, "--output", str(expected)], check=True)
    seconds = time.monotonic() - started
    for moment in np.random.default_rng(SEED).uniform(0.0, 1.2 * seconds, size=KILLS // 3):
        with subprocess.Popen(
            [*command, "--output", str(output), "--resume"], stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(moment / 2)
            process.send_signal(signal.SIGTERM)  # keeps a checkpoint, if it has come so far
            time.sleep(moment / 20)
            process.kill()
        if output.exists():
            assert load(output).drop_attrs().identical(load(expected).drop_attrs())
            output.unlink()
    left = output.with_name("run.nc.checkpoint").exists()
    subprocess.run([*command, "--output", str(output), "--resume"], check=True)
    assert load(output).drop_attrs().identical(load(expected).drop_attrs())
    assert left or not output.with_name("run.nc.checkpoint").exists()
