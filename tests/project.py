"""What belongs to the project, and a copy of its workflow with a tiny configuration."""

import functools
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from mfgcore.pipeline import init as new
from mfgcore.pipeline.yaml_files import read_yaml

ROOT = Path(__file__).parents[1]
CONFIG = """\
# a tiny configuration
output: {results: results/tiny, figures: figures/tiny}
scaling: {agents: [5, 10], threads: [1, 2], threads_agents: 10}
equilibria: {games: [beach_bar], garnets: 1, agents: [2, 5], trials: 3, iterations: 5}
parameters:
  grid_size: 4
  discount: 0.5
  transitions: 60
  steps_per_transition: 2
  replay_cycles: 3
  communication_rounds: 5
  improvement_iterations: 1
  evaluation_iterations: 1
ablations:
  trials: 1
  parameters: {agents: 4, iterations: 3, transitions: 600}
  experiments:
    radius: {factors: {communication_radius: [0.2, 1.0]}}
    rounds: {factors: {communication_rounds: [1, 5, 300]}}
"""
GROWING = {"fig3", "fig4", "fig6"}
STUDIES = ("radius", "rounds")
NAMES = [f"fig{number}" for number in range(1, 7)]
STEMS = [stem for name in NAMES for stem in (name, f"{name}_exact", f"{name}_mean_field")]


@functools.cache
def tracked(*patterns):
    """The project's files, or those of some names; what lies beside them is the user's.

    They are those that git knows, or where there is no git, those that were packed.
    """
    packed = ROOT / "mfgcore.egg-info/SOURCES.txt"
    if (ROOT / ".git").exists():
        command = ["git", "-C", ROOT, "ls-files", "-z"]
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        names = names.split("\0")
    else:
        names = packed.read_text(encoding="utf-8").splitlines()
    return [
        ROOT / name
        for name in sorted(filter(None, names))
        if (ROOT / name).is_file() and any(fnmatch(name, each) for each in patterns or "*")
    ]


@functools.cache
def left_out():
    """The shipped ablations that the tiny configuration leaves out."""
    studies = read_yaml(ROOT / "config/ablations.yaml")["ablations"]["experiments"]
    return "".join(f"    {name}: null\n" for name in studies if name not in STUDIES)


def tiny_config(**parameters):
    text = CONFIG + left_out() + "experiments:\n"
    for name in NAMES:
        more = ", final_agents: 9, population_change_at: 2" if name in GROWING else ""
        text += f"  {name}: {{agents: 6, iterations: 4, trials: 2{more}}}\n"
    for key, value in parameters.items():
        text, found = re.subn(rf"(?m)^(  {key}: ).*$", rf"\g<1>{value}", text)
        if not found:
            text = text.replace("\nparameters:\n", f"\nparameters:\n  {key}: {value}\n")
    return text


def job_counts(text):
    """How often snakemake says that it uses each rule."""
    table = text.partition("Job stats:")[2].partition("\n\n")[0]
    return {
        rule: int(count)
        for rule, count in re.findall(r"(?m)^(\S+) +(\d+)$", table)
        if rule not in ("total", "job")
    }


def documented(language):
    """The code of a language that docs/extending.md shows; list of str."""
    text = (ROOT / "docs/extending.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


# processes in which what takes two thirds of the time of a short call is imported
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["snakemake.cli", "mfgcore.pipeline.configuration", "mfgcore.batch.cost"]
)


def call(arguments, folder, environment, outputs):
    """Do what ``python -m snakemake`` does in a folder, and keep what it says in two files."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.stdout, sys.stderr = (open(each, "w", closefd=False) for each in (1, 2))  # noqa: SIM115
    sys.path.insert(0, str(folder))
    from snakemake import cli

    sys.argv = [str(Path(cli.__file__).with_name("__main__.py")), *arguments]
    cli.main()


class Project:
    """A copy of the workflow with the tiny configuration, or a user's workflow as a module of it.

    Parameters
    ----------
    folder : Path
    module : Path, optional
        The Snakefile of the workflow to use.
    """

    def __init__(self, folder, module=None):
        self.folder = folder
        if module is None:
            for path in tracked("workflow/*", "config/*", "profiles/*", "Snakefile"):
                copied = folder / path.relative_to(ROOT)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copied)
        else:
            (folder / "config").mkdir()
            text = (
                (new.TEMPLATE / "Snakefile").read_text().replace("config.yaml", "config/tiny.yaml")
            )
            (folder / "Snakefile").write_text(text.replace(new.WORKFLOW, repr(str(module))))
        self.configure(tiny_config())

    def configure(self, text):
        (self.folder / "config/tiny.yaml").write_text(text)

    def snakemake(self, *arguments, cores=2):
        options = ["--cores", str(cores), "--nocolor", "--configfile", "config/tiny.yaml"]
        with tempfile.TemporaryDirectory() as said:
            paths = [Path(said, name) for name in ("stdout", "stderr")]
            process = SERVER.Process(
                target=call, args=([*arguments, *options], self.folder, dict(os.environ), paths)
            )
            process.start()
            process.join(timeout=600)
            process.kill()
            texts = (path.read_text(encoding="utf-8") for path in paths)
            return subprocess.CompletedProcess(arguments, process.exitcode, *texts)

    def make(self, *arguments, **options):
        """Run snakemake and return how often each rule was used."""
        done = self.snakemake(*arguments, **options)
        assert done.returncode == 0, done.stderr[-3000:]
        return job_counts(done.stderr)

    def would_make(self):
        """What a dry run would do, by rule, and its whole output."""
        done = self.snakemake("figures/all", "--dry-run")
        assert done.returncode == 0, done.stderr[-3000:]
        text = done.stdout + done.stderr
        return job_counts(text), text
