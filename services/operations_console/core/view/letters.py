"""The heads of the dead letters: where each lies, and why. Their values stay on the log."""

from collections import Counter, deque
from dataclasses import dataclass, field

from driftloop.processor import Record

MOST = 5_000
"""Heads kept, the newest."""
_PREFIX = "dlq.error."
_LONGEST_KEY = 120


@dataclass(frozen=True, slots=True)
class LetterHead:
    """One dead letter: `place` is PARTITION:OFFSET, as `driftloop dlq list` has it."""

    place: str
    at_ms: int
    error_class: str
    stage: str
    topic: str
    message: str
    key: str
    bytes: int


@dataclass(slots=True)
class LetterHeads:
    """The newest heads, and how many there were of each class since the oldest that was read."""

    heads: dict[int, deque[LetterHead]] = field(default_factory=dict)
    """By partition, in its order."""
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, record: Record) -> str:
        """A dead letter was read; a line that says why it is one."""
        head = _head(record)
        self.heads.setdefault(record.partition(), deque(maxlen=MOST)).append(head)
        self.counts[head.error_class] += 1
        return f"{head.error_class}: {head.message}"[:200]

    def newest(self, error_class: str | None = None, limit: int = 100) -> list[LetterHead]:
        """The newest first, of one class or of all."""
        found = (
            head
            for kept in self.heads.values()
            for head in kept
            if error_class is None or head.error_class == error_class
        )
        return sorted(found, key=lambda head: (-head.at_ms, head.place))[:limit]


def _head(record: Record) -> LetterHead:
    error = {
        name.removeprefix(_PREFIX): (text or b"").decode("utf-8", "replace")
        for name, text in record.headers() or ()
        if name.startswith(_PREFIX)
    }
    key, value = record.key(), record.value()
    return LetterHead(
        place=f"{record.partition()}:{record.offset()}",
        at_ms=record.timestamp()[1],
        error_class=error.get("class", "?"),
        stage=error.get("stage", ""),
        topic=error.get("topic", ""),
        message=error.get("message", ""),
        key=(key or b"").decode("utf-8", "backslashreplace")[:_LONGEST_KEY],
        bytes=len(value or b""),
    )
