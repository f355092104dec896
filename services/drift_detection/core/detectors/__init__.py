"""Detectors: each sees one loss at a time and says when the losses rose."""
