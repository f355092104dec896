"""The newest changes, numbered, for whoever follows them and was away for a moment."""

from collections import deque
from dataclasses import dataclass, field

from operations_console.core.view.fleet import Change


@dataclass(slots=True)
class History:
    """Changes since the start of this process. `epoch` names the process: its numbers are no other's."""

    epoch: str
    most: int = 5_000
    _changes: "deque[tuple[int, Change]]" = field(default_factory=deque)
    _number: int = 0

    def add(self, change: Change) -> str:
        """Number a change; its id."""
        self._number += 1
        self._changes.append((self._number, change))
        if len(self._changes) > self.most:
            self._changes.popleft()
        return f"{self.epoch}-{self._number}"

    @property
    def last_id(self) -> str:
        """The id of the newest change."""
        return f"{self.epoch}-{self._number}"

    def since(self, last_id: str | None) -> list[tuple[str, Change]] | None:
        """What came after that id; None where it is not known any more, so that the caller must read anew."""
        if last_id is None:
            return []
        epoch, _, text = last_id.rpartition("-")
        if epoch != self.epoch or not text.isascii() or not text.isdigit() or int(text) > self._number:
            return None
        first = self._changes[0][0] if self._changes else self._number + 1
        if int(text) + 1 < first:
            return None
        return [(f"{self.epoch}-{number}", change) for number, change in self._changes if number > int(text)]
