"""Worlds that drift on purpose: what the demo runs on, and what tests are fed with."""
