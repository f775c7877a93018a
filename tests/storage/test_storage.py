"""The workflow where no file system is shared: Snakemake's storage providers, and what they change.

The commands are those of docs/cluster.md, but for the folders.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from commands import storage_options
from project import Project, tiny_config

from mfgcore import load

MISSING = not importlib.util.find_spec("snakemake_storage_plugin_fs") or not shutil.which("rsync")
pytestmark = [
    pytest.mark.storage,
    pytest.mark.skipif(
        MISSING, reason="make test-storage installs the plugins, and rsync if it may"
    ),
]

ALONE = "factors: {architecture: [networked]}"
EXPERIMENT = f"{{game: agree, agents: 6, iterations: 4, trials: 1, {ALONE}}}"
COMPARISONS = """\
comparisons:
  parameters: {agents: 5, iterations: 4, transitions: 30, replay_cycles: 2}
  experiments:
    mine:
      title: Of two radii
      trials: 1
      factors:
        scenario: {undisturbed: {}}
        setting: {near: {communication_radius: 0.2}, far: {communication_radius: 1.0}}
        variant: {networked: {architecture: networked}}
"""
FIRST = "figures/tiny/mine.pdf"
COMPARED = "results/tiny/comparisons/mine.nc"
CRATE = "ro-crate-metadata.json"
TARGETS = [
    *("figures/all", "figures/ablations", COMPARED, CRATE),
    *("figures/tiny/claims.pdf", "figures/tiny/explorer.html"),
]
RUN = "results/tiny/runs/mine/networked/trial_0.nc"
# a run that waits in its middle until it is asked to stop
HELD = """\
    while k == 2 and checkpointer.asked is None:
        __import__("time").sleep(0.05)


with logged("""


class Stored(Project):
    """A copy of the workflow whose files are kept by a storage provider.

    Parameters
    ----------
    folder : Path
        The project, the scratch and a store are folders in it.
    provider : str, optional
        None is none.
    replaced : dict of str to str
        Instead of what, what the options have.
    """

    def __init__(self, folder, provider=None, replaced=()):
        for name in ("project", "scratch", "store"):
            (folder / name).mkdir()
        super().__init__(folder / "project")
        self.scratch, self.store = folder / "scratch", folder / "store"
        places = {"/scratch/mfg": str(self.scratch), "/archive/mfg": str(self.store)}
        places |= dict(replaced)
        options = storage_options(provider) if provider else []
        self.options = [places.get(option, option) for option in options]
        text = tiny_config().partition("  fig1:")[0].replace("trials: 2", "trials: 1")
        text = text.replace("radius: {values: [0.2, 1.0]}", "radius: null").replace(", 300]", "]")
        self.configure(f"{COMPARISONS}{text}  mine: {EXPERIMENT}\n")

    def snakemake(self, *arguments, **options):
        return super().snakemake(*arguments, *self.options, **options)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    project = Stored(tmp_path_factory.mktemp("plain"))
    project.make(FIRST)
    project.make(*TARGETS)
    return project


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    project = Stored(tmp_path_factory.mktemp("stored"), "fs")
    project.first = project.make(FIRST)
    project.counts = project.make(*TARGETS)
    return project


def described(path):
    """What a crate says, but for what differs from one run to another."""
    changing = {"startTime", "endTime", "datePublished", "contentSize"}
    entities = json.loads(path.read_text())["@graph"]
    for each in entities:
        run = str(each["@id"]).startswith("results/")  # with the seconds that it took
        for key in changing | ({"sha256"} if run else set()):
            each.pop(key, None)
    return entities


def assert_same(folder, plain):
    """Every file is there under the same name, and the figures are those to the bit."""

    def names(place):
        files = (place.glob(f"{each}/**/*.*") for each in ("figures", "results"))
        return {str(path.relative_to(place)) for found in files for path in found}

    assert names(folder) == names(plain)
    for name in names(plain):
        if name.startswith("figures/") and not name.endswith("manifest.json"):
            assert (folder / name).read_bytes() == (plain / name).read_bytes(), name
    one, other = (
        json.loads((each / "figures/tiny/manifest.json").read_text()) for each in (folder, plain)
    )
    assert one["figures_sha256"] == other["figures_sha256"]


def test_one_figure_alone_is_made(stored):
    assert stored.first == {"simulate": 1, "collect": 1, "plot": 1}


def test_everything_has_the_names_and_the_bits_of_a_call_without_storage(stored, plain):
    made = {"summarise": 2, "collect": 3, "claims": 1, "explorer": 1, "crate": 1}
    assert {rule: stored.counts[rule] for rule in made} == made
    assert_same(stored.store, plain.folder)
    one, other = (load(each / COMPARED, kind="experiment") for each in (stored.store, plain.folder))
    one, other = (each.drop_vars("cpu_seconds").drop_attrs() for each in (one, other))
    assert one.equals(other)
    assert described(stored.store / CRATE) == described(plain.folder / CRATE)
    here = (path for each in ("figures", "results") for path in stored.folder.glob(f"{each}/**/*"))
    assert not [path for path in here if path.is_file()]


def test_a_second_call_finds_nothing_to_do(stored):
    done = stored.snakemake(*TARGETS)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("./figures/tiny/mine.pdf", None),
        ("figures/mine.pdf", "figures/tiny/mine.pdf"),
        ("figures/tiny/cliams.pdf", "figures/tiny/claims.pdf"),
        ("{folder}/figures/tiny/mine.pdf", "figures/tiny/mine.pdf"),
        ("{store}/figures/tiny/mine.pdf", "figures/tiny/mine.pdf"),
    ],
)
def test_a_target_is_found_or_hinted_at_however_it_is_written(stored, target, hint):
    target = target.format(folder=stored.folder, store=stored.store)
    done = stored.snakemake(target, "--dry-run")
    assert (done.returncode == 0) == (hint is None)
    if hint is not None:
        line = f"{target}: nothing makes it with this configuration; did you mean {hint!r}?"
        assert done.stderr.splitlines()[-1] == line


def test_a_stopped_run_goes_on_with_an_empty_scratch(plain, tmp_path):
    project = Stored(tmp_path, "fs")
    script = project.folder / "workflow/scripts/simulate.py"
    original = script.read_text()
    script.write_text(original.replace("\n\nwith logged(", HELD, 1))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", RUN, *project.options]
    running = subprocess.Popen(
        [*command, "--configfile", "config/tiny.yaml"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not any(
        "iteration 2 of" in path.read_text() for path in project.scratch.rglob("trial_0.log")
    ):
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C
    assert running.wait(60) != 0
    checkpoint = project.folder / f"{RUN}.checkpoint"
    assert checkpoint.exists()
    assert not list(project.store.rglob("*.nc"))
    shutil.rmtree(project.scratch)  # as on another node
    script.write_text(original)
    assert project.make(RUN) == {"simulate": 1}
    (log,) = project.store.rglob("trial_0.log")
    assert "goes on from its checkpoint at iteration 2" in log.read_text()
    one, other = load(project.store / RUN), load(plain.folder / RUN)
    assert one.drop_attrs().identical(other.drop_attrs())
    assert not checkpoint.exists()


def test_a_job_that_fails_leaves_no_output(tmp_path):
    project = Stored(tmp_path, "fs")
    script = project.folder / "workflow/scripts/simulate.py"
    original = script.read_text()
    fails = '    raise __import__("mfgcore").MfgcoreError("on purpose")\n    needed ='
    script.write_text(original.replace("    needed =", fails, 1))
    done = project.snakemake(RUN)
    assert done.returncode != 0
    assert "mfgcore: error: on purpose" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(project.store.rglob("*.nc"))
    script.write_text(original)
    assert project.make(RUN) == {"simulate": 1}


@pytest.fixture
def bucket(monkeypatch):
    """A client of a server that stands for S3, where there is a bucket; and its address."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as server:
        try:
            deadline = time.monotonic() + 30
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.1)
            address = f"http://127.0.0.1:{port}"
            client = boto3.client("s3", endpoint_url=address)
            client.create_bucket(Bucket="runs")
            yield client, address
            client.close()
        finally:
            server.terminate()


def test_a_bucket_has_the_same_names_and_bits(bucket, plain, tmp_path):
    client, address = bucket
    replaced = {"s3://BUCKET": "s3://runs", "http://HOST:PORT": address}
    project = Stored(tmp_path, "s3", replaced)
    assert project.make(FIRST) == {"simulate": 1, "collect": 1, "plot": 1}
    project.make("figures/all")
    assert "Nothing to be done" in project.snakemake("figures/all").stderr
    kept = [each["Key"] for each in client.list_objects_v2(Bucket="runs")["Contents"]]
    figures = [name for name in kept if name.startswith("figures/")]
    assert len(figures) == 3 * 3 + 1
    for name in figures:
        content = client.get_object(Bucket="runs", Key=name)["Body"].read()
        if name.endswith("manifest.json"):
            one = json.loads(content)["figures_sha256"]
            assert one == json.loads((plain.folder / name).read_text())["figures_sha256"]
        else:
            assert content == (plain.folder / name).read_bytes(), name
