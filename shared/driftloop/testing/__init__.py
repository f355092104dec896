"""Fakes that are products: they keep the promises of what they stand for, and tests hold them to it."""
