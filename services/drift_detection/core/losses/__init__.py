"""Losses of labelled rows: by version and segment, in blocks, and what they say of performance."""
