"""What a caller may want to tell apart from other refusals of a file."""

from driftloop.errors import UserError


class NoRowsError(UserError):
    """The file is a table, and has no rows."""
