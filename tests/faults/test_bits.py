"""Flipped bits in a run's file, a collected file and a checkpoint: none is accepted."""

import signal

import numpy as np
import pytest
from conftest import small

import mfgcore
from mfgcore import MfgcoreError
from mfgcore.batch.collect import load_collected
from mfgcore.runs import checkpoint
from mfgcore.runs.simulation import Simulation

pytestmark = pytest.mark.faults

FLIPS, SEED = 10_000, 11
RUNS = [small(architecture=name) for name in ("networked", "independent")]
READERS = {
    "run.nc": mfgcore.load,
    "collected.nc": lambda path: load_collected(path, [RUNS]),
    "run.checkpoint": lambda path: checkpoint.restore(Simulation(RUNS[0]), path),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("bits")
    paths = [folder / "run.nc", folder / "other.nc"]
    for run, path in zip(RUNS, paths, strict=True):
        mfgcore.save(mfgcore.simulate(run), path)
    mfgcore.save(mfgcore.collect(paths, RUNS), folder / "collected.nc")
    checkpoint.save(Simulation(RUNS[0]), folder / "run.checkpoint")
    return folder


@pytest.mark.parametrize("name", READERS)
def test_no_flipped_bit_is_accepted(folder, name):
    path, read = folder / name, READERS[name]
    read(path)
    content = path.read_bytes()
    for bit in np.random.default_rng(SEED).integers(8 * len(content), size=FLIPS):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        signal.alarm(10)  # what hangs ends the tests
        with pytest.raises(MfgcoreError, match=r"checksum[^\n]*$"):
            read(path)
        signal.alarm(0)
    path.write_bytes(content)
    read(path)
