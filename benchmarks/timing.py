"""Measuring several versions of one piece of work side by side."""

import os
import platform
import shlex
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np

from mfgcore import kernels


def seconds(versions, repeats):
    """Median, least and number of the times of each version.

    The versions take turns, so that whatever else the machine does meets all of them; each runs
    once before, which is not counted.

    Parameters
    ----------
    versions : dict of str to callable
    repeats : int

    Returns
    -------
    dict of str to dict
    """
    for run in versions.values():
        run()
    times = {name: [] for name in versions}
    for _ in range(repeats):
        for name, run in versions.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {
        name: {"median": statistics.median(values), "least": min(values), "repeats": repeats}
        for name, values in times.items()
    }


def machine():
    """What the measurements depend on."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), cpu)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    try:
        answer = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
        compiler = answer.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        compiler += " (not found)"
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "compiler": compiler,
        "build": kernels.BUILD,
        "builds": list(kernels.available_builds()),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }
