"""Flipped bits in a run's file, a collected file and a checkpoint: none is accepted."""

import signal

import numpy as np
import pytest
from conftest import small

import mfgcore
from mfgcore import MfgcoreError
from mfgcore.batch.collect import load_current
from mfgcore.batch.design import Design
from mfgcore.runs import checkpoint
from mfgcore.runs.simulation import Simulation

pytestmark = pytest.mark.faults

FLIPS, SEED = 10_000, 11
RUNS = {(name, 0): small(architecture=name) for name in ("networked", "independent")}
FIRST = RUNS["networked", 0]
DESIGN = Design("bits", {"architecture": ["independent", "networked"]}, RUNS)
READERS = {
    "run.nc": mfgcore.load,
    "collected.nc": lambda path: load_current(path, DESIGN),
    "run.checkpoint": lambda path: checkpoint.restore(Simulation(FIRST), path),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("bits")
    paths = [folder / "run.nc", folder / "other.nc"]
    for run, path in zip(RUNS.values(), paths, strict=True):
        mfgcore.save(mfgcore.simulate(run), path)
    mfgcore.save(mfgcore.collect(paths, [*RUNS.values()]), folder / "collected.nc")
    checkpoint.save(Simulation(FIRST), folder / "run.checkpoint")
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
