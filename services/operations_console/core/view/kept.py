"""A bounded list of messages that comes out the same in whatever order they were read."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from operations_console.core.view.heads import Head

H = TypeVar("H", bound=Head)


@dataclass(frozen=True, slots=True)
class Entry(Generic[H]):
    """A message: its head, and its bytes as they are on the log."""

    head: H
    raw: bytes
    offset: int

    @property
    def order(self) -> tuple[datetime, int, str]:
        """By when it happened; of the same moment, by the log."""
        return self.head.occurred_at, self.offset, self.head.message_id


@dataclass(slots=True)
class Kept(Generic[H]):
    """The newest `most` messages, each once: a repeat has the id of the first one and changes nothing.

    An old message that is read again, after it was let go, is older than all that are kept and let go again.
    """

    most: int
    _entries: list[Entry[H]] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _gone_at: datetime | None = None
    _gone_ids: set[str] = field(default_factory=set)
    """Of that moment: a repeat of one of these is no news either."""

    def add(self, head: H, raw: bytes, offset: int) -> bool:
        """Whether it was new."""
        if head.message_id in self._ids or self._is_gone(head):
            return False
        self._ids.add(head.message_id)
        insort(self._entries, Entry(head, raw, offset), key=lambda entry: entry.order)
        if len(self._entries) <= self.most:
            return True
        gone = self._entries.pop(0).head
        self._ids.discard(gone.message_id)
        if gone.occurred_at != self._gone_at:
            self._gone_at, self._gone_ids = gone.occurred_at, set()
        self._gone_ids.add(gone.message_id)
        return gone.message_id != head.message_id

    def _is_gone(self, head: H) -> bool:
        if self._gone_at is None:
            return False
        return head.occurred_at < self._gone_at or head.message_id in self._gone_ids

    def get(self, message_id: str) -> Entry[H] | None:
        """The message of that id, while it is kept."""
        if message_id not in self._ids:
            return None
        return next(entry for entry in reversed(self._entries) if entry.head.message_id == message_id)

    def newest(self, limit: int | None = None) -> list[Entry[H]]:
        """The newest first."""
        return self._entries[: -limit - 1 : -1] if limit else self._entries[::-1]

    @property
    def last(self) -> Entry[H] | None:
        """The newest of all."""
        return self._entries[-1] if self._entries else None

    def __iter__(self) -> Iterator[Entry[H]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
