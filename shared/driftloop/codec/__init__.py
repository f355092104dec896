"""Bytes to message and back; the content type of a record decides which codec reads it."""
