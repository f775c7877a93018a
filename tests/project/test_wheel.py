"""A wheel, installed where no clone is: it brings the workflow, and a study needs nothing else."""

import os
import shutil
import subprocess
import sys
import sysconfig
from zipfile import ZipFile

import pytest
from project import ROOT, job_counts, tracked

SHIPPED = "mfgcore/pipeline/snakemake-workflow/"
# as snakedeploy writes it, with the file in place of a repository
DEPLOYED = """\
configfile: "config/config.yaml"


module mfgcore:
    snakefile:
        {snakefile!r}
    config:
        config


use rule * from mfgcore
"""


def call(*command, folder):
    """What a command says that must succeed, where nothing leads to the clone; str."""
    apart = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    apart |= {"MFGCORE_BUILDS": "baseline", "MFGCORE_CFLAGS": "-O0"}  # compiled in seconds
    options = {"capture_output": True, "text": True, "check": False, "env": apart}
    done = subprocess.run(command, cwd=folder, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for path in tracked("*.py", "*.toml", "*.md", "LICENSE", "mfgcore/*", "workflow/*", "config/*"):
        copied = source / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    build = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", ".")
    call(*build, "--wheel-dir", "dist", folder=source)
    (made,) = (source / "dist").iterdir()
    return made


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The Python of an environment with this wheel, and with the packages of ours, not mfgcore."""
    environment = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", "--without-pip", ".", folder=environment)
    python = environment / "bin/python"
    install = (sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps")
    call(*install, "--no-index", wheel, folder=environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    ours = {sysconfig.get_path(each) for each in ("purelib", "platlib")}
    (packages / "ours.pth").write_text("\n".join(ours))
    return python


def test_a_wheel_has_the_files_of_the_workflow(wheel):
    files = tracked("workflow/*", "config/*.yaml")
    with ZipFile(wheel) as packed:
        shipped = {
            name.removeprefix(SHIPPED): packed.read(name)
            for name in packed.namelist()
            if name.startswith(SHIPPED)
        }
    assert shipped == {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files}


def test_a_study_needs_no_clone(python, tmp_path):
    call(python, "-m", "mfgcore.cli", "new", "lake", folder=tmp_path)
    study = tmp_path / "lake"
    assert str(ROOT) not in "".join(path.read_text() for path in study.iterdir())
    config = study / "config.yaml"  # the same, smaller
    text = config.read_text().replace("iterations: 60", "iterations: 2\n    transitions: 50")
    text = text.replace("replay_cycles: 100", "replay_cycles: 2").replace("trials: 3", "trials: 1")
    config.write_text(text)
    snakemake = (python, "-m", "snakemake", "--cores", "2", "figures/lake.png")
    counts = {"simulate": 3, "collect": 1, "plot": 1}
    assert counts.items() <= job_counts(call(*snakemake, "--dry-run", folder=study)).items()
    call(*snakemake, folder=study)
    assert (study / "figures/lake.png").stat().st_size > 0
    used = "import mfgcore; print(mfgcore.__file__)"
    assert call(python, "-c", used, folder=study).startswith(str(python.parents[1]))


def test_the_workflow_is_a_module_of_a_deployed_one(python, tmp_path):
    where = "from mfgcore.pipeline.init import shipped_workflow as w; print(w())"
    snakefile = call(python, "-c", where, folder=tmp_path).strip()
    for folder, text in [
        ("workflow/Snakefile", DEPLOYED.format(snakefile=snakefile)),
        ("config/config.yaml", "parameters: {iterations: 3}\n"),
    ]:
        (tmp_path / folder).parent.mkdir()
        (tmp_path / folder).write_text(text)
    said = call(python, "-m", "snakemake", "--dry-run", "figures/fig1.pdf", folder=tmp_path)
    assert job_counts(said)["plot"] == 1
