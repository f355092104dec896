"""The only place that reads the wall clock.

Cores never call this: they are handed `now`. Composition roots and the command line do.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the current moment, aware and in UTC."""


def system_now() -> datetime:
    """The wall clock's moment, aware and in UTC."""
    return datetime.now(UTC)  # noqa: TID251  (this is the one caller)
