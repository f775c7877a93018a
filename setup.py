"""Builds the extensions, and takes the workflow into the wheel; else see pyproject.toml."""

import os
import platform
import runpy
import shlex
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

# What a study uses without a clone (mfgcore/pipeline/init.py), and where it is in the package.
WORKFLOW = (
    "config/*.yaml",
    "workflow/Snakefile",
    "workflow/report/*.rst",
    "workflow/rules/*.smk",
    "workflow/schemas/*.yaml",
    "workflow/scripts/*.py",
)
SHIPPED = "mfgcore/pipeline/snakemake-workflow"

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


class BuildWithWorkflow(build_py):
    """Copies the workflow beside the package's modules, but for an editable installation."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        for source, target in self.workflow_files().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)

    def workflow_files(self) -> dict[str, str]:
        """Map the files of the workflow to their copies."""
        if self.editable_mode:
            return {}
        files = [path for pattern in WORKFLOW for path in Path().glob(pattern)]
        return {str(path): str(Path(self.build_lib, SHIPPED, path)) for path in files}

    def get_outputs(self, include_bytecode: int = True) -> list[str]:
        """List what is built."""
        return [*super().get_outputs(include_bytecode), *self.workflow_files().values()]


setup(
    ext_modules=cythonize(extensions),
    cmdclass={"build_py": BuildWithWorkflow},
    options={"build_ext": {"parallel": True}},  # the compilers run side by side
)
