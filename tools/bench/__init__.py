"""Benchmarks with goals, and the report that they produce: `make bench`."""
