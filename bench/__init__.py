"""Benchmarks of speed and of precision, for asv and for the scripts beside it."""
