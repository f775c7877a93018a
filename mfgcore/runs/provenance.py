"""Where and with what a file is made."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

from mfgcore import kernels

LIBRARIES = ("mfgcore", "numpy", "networkx", "xarray", "netCDF4")


def environment(made_by: str) -> dict[str, str]:
    """Versions, build, commit, host, processor and history of what a function makes; dict."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "history": f"{now}: {made_by} of mfgcore {versions['mfgcore']}",  # as CF has it
        "versions": json.dumps({"python": platform.python_version(), **versions}),
        "kernels": kernels.BUILD,
        "commit": commit(),
        "host": platform.node(),
        "processor": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str:
    """The commit of the tree that holds the package, with ``-dirty`` for uncommitted changes.

    ``unknown`` where the package is in no such tree: a virtual environment may well be inside
    another repository, whose commit says nothing of this code.
    """
    # GIT_DIR and the like, which hooks and `git rebase --exec` set, are of another repository
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*arguments):
        command = ("git", "--no-optional-locks", *arguments)
        options = {"capture_output": True, "text": True, "check": True, "timeout": 10}
        place = Path(__file__).parent
        return subprocess.run(command, cwd=place, env=own, **options).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)
        dirty = "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "HEAD") + dirty
    except (OSError, subprocess.SubprocessError):
        return "unknown"
