"""The workflow through a real SLURM and the shipped profile, faults included."""

import os
import re
import subprocess
import textwrap
import time

import pytest
from commands import CLUSTER, documented_commands
from project import ROOT, STEMS, Project, tiny_config

from mfgcore import load

from .conftest import ClusterProject

pytestmark = pytest.mark.slurm

# runs that wait in the middle until they are asked to stop, see HELD
SLOW = """\
output: {results: results/slow, figures: figures/slow}
parameters:
  grid_size: 4
  discount: 0.5
  transitions: 600
  steps_per_transition: 2
  replay_cycles: 100
  communication_rounds: 5
  improvement_iterations: 1
  evaluation_iterations: 1
factors: {architecture: [independent, networked]}
experiments:
  fig1: {agents: 20, iterations: 200, trials: 2}
"""
RUNS = ["networked/trial_0", "networked/trial_1", "independent/trial_0"]
ALONE = ("--group-components", "runs_of_seconds=1")
ON = "goes on from its checkpoint"
HELD = """\
    while k == 100 and checkpointer.asked is None:
        __import__("time").sleep(0.05)


with logged("""


def run_file(run):
    return f"results/slow/runs/fig1/{run}.nc"


def log_file(run):
    return f"results/slow/logs/simulate/fig1/{run}.log"


def minutes(limit):
    """The minutes of a time limit as SLURM writes it."""
    hours, minutes, _ = map(int, re.fullmatch(r"(\d+):(\d+):(\d+)", limit).groups())
    return 60 * hours + minutes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The slow runs without any cluster."""
    project = Project(tmp_path_factory.mktemp("undisturbed"))
    project.configure(SLOW)
    project.make(*map(run_file, RUNS))
    return project.folder


@pytest.fixture
def slow(project, undisturbed):
    project.configure(SLOW)
    project.undisturbed = undisturbed
    script = project.folder / "workflow/scripts/simulate.py"
    script.write_text(script.read_text().replace("\n\nwith logged(", HELD, 1))
    return project


def assert_undisturbed(project, *runs):
    """The runs were continued, and are those of a project that nothing disturbed."""
    for run in runs:
        assert ON in (project.folder / log_file(run)).read_text()
        one, other = load(project.folder / run_file(run)), load(project.undisturbed / run_file(run))
        assert one.drop_attrs().identical(other.drop_attrs())
        assert one.attrs["configuration"] == other.attrs["configuration"]
        left = [path.name for path in (project.folder / run_file(run)).parent.iterdir()]
        assert not [name for name in left if "checkpoint" in name or "partial" in name]


def state(project, number):
    (job,) = project.cluster.jobs(JobId=str(number))
    return job


def test_figures_are_those_of_a_local_run_to_the_bit(project, tmp_path_factory, summary):
    local = Project(tmp_path_factory.mktemp("local"))
    for each in (project, local):
        each.configure(tiny_config().replace("trials: 2", "trials: 1"))
    started = time.monotonic()
    project.start("figures/all")
    counts = local.make("figures/all", cores=1)  # meanwhile: this is the time of two tests
    code, text = project.finish()
    seconds = time.monotonic() - started
    assert code == 0, text[-5000:]
    for stem in STEMS:
        for file in (f"{stem}.pdf", f"{stem}.png", f"data/{stem}.csv"):
            name = f"figures/tiny/{file}"
            assert (project.folder / name).read_bytes() == (local.folder / name).read_bytes(), name
    # 18 runs and 6 references in one group of up to 24; collect and 3 plots of each of 6 figures
    assert counts["simulate"] == 18
    jobs = [state(project, number) for number in project.submissions()]
    assert len(jobs) == 1 + 6
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    # members go one after another: minutes are summed, cores and memory are not
    assert {job["NumCPUs"] for job in jobs} == {"1"}
    assert sorted(minutes(job["TimeLimit"]) for job in jobs) == [10 + 5 + 5 + 5] * 6 + [24 * 2]
    assert sorted(int(job["MinMemoryNode"].rstrip("M")) // 100 for job in jobs) == [3] + [10] * 6
    summary.append(
        f"{sum(counts.values())} jobs of six experiments in {len(jobs)} submissions, "
        f"{seconds:.0f} s; {3 * len(STEMS)} files of figures identical to the bit"
    )


def test_an_ablation_is_submitted_like_an_experiment(project, summary):
    project.make("figures/tiny/ablation_rounds.pdf")
    assert (project.folder / "figures/tiny/ablation_rounds.pdf").read_bytes().startswith(b"%PDF")
    # two runs of each of three values in one group; collect and plot in another
    jobs = [state(project, number) for number in project.submissions()]
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert len(jobs) == 2
    summary.append("an ablation of six runs in two submissions")


def test_a_failing_job_is_retried_and_then_named_with_its_log(project):
    script = project.folder / "workflow/scripts/simulate.py"
    original = script.read_text()
    # the first trial fails once, the second always
    script.write_text(
        "from pathlib import Path as P\n"
        'trial, before = snakemake.wildcards.trial, P("failed_before")\n'
        'if trial == "1" or not before.exists():\n'
        '    trial == "0" and before.touch()\n'
        "    raise RuntimeError(f'trial {trial} fails on purpose')\n" + original
    )
    runs = [f"results/tiny/runs/fig1/centralised/trial_{trial}.nc" for trial in (0, 1)]
    project.start(*runs, *ALONE, "--retries", "1")
    code, text = project.finish()
    assert code == 1
    assert len(project.submissions()) == 4
    assert text.count("Trying to restart job") == 2
    assert [(project.folder / name).exists() for name in runs] == [True, False]
    end = text.rpartition("Error in group")[2]
    assert "log: results/tiny/logs/simulate/fig1/centralised/trial_1.log" in end
    # SLURM's logs of failed jobs are kept, and named when they are submitted
    logs = sorted((project.folder / ".snakemake/slurm_logs").rglob("*.log"))
    assert sum("RuntimeError: trial 1 fails on purpose" in log.read_text() for log in logs) == 2
    assert all(str(log) in text for log in logs)

    script.write_text(original)
    project.make(*runs)
    assert all(load(project.folder / name) for name in runs)


def test_stopped_runs_go_on_and_change_no_bit(slow, summary):
    """One is cancelled, one requeued, and one preempted by a job of higher priority."""
    slow.start(*map(run_file, RUNS), *ALONE, "--default-resources", "slurm_partition=spare")
    for run in RUNS:
        slow.wait_for(log_file(run), "iteration 100 of")
    cancelled, requeued, preempted = slow.submissions()
    slow.cluster.call("scancel", str(cancelled))
    slow.cluster.call("scontrol", "requeue", str(requeued))
    slow.cluster.call("sbatch", "-p", "main", "-c", "4", "--wrap=sleep 1", "-o", "/dev/null")
    code, text = slow.finish()
    assert code == 0, text[-5000:]
    assert len(slow.submissions()) == 4
    assert text.count("Trying to restart job") == 1
    assert state(slow, cancelled)["JobState"] == "CANCELLED"
    for number in (requeued, preempted):
        assert int(state(slow, number)["Restarts"]) >= 1
    assert_undisturbed(slow, *RUNS)
    summary.append("scancel, scontrol requeue, preemption: 3 runs went on, 0 differing bits")


def test_a_killed_login_process_is_recovered_from(slow, summary):
    run = RUNS[0]
    slow.start(run_file(run))
    slow.wait_for(log_file(run), "iteration 100 of")
    slow.login.kill()
    slow.finish()
    (number,) = slow.submissions()
    assert state(slow, number)["JobState"] == "RUNNING"
    # the commands of docs/cluster.md
    run_id = re.search(r"SLURM run ID: (\S+)", slow.output.read_text())[1]
    slow.cluster.call("scancel", "--name", run_id)
    slow.cluster.wait(number, ["CANCELLED"])
    slow.start(run_file(run))
    code, text = slow.finish()
    assert code == 1
    assert "It can be removed with the --unlock argument" in text
    slow.make("--unlock")
    slow.make(run_file(run))
    assert_undisturbed(slow, run)
    summary.append("SIGKILL of the login process: recovered, 0 differing bits")


def test_nodes_need_only_their_own_scratch_and_a_store(project, tmp_path_factory, summary):
    """The lines of docs/cluster.md, in the profile."""
    pytest.importorskip("snakemake_storage_plugin_fs", reason="make test-storage installs it")
    text = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"(?m)^    default-storage-provider: .*\n(?:    \S+: .*\n)+", text)
    folder = tmp_path_factory.mktemp("apart")
    for name in ("archive", "scratch"):
        assert f"/{name}/mfg" in lines
        lines = lines.replace(f"/{name}/mfg", str(folder / name))
    profile = project.folder / "profiles/slurm/config.yaml"
    profile.write_text(profile.read_text() + textwrap.dedent(lines))
    project.make("figures/tiny/ablation_rounds.pdf")
    figure = folder / "archive/figures/tiny/ablation_rounds.pdf"
    assert figure.read_bytes().startswith(b"%PDF")
    assert not list(project.folder.glob("figures/**/*.*"))
    assert not list(project.folder.glob("results/**/*.*"))
    jobs = [state(project, number) for number in project.submissions()]
    assert [job["JobState"] for job in jobs] == ["COMPLETED"] * 2
    summary.append("an ablation whose files are in a store and in the scratch of the nodes")


def test_the_documented_commands_are_those_of_a_cluster(slow):
    """While a job runs, which is cancelled in the end."""
    run, texts = RUNS[0], [each.text for each in documented_commands() if each.program in CLUSTER]
    assert len(texts) > 10
    slow.start(run_file(run))
    slow.wait_for(log_file(run), "iteration 100 of")
    (job,) = slow.submissions()
    run_id = re.search(r"SLURM run ID: (\S+)", slow.output.read_text())[1]
    meant = {"RUN-ID": run_id, "JOB-ID": str(job), "NAME": "main"}
    meant |= {"results/paper": "results/slow", "tail -f": "tail"}  # which would not end
    for text in sorted(texts, key=lambda text: text.startswith("scancel")):
        for word, other in meant.items():
            text = text.replace(word, other)
        said = slow.cluster.call("bash", "-o", "pipefail", "-c", f"cd {slow.folder} && {text}")
        assert said.strip() or text.startswith("scancel"), text
    slow.finish()


def test_an_impossible_request_is_refused(project):
    runs = [f"results/tiny/runs/fig1/networked/trial_{trial}.nc" for trial in (0, 1)]
    for limit in ("limit_mb=200", "limit_minutes=1"):
        project.start(*runs, "--resources", limit)
        code, text = project.finish()
        assert code == 1
        (line,) = (line for line in text.splitlines() if line.startswith("configuration: "))
        assert line.startswith("configuration: fig1, centralised, trial 0: asks for ")
        assert line.endswith(f"more than {limit}")
        assert "Traceback" not in text
    # a group of twenty would ask for too many minutes: the runs go alone, and sbatch refuses them
    asked = ("--resources", "limit_minutes=39", "--set-resources", "simulate:mem_mb=99999")
    project.start(*runs, *asked, "--retries", "0")
    code, text = project.finish()
    assert code == 1
    assert text.count("Memory specification can not be satisfied") == 2
    assert project.submissions() == []


# in a run's script: from now on there is no room for anything, its log included
FILL = """
with open("filler", "wb", buffering=0) as filler:
    try:
        while filler.write(bytes(4096)):
            pass
    except OSError:
        pass
"""


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize(
    ("before", "expected"),
    [("", " MB are free, 5.8 MB are needed"), (FILL, "0.0 MB are free")],
)
def test_a_full_disk_is_one_line_and_nothing_half_written(
    before, expected, tmp_path, cluster, summary
):
    disk, run = tmp_path / "disk", "results/tiny/runs/fig1/networked/trial_0.nc"
    disk.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=4m", "mfgcore", disk), check=True)
    try:
        project = ClusterProject(disk, cluster)
        project.output = tmp_path / "snakemake.txt"
        if not before:
            text = tiny_config().replace("fig1: {agents: 6", "fig1: {agents: 9000")
            project.configure(text)
        script = disk / "workflow/scripts/simulate.py"
        script.write_text(before + script.read_text())
        project.start(run, *ALONE, "--retries", "0")
        code, said = project.finish()
        assert code == 1
        lines = {line.strip().removeprefix("mfgcore: ") for line in said.splitlines()}
        (line,) = (line for line in lines if line.startswith("error: "))
        assert expected in line
        assert "Traceback" not in said
        assert {path.suffix for path in disk.glob("results/**/*.*")} == {".log"}
        summary.append(f"a full disk: one line, {expected}")
    finally:
        subprocess.run(("umount", "--lazy", disk), check=True)
