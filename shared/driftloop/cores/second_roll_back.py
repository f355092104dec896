"""A roll-back that names no version, after a roll-back: is it meant to go back further, or did two act at once?

Two people who see the same wrong version both ask for its predecessor, and the second would take away what the first
has just brought back; so would a person who comes a minute after an automatic roll-back. So the version has to be named
there, or the champion that was seen.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol


class Event(Protocol):
    """What is known of a model's event."""

    @property
    def event(self) -> str:
        """What happened."""

    @property
    def version(self) -> str | None:
        """To which version."""

    @property
    def previous_version(self) -> str | None:
        """Which one it took over from."""

    @property
    def occurred_at(self) -> datetime:
        """When."""

    @property
    def reason(self) -> str:
        """Why."""


def doubt_of(newest_first: Iterable[Event]) -> str | None:
    """Why a roll-back that names no version is not sent; None where a promotion made the champion."""
    made = next((event for event in newest_first if event.event in {"promoted", "rolled_back"}), None)
    if made is None or made.event == "promoted":
        return None
    return (
        f"{made.version} came back from {made.previous_version} at {made.occurred_at:%Y-%m-%d %H:%M:%S} UTC "
        f"({made.reason}). Name the version that shall serve now, if this was not enough."
    )
