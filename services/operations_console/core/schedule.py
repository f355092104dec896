"""Slots of a schedule: which one a moment belongs to, so that each is served at most once."""

from datetime import datetime, timedelta

from driftloop.spec.cron import next_after

_LOOKED_BACK = timedelta(days=366)


def last_slot(cron: str, now: datetime) -> datetime | None:
    """The newest moment up to `now` at which the schedule fires; None where none was within a year.

    >>> from datetime import UTC
    >>> last_slot("0 6 * * 1", datetime(2026, 11, 25, 12, tzinfo=UTC)).isoformat()
    '2026-11-23T06:00:00+00:00'
    """
    for back in (timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=63), _LOOKED_BACK):
        found, slot = None, next_after(cron, now - back)
        while slot is not None and slot <= now:
            found, slot = slot, next_after(cron, slot)
        if found is not None:
            return found
    return None


def slot_name(slot: datetime) -> str:
    """The slot in a file's name.

    >>> from datetime import UTC
    >>> slot_name(datetime(2026, 11, 23, 6, tzinfo=UTC))
    '2026-11-23T0600Z'
    """
    return f"{slot:%Y-%m-%dT%H%M}Z"
