"""Compares this tree with an earlier revision, which is built apart: python -m benchmarks --against

Two processes, one for each, are pinned to one core and take turns, so that whatever else the
machine does meets both. A ratio is the median of those of the turns.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mfgcore import kernels

ROOT = Path(__file__).resolve().parents[1]
WORKER = Path(__file__).with_name("worker.py")

NS, STEP = ("ns/update", 1e9), ("ns/agent-step", 1e9)
# title: (measurement, (unit, scale), turns, at most, stretch)
RATIOS = {
    "TD replay, concentrated": ("replay concentrated", NS, 15, 0.78, 0.70),
    "TD replay, spread": ("replay spread", NS, 15, 0.88, 0.80),
    "stepping, one policy": ("stepping one", STEP, 25, 0.80, 0.60),
    "stepping, a policy each": ("stepping each", STEP, 25, 0.80, 0.60),
    "stepping, recording": ("stepping recording", STEP, 25, 0.80, 0.60),
    "sampled exploitability": ("exploitability", ("s", 1.0), 11, 0.75, 0.60),
    # the population spreads over the cells at first, and has gathered in a corner by k = 60
    "iteration 60, networked": ("iteration", ("s", 200.0), 5, 0.82, 0.72),
    "iteration 60, failures 0.5": ("iteration failures", ("s", 200.0), 5, 0.82, 0.72),
    "iteration 10, networked": ("early iteration", ("s", 200.0), 5, 0.82, 0.72),
    "iteration 10, failures 0.5": ("early iteration failures", ("s", 200.0), 5, 0.82, 0.72),
}


def build(revision, folder):
    """Clone a revision and compile its kernels, with this environment and compiler."""
    clone = folder / "revision"
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["git", "clone", "--shared", ROOT, clone], **run)
    subprocess.run(["git", "checkout", "--quiet", "--detach", revision], cwd=clone, **run)
    builds = ",".join(sorted({"baseline", kernels.BUILD}))
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    subprocess.run(command, cwd=clone, env=os.environ | {"MFGCORE_BUILDS": builds}, **run)
    return clone


class Worker:
    """A process that measures one revision."""

    def __init__(self, folder):
        command = [sys.executable, str(WORKER), str(folder)]
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


def once(folder, name):
    with Worker(folder) as worker:
        return worker(name)


def set_up_seconds(folder):
    """Wall clock of `make setup` in a fresh clone."""
    with tempfile.TemporaryDirectory() as clone:
        subprocess.run(
            ["git", "clone", "--quiet", folder, clone], check=True, stderr=subprocess.DEVNULL
        )
        start = time.perf_counter()
        subprocess.run(["make", "setup"], cwd=clone, check=True, capture_output=True)
        return time.perf_counter() - start


def row(title, before, now, ratio, unit, at_most, stretch):
    """Print a row and return it."""
    print(
        f"{title:36}{before:9.3g}{now:9.3g} {unit:16}{ratio:7.3f}{at_most:>9}{stretch:>9}",
        flush=True,
    )
    return dict(zip(("title", "before", "now", "ratio"), (title, before, now, ratio), strict=True))


def compare(revision):
    """Yield a row for every target: its title, both values and their ratio."""
    folder = Path(tempfile.mkdtemp(prefix="mfgcore-"))
    try:
        earlier = build(revision, folder)
        print(
            f"\n{'':36}{revision[:8]:>9}{'now':>9} {'':16}{'ratio':>7}{'at most':>9}{'stretch':>9}"
        )
        with Worker(earlier) as before, Worker(ROOT) as now:
            for title, (name, (unit, scale), turns, *targets) in RATIOS.items():
                pairs = [(before(name), now(name)) for _ in range(turns)]
                ratio = statistics.median(b / a for a, b in pairs)
                values = [scale * statistics.median(column) for column in zip(*pairs, strict=True)]
                yield row(title, *values, ratio, unit, *targets)
            costs = [
                worker("agent of 100,000")
                / statistics.median(worker("agent of 200") for _ in range(15))
                for worker in (before, now)
            ]
        print("what is now, not the ratio, is judged of the following")
        values = {
            "agent of 100,000 : agent of 200": (costs, "", 1.15, 1.05),
            "peak memory, 100,000 agents": (
                [once(place, "memory") / 1e9 for place in (earlier, ROOT)],
                "GB",
                4.0,
                2.5,
            ),
            "set-up from a fresh clone": (
                [set_up_seconds(place) for place in (earlier, ROOT)],
                "s",
                60,
                45,
            ),
        }
        for title, (both, *others) in values.items():
            yield row(title, *both, both[1] / both[0], *others)
    finally:
        shutil.rmtree(folder)
