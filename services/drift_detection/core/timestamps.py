"""Milliseconds, which cores count in, and moments, which messages carry."""

from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def moment(milliseconds: int) -> datetime:
    """The time that is this many milliseconds after 1970.

    >>> moment(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return _BEGINNING + timedelta(milliseconds=milliseconds)
