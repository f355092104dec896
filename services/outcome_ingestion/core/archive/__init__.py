"""Frames to rows of the training table."""
