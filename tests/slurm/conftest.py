import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from project import Project

from slurm.cluster import Cluster, Unavailable

PROFILE = "profiles/slurm"
LOGIN = Path(__file__).parent / "login.py"


class ClusterProject(Project):
    """A copy of the workflow whose snakemake submits to a cluster through the shipped profile."""

    def __init__(self, folder, cluster):
        super().__init__(folder)
        self.cluster = cluster
        self.output = folder / "snakemake.txt"
        self.login = None

    def command(self, *arguments):
        """What a user types; only the interval of status checks is shorter than the profile's."""
        options = ["--workflow-profile", PROFILE, "--nocolor", "--configfile", "config/tiny.yaml"]
        return [sys.executable, str(LOGIN), *arguments, *options]

    def start(self, *arguments):
        """Start snakemake; its output is in the file `output`."""
        with self.output.open("w") as file:
            streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": subprocess.STDOUT}
            place = {"cwd": self.folder, "env": self.cluster.environment}
            self.login = subprocess.Popen(self.command(*arguments), **place, **streams)

    def finish(self, seconds=240):
        """Wait for snakemake and return its exit code and output."""
        code = self.login.wait(seconds)
        self.login = None
        return code, self.output.read_text()

    def make(self, *arguments):
        self.start(*arguments)
        code, text = self.finish()
        assert code == 0, text[-5000:]
        return text

    def submissions(self):
        """The numbers of the jobs that the last snakemake submitted."""
        return [int(n) for n in re.findall(r"with SLURM jobid (\d+)", self.output.read_text())]

    def wait_for(self, path, text, seconds=90):
        """Wait until a file of the project contains a text."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.login.poll() is not None:
                pytest.fail(f"snakemake ended early: {self.output.read_text()[-5000:]}")
            path = self.folder / path
            if path.exists() and text in path.read_text():
                return
            time.sleep(0.2)
        pytest.fail(f"no {text!r} in {path} after {seconds} s: {self.cluster.jobs()}")

    def close(self):
        """End what a failed test left running."""
        if self.login is not None:
            self.login.kill()
            self.login.wait()
            self.cluster.call("scancel", "--state=PENDING,RUNNING", "--me", check=False)


@pytest.fixture(scope="session")
def cluster():
    try:
        with Cluster() as running:
            yield running
    except Unavailable as error:
        pytest.skip(f"no SLURM here: {error}")


@pytest.fixture
def project(tmp_path, cluster):
    project = ClusterProject(tmp_path, cluster)
    yield project
    project.close()


def pytest_terminal_summary(terminalreporter):
    for line in getattr(terminalreporter.config, "slurm_summary", []):
        terminalreporter.write_line(f"slurm: {line}")


@pytest.fixture(scope="session")
def summary(request):
    """A list of lines that pytest prints at the end."""
    request.config.slurm_summary = []
    return request.config.slurm_summary


if "SLURM_CONF" in os.environ:
    # a real cluster's settings must not reach the one under test
    del os.environ["SLURM_CONF"]
