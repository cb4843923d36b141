"""Benchmarks: `python -m benchmarks NAME` prints a table and, last, one line `ratio: X`.

Speeds are compared in turn, in one run, for the machine is never quiet.
"""
