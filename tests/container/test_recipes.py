"""The recipes of the container images, as far as they can be checked without building one."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from project import ROOT, tracked

FOLDER = "/usr/src/mfgcore"
DOCKER, APPTAINER = (
    (ROOT / "container" / name).read_text(encoding="utf-8")
    for name in ("Dockerfile", "mfgcore.def")
)


def copied_by_docker():
    found = {}
    for line in re.findall(r"(?m)^COPY (.*)$", DOCKER):
        *sources, target = line.split()
        for source in sources:
            found[source] = target + source if target.endswith("/") else target
    return found


def test_both_recipes_have_the_same_base_files_and_steps():
    digest = r"debian@sha256:[0-9a-f]{64}"
    assert re.findall(rf"(?m)^FROM ({digest})$", DOCKER) == re.findall(
        rf"(?m)^From: ({digest})$", APPTAINER
    )
    (files,) = re.findall(r"%files\n((?: +\S+ \S+\n)+)", APPTAINER)
    assert copied_by_docker() == dict(line.split() for line in files.splitlines())
    steps = f"cd {FOLDER} && container/steps"
    assert f"RUN {steps}\n" in DOCKER and f"%post\n    {steps}\n" in APPTAINER
    (environment,) = re.findall(r"(?m)^ENV (.*)$", DOCKER)
    assert f"%environment\n    export {environment}\n" in APPTAINER


def test_an_image_gets_all_that_a_wheel_is_made_of():
    copies = copied_by_docker()
    assert all(target == f"{FOLDER}/{source}" for source, target in copies.items())
    tops = {path.relative_to(ROOT).parts[0] for path in tracked("*")}
    assert copies.keys() <= tops
    assert {"LICENSE", "README.md", "config", "mfgcore", "pyproject.toml", "setup.py"} <= set(
        copies
    )


@pytest.mark.parametrize("change", [None, np.nextafter(1.0, 2.0), np.float32(1.0), "missing"])
def test_the_data_of_two_folders_are_compared_to_the_last_bit(change, tmp_path):
    for folder, value in (("one", 1.0), ("other", 1.0 if change is None else change)):
        path = tmp_path / folder / "runs/a.nc"
        path.parent.mkdir(parents=True)
        if value != "missing":
            xr.Dataset(
                {"x": ("n", np.array([value, np.nan]).astype(np.asarray(value).dtype))}
            ).to_netcdf(path)
    script = Path(ROOT, "tests/container/same.py")
    command = [sys.executable, script, tmp_path / "one", tmp_path / "other"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == (change is not None), done.stderr
    assert change is None or done.stderr.count("\n") == 1
