"""Time kernels and iterations: beside Numba, or beside an earlier revision with --against REV.

Versions take turns, so that whatever else the machine does meets all of them. Times are medians
of CPU time, and a ratio is the median of the ratios of the turns.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measurements import MEASUREMENTS, TWINS
from mfgcore import kernels

try:
    from benchmarks import numba_kernels
except ModuleNotFoundError:
    numba_kernels = None

ROOT = Path(__file__).resolve().parents[1]


class Worker:
    """A process that measures the package in a folder, see worker.py, pinned to one core."""

    def __init__(self, folder):
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})

    def __call__(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def build(revision, folder):
    """Clone a revision and compile its kernels, with this environment and compiler; its folder."""
    clone = Path(folder) / "revision"
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["git", "clone", "--shared", ROOT, clone], **run)
    subprocess.run(["git", "checkout", "--quiet", "--detach", revision], cwd=clone, **run)
    builds = ",".join(sorted({"baseline", kernels.BUILD}))
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    subprocess.run(command, cwd=clone, env=os.environ | {"MFGCORE_BUILDS": builds}, **run)
    return clone


def row(name, unit, scale, turns):
    """Print the medians of two versions, of which the second may be missing, and their ratio."""
    text = f"{name:36}{unit:>14}"
    for values in zip(*turns, strict=True):
        text += f"{scale * statistics.median(values):>12.4g}"
    if len(turns[0]) == 2:
        text += f"{statistics.median(now / other for other, now in turns):>9.3f}"
    print(text, flush=True)


def compare_revision(revision, repeats):
    """Compare this tree with an earlier revision, in two processes."""
    with tempfile.TemporaryDirectory(prefix="mfgcore-") as folder:
        earlier = build(revision, folder)
        print(f"{'':50}{revision[:8]:>12}{'now':>12}{'ratio':>9}")
        with Worker(earlier) as before, Worker(ROOT) as now:
            for name, (unit, scale, *_) in MEASUREMENTS.items():
                row(name, unit, scale, [(before(name), now(name)) for _ in range(repeats)])
            row("peak memory", "GB", 1e-9, [(before("peak memory"), now("peak memory"))])


def compare_numba(repeats):
    """Compare the kernels with the same loops in Numba, if it is installed."""
    print(
        f"{'':50}" + (f"{'Numba':>12}{'now':>12}{'ratio':>9}" if numba_kernels else f"{'now':>12}")
    )
    for name, (unit, scale, measurement, arguments) in MEASUREMENTS.items():
        libraries = [kernels]
        if measurement in TWINS and numba_kernels:
            libraries.insert(0, numba_kernels)
        prepared = [measurement(library, *arguments) for library in libraries]
        for call, _ in prepared:
            call()
        row(name, unit, scale, [tuple(map(seconds, prepared)) for _ in range(repeats)])


def seconds(prepared):
    """CPU seconds for one unit of the work of a call."""
    call, units = prepared
    start = time.process_time()
    call()
    return (time.process_time() - start) / units


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="of each measurement")
    parser.add_argument("--against", metavar="REV", help="revision to compare with")
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {kernels.BUILD}")
    if arguments.against:
        compare_revision(arguments.against, arguments.repeats)
    else:
        compare_numba(arguments.repeats)


if __name__ == "__main__":
    main()
