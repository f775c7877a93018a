"""What is packed, and what is built from it; the same bits from kernels built for any processor."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from project import ROOT, tracked

SHIPPED = "mfgcore/pipeline/snakemake-workflow/"  # the workflow, in a wheel
RUN = """
import sys, mfgcore
from mfgcore import kernels
assert kernels.BUILD == "baseline", kernels.BUILD
for name in ("agree", "cluster"):
    experiment = mfgcore.Experiment(
        game=name, agents=10, iterations=12, transitions=300, replay_cycles=60,
        architecture="independent", failure_probability=0.2, policy_learning_rate=0.1,
    )
    dataset = mfgcore.simulate(experiment)
    mfgcore.save(dataset, f"{sys.argv[1]}/{name}.nc")
print(kernels.__file__)
"""


def python(*arguments, cwd, check=True, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=check,
    )


def git(*arguments, cwd):
    options = {"capture_output": True, "text": True, "check": True}
    return subprocess.run(("git", *arguments), cwd=cwd, **options).stdout


def run(output, package, **environment):
    output.mkdir()
    done = python("-c", RUN, output, cwd=output, PYTHONPATH=str(package), **environment)
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def sources():
    """The files of this tree, as text; what git does not know of is none of them."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is a source distribution, from which none is made")
    return {path.relative_to(ROOT).as_posix() for path in tracked()}


@pytest.fixture(scope="module")
def packed(sources, tmp_path_factory):
    """A folder with what the source distribution holds."""
    folder = tmp_path_factory.mktemp("tree")
    for name in sources:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    python("setup.py", "-q", "sdist", cwd=folder, MFGCORE_BUILDS="baseline")
    with tarfile.open(next((folder / "dist").glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return next((folder / "unpacked").iterdir())


@pytest.fixture(scope="module")
def native(packed, tmp_path_factory):
    """A wheel, unpacked, of the packed sources with kernels built by -march=native."""
    options = {"MFGCORE_BUILDS": "baseline", "MFGCORE_CFLAGS": "-march=native"}
    folder = tmp_path_factory.mktemp("site")
    python("setup.py", "-q", "bdist_wheel", "--dist-dir", folder, cwd=packed, **options)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def test_a_source_distribution_is_the_whole_tree(sources, packed):
    made = {"PKG-INFO", "setup.cfg"}
    found = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert {name for name in found if ".egg-info/" not in name} == sources | made


def test_a_wheel_holds_the_package_and_no_generated_code(sources, native):
    package = {name for name in sources if name.startswith("mfgcore/")}
    found = {
        path.relative_to(native).as_posix()
        for path in native.glob("mfgcore/**/*")
        if path.is_file()
    }
    found = {name for name in found if not name.endswith(".so")}
    workflow = {name for name in found if name.startswith(SHIPPED)}  # see test_wheel.py
    assert workflow and {name.removeprefix(SHIPPED) for name in workflow} < sources
    assert found - workflow == package


def test_a_native_build_gives_the_bits_of_the_baseline(native, tmp_path):
    assert run(tmp_path / "native", native).is_relative_to(native)
    run(tmp_path / "baseline", ROOT, MFGCORE_KERNELS="baseline")
    for name in ("agree", "cluster"):
        one, other = (
            xr.load_dataset(tmp_path / build / f"{name}.nc") for build in ("native", "baseline")
        )
        assert one.equals(other)
        assert np.isfinite(one["exact_return"][::2]).all()


def test_where_the_kernels_are_not_built_one_line_says_so(native, tmp_path):
    """In the sources' folder these are imported, whatever is installed."""
    unbuilt = tmp_path
    for path in tracked("mfgcore/*"):
        copied = unbuilt / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    done = python("-c", "import mfgcore", cwd=unbuilt, check=False, PYTHONPATH=str(native))
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: the kernels in {unbuilt / 'mfgcore'} are not built: run")


def test_the_commit_is_that_of_the_tree_that_holds_the_package(sources, native, tmp_path):
    say = "import mfgcore.runs.provenance; print(mfgcore.runs.provenance.commit())"
    here = python("-c", say, cwd=ROOT).stdout.strip()
    assert here.removesuffix("-dirty") == git("rev-parse", "HEAD", cwd=ROOT).strip()

    git("init", "-q", cwd=tmp_path)
    who = "-c", "user.name=somebody", "-c", "user.email=somebody@example.org"
    git(*who, "commit", "-q", "--allow-empty", "-m", "another project", cwd=tmp_path)
    shutil.copytree(native, tmp_path / "venv")
    elsewhere = {"PYTHONPATH": str(tmp_path / "venv")}
    assert python("-c", say, cwd=tmp_path, **elsewhere).stdout == "unknown\n"
    elsewhere["GIT_DIR"] = str(tmp_path / ".git")
    assert python("-c", say, cwd=tmp_path, **elsewhere).stdout == "unknown\n"


def test_a_source_distribution_has_tests_that_run(packed, native):
    """With kernels built in its folder; those that look at every other file, and a few others."""
    for built in native.rglob("*.so"):
        shutil.copy(built, packed / built.relative_to(native))
    arguments = (
        "-p",
        "no:cacheprovider",
        "tests/project/test_docs.py",
        "tests/base/test_registry.py",
    )
    done = python("-m", "pytest", *arguments, cwd=packed, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "[100%]" in done.stdout
