"""The same bits from kernels built for this very processor as from those built for any."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

ROOT = Path(__file__).parents[1]
RUN = """
import sys, mfgcore
from mfgcore import kernels
assert kernels.BUILD == "baseline", kernels.BUILD
for name in ("agree", "cluster"):
    experiment = mfgcore.Experiment(
        game=name, agents=10, iterations=12, transitions=300, replay_cycles=60,
        architecture="independent", failure_probability=0.2, policy_step_size=0.1,
    )
    dataset = mfgcore.simulate(experiment)
    mfgcore.save(dataset, f"{sys.argv[1]}/{name}.nc")
print(kernels.__file__)
"""


def run(output, package, **environment):
    output.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(output)],
        env=os.environ | {"PYTHONPATH": str(package)} | environment,
        cwd=output, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """The package with kernels built by -march=native."""
    folder = tmp_path_factory.mktemp("native")
    shutil.copytree(
        ROOT / "mfgcore", folder / "mfgcore",
        ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__"),
    )  # fmt: skip
    shutil.copy(ROOT / "setup.py", folder)
    subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        env=os.environ | {"MFGCORE_BUILDS": "baseline", "MFGCORE_CFLAGS": "-march=native"},
        cwd=folder, capture_output=True, timeout=600, check=True,
    )  # fmt: skip
    return folder


def test_a_native_build_gives_the_bits_of_the_baseline(native, tmp_path):
    assert run(tmp_path / "native", native).is_relative_to(native)
    run(tmp_path / "baseline", ROOT, MFGCORE_KERNELS="baseline")
    for name in ("agree", "cluster"):
        one, other = (
            xr.load_dataset(tmp_path / build / f"{name}.nc") for build in ("native", "baseline")
        )
        assert one.equals(other)
        assert np.isfinite(one["exact_return"][::2]).all()
