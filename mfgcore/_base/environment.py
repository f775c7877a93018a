"""What keeps the packages that this one needs from working, said before they are imported.

This module is imported first. ``make setup`` runs it as a script before it installs anything.
"""

import importlib.metadata
import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# x86-64-v2: what NumPy uses from version 2.4 on without asking; Python would end by SIGILL
INSTRUCTIONS = {"pni", "ssse3", "sse4_1", "sse4_2", "popcnt"}
# what runs, figures and workflow import
_NEEDED = """
numpy scipy pandas xarray netCDF4 cftime networkx jsonschema attr attrs cloudpickle referencing rpds
yaml tqdm typing_extensions dateutil packaging matplotlib seaborn PIL contourpy kiwisolver plotly
snakemake
"""
NEEDED = _NEEDED.split()


def unfit_processor(cpuinfo: Path = CPUINFO) -> str | None:
    """What the processor lacks, in one line; None if nothing is known to be missing."""
    try:
        with cpuinfo.open("rb", buffering=0) as file:
            lines = file.read(4096).decode("ascii", "replace").split("\n")
    except OSError:
        return None
    for line in lines[:-1]:  # the last one may be cut short
        key, _, value = line.partition(":")
        if key.strip() == "flags":  # only an x86 has these
            missing = sorted(INSTRUCTIONS.difference(value.split()))
            text = f"this processor lacks {', '.join(missing)} of x86-64-v2, which NumPy needs"
            return f"{text}: use a machine made after 2010" if missing else None
    return None


def hidden_package(paths: list[str], own: list[str]) -> str | None:
    """Which package of the environment's own folders is hidden by one elsewhere, in one line."""
    for name in NEEDED:
        specs = [PathFinder.find_spec(name, folders) for folders in (paths, own)]
        found, kept = (spec and spec.origin for spec in specs)
        if found and kept and not Path(found).samefile(kept):
            return f"PYTHONPATH hides this environment's {name} by {found}: unset PYTHONPATH"
    return None


def require(extra: str) -> None:
    """Check that the packages of an extra of pyproject.toml are installed, or raise ImportError."""
    for line in importlib.metadata.requires("mfgcore") or ():
        requirement, _, marker = line.partition(";")
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if marker.strip() == f'extra == "{extra}"':
            try:
                importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                line = f"{name} is not installed: pip install 'mfgcore[{extra}]'"
                raise ImportError(line) from None


def check() -> None:
    """Raise ImportError, of one line, where what is imported next would not work."""
    if Path((sys.argv or [""])[0]).name == "mfgcore":
        sys.excepthook = _show
    fault = "numpy" not in sys.modules and unfit_processor()
    paths = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    if not fault and paths and sys.prefix != sys.base_prefix:
        own = [path for path in sys.path if Path(path).is_relative_to(sys.prefix)]
        fault = hidden_package(paths.split(os.pathsep), own)
    if fault:
        raise ImportError(fault)


def _show(kind, error, trace):
    if issubclass(kind, ImportError):
        print(f"mfgcore: error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


if __name__ == "__main__":
    sys.exit(unfit_processor())
check()
