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
# -g0: without what a debugger needs it compiles in two thirds of the time.
COMMON = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-g0"]
BUILDS = {"baseline": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    BUILDS["avx2"] = ["-mavx2"]
    # vectors of 512 bits, not the compiler's cautious 256: draws of shuffles take half as long
    BUILDS["avx512"] = [f"-mavx512{part}" for part in ("f", "bw", "vl", "dq")]
    BUILDS["avx512"].append("-mprefer-vector-width=512")

if "MFGCORE_BUILDS" in os.environ:  # a test needs but one
    BUILDS = {name: BUILDS[name] for name in os.environ["MFGCORE_BUILDS"].split(",")}

fingerprint = runpy.run_path("mfgcore/_base/fingerprint.py")["kernel_fingerprint"]()

extensions = [
    Extension(
        f"mfgcore.kernels._{name}",
        [f"mfgcore/kernels/_{name}.pyx"],
        define_macros=[("MFGCORE_FINGERPRINT", f'"{fingerprint}"')],
        extra_compile_args=COMMON + flags + shlex.split(os.environ.get("MFGCORE_CFLAGS", "")),
    )
    for name, flags in BUILDS.items()
]

# parallel: the compilers run side by side
setup(ext_modules=cythonize(extensions), options={"build_ext": {"parallel": True}})
