"""Fingerprints of source files, so that no result and no compiled kernel is silently stale.

This module imports nothing of the package: ``setup.py`` runs it before there are kernels.
"""

import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# Modules that decide what is run or show what came out. Changing them makes no run out of date.
OUTSIDE_RUNS = (
    "claims",
    "cli.py",
    "comparisons.py",
    "configuration.py",
    "cost.py",
    "drawing_style.py",
    "environment.py",
    "explorer.py",
    "generality.py",
    "generality_figures.py",
    "heat_map.py",
    "jobs.py",
    "layout.py",
    "ledger.py",
    "plotting.py",
    "readings.py",
    "readings_figures.py",
    "statistics.py",
    "sweep.py",
    "workers.py",
    "yaml_files.py",
)


def _digest(files):
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _sources(folder, *endings):
    """Files of a folder whose names can be imported; copies by editors and notebooks cannot."""
    paths = (path for ending in endings for path in folder.rglob(f"*.{ending}"))
    return {
        path
        for path in paths
        if all(part.isidentifier() for part in path.relative_to(PACKAGE).with_suffix("").parts)
    }


def _kernel_files():
    return _sources(PACKAGE / "kernels", "pyx", "pxi")


def kernel_fingerprint() -> str | None:
    """Fingerprint of the kernels' sources; None where only the compiled kernels are installed."""
    files = _kernel_files()
    return _digest(files) if files else None


@functools.cache
def run_fingerprint() -> str:
    """Fingerprint of everything in the package that a run's numbers depend on; str.

    It is that of the code that was imported, as it is taken first while that is done.
    """
    outside = {path for module in OUTSIDE_RUNS for path in _files(module)}
    return _digest(_sources(PACKAGE, "py") - outside | _kernel_files())


def _files(module):
    """The files of a module, or of a package."""
    path = PACKAGE / module
    return _sources(path, "py") if path.is_dir() else {path}


def shown_fingerprint(*modules: str) -> str:
    """Fingerprint of files and folders that show results, as ``plotting.py`` and ``claims``."""
    return _digest([path for module in modules for path in _files(module)])


run_fingerprint()
