"""Measures the package in a folder: ``python worker.py FOLDER``, with a measurement on each line.

It answers with CPU seconds for one unit of the work, or, to "peak memory", with bytes.
"""

import resource
import sys
import time

sys.path.insert(0, sys.argv[1])

from measurements import MEASUREMENTS

from mfgcore import kernels

assert kernels.__file__.startswith(sys.argv[1]), kernels.__file__

if __name__ == "__main__":
    prepared = {}
    for line in sys.stdin:
        name = line.strip()
        if name == "peak memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
            continue
        if name not in prepared:
            _, _, measurement, arguments = MEASUREMENTS[name]
            prepared[name] = measurement(kernels, *arguments)
            prepared[name][0]()
        call, units = prepared[name]
        start = time.process_time()
        call()
        print((time.process_time() - start) / units, flush=True)
