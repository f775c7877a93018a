"""What surrounds the package: processor, PYTHONPATH, a folder that was moved, a user's files."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from project import ROOT

from mfgcore._base import environment, fingerprint

CORE_2 = "flags\t\t: fpu sse sse2 ht lm rep_good pni ssse3 cx16 sse4_1 lahf_lm\n"
NEHALEM = CORE_2.replace("sse4_1", "sse4_1 sse4_2 popcnt")
HEAD = "processor\t: 0\nvendor_id\t: GenuineIntel\n"


@pytest.mark.parametrize(
    ("cpuinfo", "missing"),
    [
        (HEAD + NEHALEM, None),
        (HEAD + CORE_2, "popcnt, sse4_2"),
        ("flags\t\t: fpu sse2\n", "pni, popcnt, sse4_1, sse4_2, ssse3"),
        (HEAD + "x" * 3900 + "\n" + NEHALEM * 9, None),
        (HEAD + "x" * 4000 + "\n" + NEHALEM, None),  # cut in what would tell
        (HEAD + "flags\t\t: fpu sse2", None),
        ("processor\t: 0\nFeatures\t: fp asimd evtstrm\nCPU implementer\t: 0x41\n", None),
        ("", None),
        (None, None),
    ],
)
def test_a_processor_that_numpy_cannot_use_is_named(tmp_path, cpuinfo, missing):
    path = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        path.write_text(cpuinfo)
    found = environment.unfit_processor(path)
    assert found is None if missing is None else found.startswith(f"this processor lacks {missing}")


def test_this_processor_is_fit():
    assert environment.unfit_processor() is None


def test_what_is_needed_is_all_that_the_package_depends_on():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["plot"]
    plain = {re.match(r"[\w.-]+", line)[0] for line in requirements}
    distributions = metadata.packages_distributions()
    looked_for = {each.lower() for name in environment.NEEDED for each in distributions[name]}
    assert plain <= looked_for


@pytest.fixture
def folders(tmp_path):
    """A foreign folder of packages, and the environment's own."""
    for name in ("foreign", "own"):
        (tmp_path / name).mkdir()
    (tmp_path / "own/xarray").mkdir()
    (tmp_path / "own/xarray/__init__.py").touch()
    return tmp_path / "foreign", tmp_path / "own"


@pytest.mark.parametrize("path", ["xarray.py", "xarray/__init__.py"])
def test_a_package_that_is_hidden_is_named(folders, path):
    foreign, own = folders
    (foreign / path).parent.mkdir(exist_ok=True)
    (foreign / path).touch()
    expected = f"PYTHONPATH hides this environment's xarray by {foreign / path}: unset PYTHONPATH"
    assert environment.hidden_package([str(foreign)], [str(own)]) == expected


@pytest.mark.parametrize("path", ["numpy.py", "mine.py", "xarray/no_package", "xarray.txt"])
def test_what_hides_nothing_is_no_matter(folders, path):
    foreign, own = folders
    (foreign / path).parent.mkdir(exist_ok=True)
    (foreign / path).touch()
    assert environment.hidden_package([str(foreign)], [str(own)]) is None
    assert environment.hidden_package([str(own), str(foreign), "gone", ""], [str(own)]) is None


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="this is no environment of its own")
def test_the_package_and_its_command_say_so_in_one_line(tmp_path):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('of another Python')\n")

    def call(*arguments, path=tmp_path):
        paths = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, path)))}
        options = {"capture_output": True, "text": True, "check": False}
        return subprocess.run(arguments, env=os.environ | paths, cwd=tmp_path, **options)

    line = f"PYTHONPATH hides this environment's numpy by {tmp_path / 'numpy.py'}: unset PYTHONPATH"
    imported = call(sys.executable, "-c", "import mfgcore")
    assert imported.returncode == 1
    assert imported.stderr.splitlines()[-1] == f"ImportError: {line}"
    command = call(Path(sys.executable).with_name("mfgcore"), "games")
    assert (command.returncode, command.stderr) == (1, f"mfgcore: error: {line}\n")


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_a_folder_that_was_moved_and_a_python_that_is_gone_are_noticed(tmp_path):
    folder = tmp_path / "a clone"
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("Makefile", "setup.py", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (programs / "python").symlink_to(sys.executable)
    stamp = folder / ".venv/.done"
    stamp.write_text(f"{sys.version_info[0]} {sys.version_info[1]} {folder}\n")

    def noticed(folder, target):
        made = subprocess.run(
            ["make", "--dry-run", "--no-print-directory", target],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            env={name: value for name, value in os.environ.items() if "MAKE" not in name},
        )
        return "made in another folder or by another Python" in made.stdout

    assert not noticed(folder, "setup")
    moved = folder.rename(tmp_path / "moved")
    assert noticed(moved, "setup") and noticed(moved, "lint")
    folder = moved.rename(folder)
    assert not noticed(folder, "lint")
    stamp.write_text(f"3 1 {folder}\n")
    assert noticed(folder, "test")
    stamp.write_text("")  # by an earlier Makefile
    assert not noticed(folder, "setup")
    stamp.write_text(f"{sys.version_info[0]} {sys.version_info[1]} {folder}\n")
    (programs / "python").unlink()
    assert noticed(folder, "figures")


def test_copies_by_editors_and_notebooks_are_no_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    (tmp_path / "kernels").mkdir()
    (tmp_path / "games").mkdir()
    for name in ("games/grid.py", "kernels/steps.pyx"):
        (tmp_path / name).write_text("1")
    before = fingerprint.run_fingerprint.__wrapped__(), fingerprint.kernel_fingerprint()
    (tmp_path / "games/.ipynb_checkpoints").mkdir()
    (tmp_path / "games/.#games.py").symlink_to("somebody@somewhere.17")  # while Emacs edits it
    for name in (
        "games/.ipynb_checkpoints/grid.py",
        "games/a (copy).py",
        "games/#a.py#",
        "kernels/.a.pyx",
    ):
        (tmp_path / name).write_text("2")
    assert before == (fingerprint.run_fingerprint.__wrapped__(), fingerprint.kernel_fingerprint())
    (tmp_path / "games/other.py").write_text("2")
    assert before[0] != fingerprint.run_fingerprint.__wrapped__()
