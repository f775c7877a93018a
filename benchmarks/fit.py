"""Fits the cost model to runs that were made: the seconds of each unit of work.

python -m benchmarks.fit results/paper/runs results/preview/runs
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from mfgcore import load
from mfgcore.batch import cost
from mfgcore.experiment.experiment import make_experiment
from mfgcore.runs.datasets import configuration

UNSEEN = ("run", "entry, written", "entry, compressed")
KEPT = 0.1  # weight of a unit's present value, relative to that of a run


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of run files")
    paths = [path for folder in parser.parse_args().folders for path in folder.rglob("*.nc")]
    amounts, seconds = [], []
    for path in paths:
        dataset = load(path)
        amounts.append(list(cost.work(make_experiment(**configuration(dataset))).values()))
        seconds.append(dataset.attrs["cpu_seconds"])
    amounts, seconds = np.array(amounts), np.array(seconds)
    # a run's start and the writing of its file are not in its own account of seconds
    used = amounts.any(axis=0) & ~np.isin(list(cost.SECONDS), UNSEEN)
    present = np.array(list(cost.SECONDS.values()))[used]
    # relative errors count; what the runs do not tell apart stays near what it is in the model
    shares = np.vstack((amounts[:, used] * present / seconds[:, None], KEPT * np.eye(used.sum())))
    fitted = present * nnls(shares, np.r_[np.ones(len(paths)), np.full(used.sum(), KEPT)])[0]
    print(f"{len(paths)} runs, {seconds.sum():.0f} CPU seconds")
    for unit, value in zip(np.array(list(cost.SECONDS))[used], fitted, strict=True):
        print(f"  {unit:28} {value:.3g} s, in the model {cost.SECONDS[unit]:.3g} s")
    off = amounts[:, used] @ fitted / seconds - 1.0
    print(f"  fitted over measured: {off.min():+.0%} to {off.max():+.0%}")
    modelled = amounts[:, used] @ np.array(list(cost.SECONDS.values()))[used]
    print(f"  all runs, model over measured: {modelled.sum() / seconds.sum() - 1.0:+.1%}")


if __name__ == "__main__":
    main()
