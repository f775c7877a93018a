"""Fingerprints of source files, so that no result and no compiled kernel is silently stale.

This module imports nothing of the package: ``setup.py`` runs it before there are kernels.
"""

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# Modules that only show results. Changing them makes no run out of date.
PRESENTATION = ("cli.py", "jobs.py", "plotting.py")


def _digest(files):
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _kernel_files():
    folder = PACKAGE / "kernels"
    return [*folder.glob("*.pyx"), *folder.glob("*.pxi")]


def kernel_fingerprint():
    """Fingerprint of the kernels' sources; None where only the compiled kernels are installed."""
    files = _kernel_files()
    return _digest(files) if files else None


def run_fingerprint():
    """Fingerprint of everything in the package that a run's numbers depend on.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    modules = [path for path in PACKAGE.rglob("*.py") if path.name not in PRESENTATION]
    return _digest([*modules, *_kernel_files()])


def presentation_fingerprint():
    """Fingerprint of the modules that only show results."""
    return _digest([PACKAGE / name for name in PRESENTATION])
