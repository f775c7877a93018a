"""Readable twins of the compiled kernels: the oracles of the tests.

Plain loops over Python ints and floats; NumPy arrays serve as containers only. A twin takes the
arguments of its kernel and changes the same ones in place, so that a test can hand copies of one
set of arguments to both and compare everything. Bit for bit where the kernel promises bits (a
Python float is an IEEE double, and no product is ever fused with a sum), to a stated tolerance
where the twin goes another way (more digits, exact fractions).
"""
