"""The Delta table of labelled rows: its schema, and how to read the newest of a model's."""

from driftloop.archive.reading import archived_until, read_rows
from driftloop.archive.rows import ArchivedRows

__all__ = ["ArchivedRows", "archived_until", "read_rows"]
