"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class FakeClock:
    """Callable like `driftloop.clock.system_now`.

    >>> clock = FakeClock()
    >>> before = clock()
    >>> clock.advance(seconds=90)
    >>> (clock() - before).total_seconds()
    90.0
    """

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """The moment at which it stands."""
        return self._now

    def advance(self, **span: float) -> None:
        """Move on by `timedelta(**span)`."""
        self._now += timedelta(**span)
