"""Accepted rows to frames."""
