"""Versions and what becomes of them; runs and their ends."""
