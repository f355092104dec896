"""One partition as a broker keeps it: records, transaction markers, what is open, what is gone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(slots=True, eq=False)
class Entry:
    """A record, or the marker that ends a transaction (`marker` is then "commit" or "abort").

    `owner` is the producer id of a transaction, None outside of every one. `state`: "open", "committed", "aborted".
    """

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    at_ms: int
    owner: int | None = None
    state: str = "committed"
    marker: str = ""


class Stirred:
    """Whether any log of the world changed since somebody looked: whoever waits for records is woken then."""

    yes: ClassVar[bool] = False


@dataclass(slots=True)
class PartitionLog:
    """Offsets are places in `entries`; what retention or compaction took is None."""

    entries: list[Entry | None] = field(default_factory=list)
    start: int = 0
    open: dict[int, int] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=lambda: [0])
    """The offset at which each leader's epoch began."""

    @property
    def end(self) -> int:
        """The offset that the next record will have."""
        return len(self.entries)

    @property
    def stable(self) -> int:
        """The last stable offset: nothing before it is undecided."""
        return min(self.open.values()) if self.open else len(self.entries)

    def append(self, entry: Entry) -> int:
        """Add a record; its offset."""
        Stirred.yes = True
        offset = len(self.entries)
        if entry.owner is not None:
            entry.state = "open"
            self.open.setdefault(entry.owner, offset)
        self.entries.append(entry)
        return offset

    def mark(self, owner: int, commit: bool, at_ms: int) -> None:
        """End a producer's transaction here."""
        Stirred.yes = True
        first = self.open.pop(owner, None)
        state = "committed" if commit else "aborted"
        if first is not None:
            for entry in self.entries[first:]:
                if entry is not None and entry.owner == owner and entry.state == "open":
                    entry.state = state
        self.entries.append(Entry(None, None, (), at_ms, marker="commit" if commit else "abort"))

    def committed(self) -> Sequence[tuple[int, Entry]]:
        """All committed records that are still there, with their offsets."""
        return [
            (at, e) for at, e in enumerate(self.entries) if e is not None and e.state == "committed" and not e.marker
        ]

    @property
    def epoch(self) -> int:
        """The leader's."""
        return len(self.epochs) - 1

    def epoch_of(self, offset: int) -> int:
        """Under which leader a record was written."""
        epoch = len(self.epochs) - 1
        while self.epochs[epoch] > offset:
            epoch -= 1
        return epoch

    def end_of(self, epoch: int) -> int:
        """Where the log of an epoch ended; what is left of it, since a leader that lost records cuts the epochs too."""
        return self.epochs[epoch + 1] if epoch < self.epoch else self.end

    def lose(self, end: int) -> list[Entry]:
        """A leader comes up that has nothing from an offset on; what was there is given back."""
        lost = [entry for entry in self.entries[end:] if entry is not None]
        del self.entries[end:]
        self.open = {owner: first for owner, first in self.open.items() if first < end}
        self.epochs = [min(start, end) for start in self.epochs] + [end]
        Stirred.yes = True
        return lost

    def cut(self, start: int) -> None:
        """Retention: forget everything before an offset."""
        for at in range(self.start, min(start, self.end)):
            self.entries[at] = None
        self.start = max(self.start, min(start, self.end))

    def compact(self, upto: int) -> None:
        """Keep the last record of each key below an offset; markers and tombstones stay where they are."""
        last = {e.key: at for at, e in self.committed() if at < upto}
        for at, entry in enumerate(self.entries[:upto]):
            if entry is None or entry.marker or entry.state == "open":
                continue
            if entry.state == "aborted" or last[entry.key] != at:
                self.entries[at] = None
