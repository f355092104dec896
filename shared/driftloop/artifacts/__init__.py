"""Artifacts of versions: a folder a version, written whole or not at all, verified before use."""
