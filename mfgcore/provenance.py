"""Where and with what a file is made."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

from mfgcore import kernels

LIBRARIES = ("mfgcore", "numpy", "networkx", "xarray", "netCDF4")


def environment():
    """Versions, build, commit, host and processor.

    Returns
    -------
    dict of str to str
    """
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "versions": json.dumps({"python": platform.python_version(), **versions}),
        "kernels": kernels.BUILD,
        "commit": commit(),
        "host": platform.node(),
        "processor": f"{platform.system()} {platform.machine()}",
    }


def commit():
    """The commit of the source tree, with ``-dirty`` for uncommitted changes, or ``unknown``."""

    def git(*arguments):
        command = ("git", "--no-optional-locks", *arguments)
        options = {"capture_output": True, "text": True, "check": True, "timeout": 10}
        return subprocess.run(command, cwd=Path(__file__).parent, **options).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + (
            "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
