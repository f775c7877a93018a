"""How fast kernels and iterations are: ``python -m benchmarks``."""
