"""Measurements of the whole and of its parts, each against a named reference in the same run.

``python -m benchmarks.NAME [--quick]`` prints a table and writes nothing but temporary
files. Times depend on the machine and on what else it does: the ratios are what counts.
docs/benchmarks.md tells what was measured.
"""
