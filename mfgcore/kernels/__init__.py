"""The compiled loops: stepping, TD replay, policy mirror ascent, gossip, mean fields, streams.

One source is compiled for several generations of processors (``setup.py``); the fastest one that
this processor can run is taken at import. All of them give the same bits. The environment
variable ``MFGCORE_KERNELS`` (baseline, avx2 or avx512) asks for another one.
"""

import importlib
import os
from types import ModuleType

from mfgcore._base.fingerprint import PACKAGE, kernel_fingerprint

try:
    _baseline = importlib.import_module("mfgcore.kernels._baseline")
except ModuleNotFoundError:
    raise ImportError(
        f"the kernels in {PACKAGE} are not built: run 'make setup' in its folder, or leave that "
        "folder to use an mfgcore that is installed elsewhere"
    ) from None

BUILDS = ("avx512", "avx2", "baseline")  # in order of preference


def available_builds() -> dict[str, ModuleType]:
    """Builds that exist here and that this processor can run, the preferred one first.

    Returns
    -------
    dict of str to module
    """
    builds = {}
    for name in BUILDS:
        if _baseline.processor_supports(name):
            try:
                builds[name] = importlib.import_module(f"mfgcore.kernels._{name}")
            except ModuleNotFoundError:  # a compiler for another architecture builds only baseline
                continue
    return builds


def _choose():
    builds = available_builds()
    wanted = os.environ.get("MFGCORE_KERNELS") or next(iter(builds))
    if wanted not in builds:
        raise ImportError(
            f"MFGCORE_KERNELS is {wanted!r}; this machine can use: {', '.join(builds)}"
        )
    return wanted, builds[wanted]


BUILD, _chosen = _choose()
if kernel_fingerprint() not in (None, _chosen.source_fingerprint()):
    raise ImportError("the kernels were built from other sources than these; run 'make setup'")


def __getattr__(name):
    """The kernels themselves: those of the chosen build."""
    return getattr(_chosen, name)
