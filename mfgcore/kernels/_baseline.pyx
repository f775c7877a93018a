# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The kernels, compiled for baseline. All builds hold the same source: kernels.pxi."""

include "kernels.pxi"
