"""Every shipped game learned by every architecture, from the command line: a Markdown table.

The return has to rise above that of the first iteration, at which everybody moves at random, where
there is something to gain: in `EVEN` that is an equilibrium.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mfgcore.agents.architectures import ARCHITECTURES
from mfgcore.games import GAMES
from mfgcore.runs.datasets import load

EVEN = ("cluster", "four_rooms", "rock_paper_scissors")
OPTIONS = "--agents 50 --iterations 40 --no-sampled-exploitability --quiet"
LAST = 5  # iterations over which the return at the end is averaged
HEAD = ("game", "architecture", "return", "exact return", "exact exploitability", "missing", "s")


def run(name, architecture, output):
    """What a run measured, made by the command line; xarray.Dataset."""
    network = "complete" if GAMES[name]().distances is None else "radius"
    command = f"{sys.executable} -m mfgcore.cli run --game {name} --architecture {architecture} "
    command += f"--network {network} {OPTIONS} --output"
    subprocess.run([*command.split(), output], check=True, stdout=subprocess.DEVNULL)
    return load(output)


def row(dataset):
    """First and last values of the metrics, and iterations without exact ones; list of str."""
    due = dataset["iteration"].values % 2 == 0
    measured = np.isfinite(dataset["exact_exploitability"].values)
    cells = []
    for metric in ("discounted_return", "exact_return", "exact_exploitability"):
        values = dataset[metric].dropna("iteration").values
        cells.append(f"{values[0]:.3f} → {values[-1]:.3f}" if values.size else "-")
    return [*cells, f"{(due & ~measured).sum()} of {due.sum()}"]


def main():
    failed = []
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in GAMES:
            for architecture in ARCHITECTURES:
                started = time.monotonic()
                dataset = run(name, architecture, Path(folder) / "run.nc")
                seconds = f"{time.monotonic() - started:.0f}"
                cells = [name, architecture, *row(dataset), seconds]
                print("| " + " | ".join(cells) + " |", flush=True)
                returns = dataset["discounted_return"].values
                if name not in EVEN and not returns[-LAST:].mean() > returns[0]:
                    failed.append(f"{name}, {architecture}")
    print()
    print(f"FAIL the return does not rise: {'; '.join(failed)}" if failed else "ok   returns rise")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
