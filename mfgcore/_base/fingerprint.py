"""Fingerprints of source files, so that no result and no compiled kernel is silently stale.

This module imports nothing of the package: ``setup.py`` runs it before there are kernels.
"""

import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ENDINGS = ("py", "pyx", "pxi", "html")
# Folders that decide what a run computes; tests/test_rooms.py compares them with what imports what.
OF_RUNS = ("_base", "kernels", "games", "meanfield", "experiment", "agents", "metrics", "runs")


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


def kernel_fingerprint() -> str | None:
    """Fingerprint of the kernels' sources; None where only the compiled kernels are installed."""
    files = _sources(PACKAGE / "kernels", "pyx", "pxi")
    return _digest(files) if files else None


@functools.cache
def run_fingerprint() -> str:
    """Fingerprint, when imported, of all in the package that a run's numbers depend on; str."""
    return fingerprint_of(*OF_RUNS)


def fingerprint_of(*folders: str) -> str:
    """Fingerprint of the sources in some folders of the package, such as ``plotting``; str."""
    return _digest({path for folder in folders for path in _sources(PACKAGE / folder, *ENDINGS)})


run_fingerprint()
