"""Closures beside a bare workflow that does nothing: `python -m benchmarks.floor`."""
