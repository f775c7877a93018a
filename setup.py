"""Builds the extensions; everything else about the package stands in pyproject.toml."""

import os
import platform
import runpy
import shlex

from Cython.Build import cythonize
from setuptools import Extension, setup

# -ffp-contract=off: without it a compiler may fuse a product and a sum on processors that can,
# and the results would differ in their last bits from those of processors that cannot.
# -fno-trapping-math, -fno-math-errno: nobody asks for exceptions and errno; changes no result.
COMMON = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
BUILDS = {"baseline": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    BUILDS["avx2"] = ["-mavx2"]
    BUILDS["avx512"] = [
        "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mprefer-vector-width=512",
    ]  # fmt: skip

if "MFGCORE_BUILDS" in os.environ:  # a test needs but one
    BUILDS = {name: BUILDS[name] for name in os.environ["MFGCORE_BUILDS"].split(",")}

fingerprint = runpy.run_path("mfgcore/fingerprint.py")["kernel_fingerprint"]()

extensions = [
    Extension(
        f"mfgcore.kernels._{name}",
        [f"mfgcore/kernels/_{name}.pyx"],
        define_macros=[("MFGCORE_FINGERPRINT", f'"{fingerprint}"')],
        extra_compile_args=COMMON + flags + shlex.split(os.environ.get("MFGCORE_CFLAGS", "")),
    )
    for name, flags in BUILDS.items()
]

setup(ext_modules=cythonize(extensions))
