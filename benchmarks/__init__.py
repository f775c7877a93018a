"""How fast the kernels are, beside NumPy and Numba doing the same: ``python -m benchmarks``."""
