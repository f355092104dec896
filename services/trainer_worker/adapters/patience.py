"""Waits for an artifact store that is away: it is asked again, and what waits is shown."""

import time
from collections.abc import Callable
from typing import TypeVar

from driftloop.artifacts.store import StoreAwayError

T = TypeVar("T")
SECONDS = 20.0
"""So long a store is asked again: well under what makes a loop look stuck. Then the process ends, with a sentence,
and whoever starts it again begins where it was."""
_AGAIN_SECONDS = 0.5


def patiently(ask: Callable[[], T], away: Callable[[int], object], *, seconds: float = SECONDS) -> T:
    """What `ask` gives, once the store answers; `away` is told 1 while it is waited for, and 0.

    Raises `StoreAwayError` after `seconds`, and whatever else `ask` raises at once.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = ask()
        except StoreAwayError:
            away(1)
            if time.monotonic() + _AGAIN_SECONDS > deadline:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            away(0)
            return found
