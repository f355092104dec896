"""When a core wants to be called without records."""

from datetime import datetime, timedelta

_PUT_BACK = timedelta(seconds=1)
"""What a clock that is kept right by small steps does not go back by."""


class WakeTime:
    """The earliest wish that is open; where the clock was put back, it is due: the core states it anew by the new time.

    >>> from datetime import UTC
    >>> wake, noon = WakeTime(), datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> wake.ask(noon)
    >>> wake.due(noon), wake.patience(0.1, noon), wake.patience(0.1, noon.replace(hour=11))
    (True, 0.0, 0.1)
    >>> wake.due(noon.replace(hour=10))
    True
    """

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._latest: datetime | None = None

    def ask(self, at: datetime | None) -> None:
        """A wish, or none; an earlier one stands."""
        if at is not None:
            self._at = at if self._at is None else min(self._at, at)

    def set(self, at: datetime | None) -> None:
        """Replace the wish; None: there is none."""
        self._at = at

    def due(self, now: datetime) -> bool:
        """Whether the moment has come."""
        put_back = self._latest is not None and now < self._latest - _PUT_BACK
        self._latest = now
        if put_back and self._at is not None:
            self._at = now
        return self._at is not None and self._at <= now

    def patience(self, longest_s: float, now: datetime) -> float:
        """How many seconds a poll may wait: less than `longest_s` if a wish comes due earlier."""
        if self._at is None:
            return longest_s
        return min(longest_s, max(0.0, (self._at - now).total_seconds()))
