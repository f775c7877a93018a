import functools

import numpy as np

cimport cython
from cpython.buffer cimport (
    PyBUF_STRIDED_RO,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from libc.math cimport INFINITY, fabs, rint
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    /* unlike those of the C library these become one instruction; no argument is ever NaN */
    static inline double fmax_(double x, double y) { return x > y ? x : y; }
    static inline double fmin_(double x, double y) { return x < y ? x : y; }
    """
    double fmax "fmax_"(double x, double y) noexcept nogil
    double fmin "fmin_"(double x, double y) noexcept nogil


cdef struct Transition:
    uint16_t pair          # s_t * |A| + a_t
    uint16_t next_pair     # s_{t+1} * |A| + a_{t+1}
    float reward           # r_t + h(pi(s_t)); 8 bytes in all, which one instruction moves


TRANSITION = np.dtype([("pair", np.uint16), ("next_pair", np.uint16), ("reward", np.float32)])
include "checks.pxi"
include "streams.pxi"
include "elementary.pxi"
include "tables.pxi"
include "game_callbacks.pxi"
include "environment.pxi"
include "rewards.pxi"
include "reward_exchange.pxi"
include "transition_recorder.pxi"
include "stepping.pxi"
include "replay.pxi"
include "gossip.pxi"
include "mirror_ascent.pxi"
include "wide_numbers.pxi"
include "meanfield.pxi"


cdef extern from *:
    """
    #if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
    static int has_avx2(void) { return __builtin_cpu_supports("avx2"); }
    static int has_avx512(void) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    }
    #else
    static int has_avx2(void) { return 0; }
    static int has_avx512(void) { return 0; }
    #endif
    """
    bint has_avx2()
    bint has_avx512()


def processor_supports(build):
    """Whether this processor has the instructions of a build: baseline, avx2 or avx512."""
    return {"baseline": True, "avx2": has_avx2(), "avx512": has_avx512()}[build]


cdef extern from *:
    """
    #ifndef MFGCORE_FINGERPRINT
    #define MFGCORE_FINGERPRINT ""
    #endif
    """
    const char *MFGCORE_FINGERPRINT


def source_fingerprint():
    """Fingerprint of the sources from which this build was made."""
    return MFGCORE_FINGERPRINT.decode()
