"""Benchmarks: detection measured beside its peers, every stream seeded."""
