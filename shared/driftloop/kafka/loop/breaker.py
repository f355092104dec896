"""Who is refused: a model and producer whose records are buried one after the other is said, and the others go on.

Why a service does not stop for it: its letters are kept as received and can be sent once more, and to stop would
stop every other model as well. It stops only where it may be to blame itself (its core raises, or the schema
registry that it was told of knows no schema) for everything that came, from more than one source; and only after
that was committed, so that each start comes further than the one before.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from driftloop.kafka.loop.sources import Source, sampled, source_of
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter, Record

_MOST_SOURCES = 1_000
_OWN_STAGES = frozenset({"process"})
_OWN_CLASSES = frozenset({"UnknownSchema"})
"""Letters for which the service itself may be to blame: a fault of its core, or the wrong schema registry."""


@dataclass(frozen=True, slots=True)
class News:
    """What changed with a batch: sources refused from now on, by the last reason; those taken again; why to stop."""

    refused: dict[Source, str] = field(default_factory=dict)
    taken_again: tuple[Source, ...] = ()
    stop: str | None = None


@dataclass(slots=True)
class _Account:
    """The newest records of a source: (seen, buried) a batch."""

    recent: deque[tuple[float, int]] = field(default_factory=deque)
    seen: float = 0.0
    dead: int = 0
    in_a_row: int = 0
    refused: bool = False

    def add(self, seen: float, dead: int, window: int) -> None:
        self.recent.append((seen, dead))
        self.seen += seen
        self.dead += dead
        while self.seen - self.recent[0][0] >= window:
            old_seen, old_dead = self.recent.popleft()
            self.seen -= old_seen
            self.dead -= old_dead
        self.in_a_row = self.in_a_row + dead if seen <= dead else 0


class Breaker:
    """A source is refused when `breaker_consecutive` of its records in a row were buried, or more than
    `breaker_ratio` of its last `breaker_window` (once that many were seen), until neither holds."""

    def __init__(self, settings: LoopSettings) -> None:
        self._settings = settings
        self._accounts: OrderedDict[Source, _Account] = OrderedDict()
        self._own_in_a_row = 0
        self._own_sources: set[Source] = set()

    @property
    def refused(self) -> list[Source]:
        """The sources that are refused now."""
        return [source for source, account in self._accounts.items() if account.refused]

    def count(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> News:
        """Count a committed batch. Costs nothing while nobody is buried."""
        if not records or not (letters or self._accounts):
            if records:
                self._own_in_a_row = 0
            return News()
        reasons: dict[Source, str] = {}
        dead: Counter[Source] = Counter()
        for letter in letters:
            source = source_of(letter.record)
            dead[source] += 1
            reasons[source] = f"{letter.error_class}: {letter.message}"[:300]
        good = self._good(records, letters)
        refused, again = self._update(dead, good, reasons)
        return News(refused, again, self._own_fault(records, letters, dead))

    def _good(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> dict[Source, float]:
        if len(letters) >= len(records):
            return {}
        buried = {(r.topic(), r.partition(), r.offset()) for r in (letter.record for letter in letters)}
        good: dict[Source, float] = {}
        for record, weight in sampled(records):
            if (record.topic(), record.partition(), record.offset()) not in buried:
                source = source_of(record)
                good[source] = good.get(source, 0.0) + weight
        return good

    def _update(
        self, dead: Counter[Source], good: dict[Source, float], reasons: dict[Source, str]
    ) -> tuple[dict[Source, str], tuple[Source, ...]]:
        refused, again = {}, []
        for source in {*dead, *(source for source in good if source in self._accounts)}:
            account = self._accounts.setdefault(source, _Account())
            self._accounts.move_to_end(source)
            account.add(dead[source] + good.get(source, 0.0), dead[source], self._settings.breaker_window)
            before, account.refused = account.refused, self._is_refused(account)
            if account.refused and not before:
                refused[source] = reasons.get(source, "")
            elif before and not account.refused:
                again.append(source)
            if account.dead == 0:
                del self._accounts[source]
        while len(self._accounts) > _MOST_SOURCES:
            self._accounts.popitem(last=False)
        return refused, tuple(again)

    def _is_refused(self, account: _Account) -> bool:
        if account.in_a_row >= self._settings.breaker_consecutive:
            return True
        share = account.dead > self._settings.breaker_ratio * account.seen
        return share and (account.refused or account.seen >= self._settings.breaker_window)

    def _own_fault(self, records: Sequence[Record], letters: Sequence[DeadLetter], dead: Counter[Source]) -> str | None:
        own = [one for one in letters if one.stage in _OWN_STAGES or one.error_class in _OWN_CLASSES]
        if len(own) < len(records):
            self._own_in_a_row = 0
            self._own_sources.clear()
            return None
        self._own_in_a_row += len(own)
        self._own_sources.update(dead)
        several = len(self._own_sources) > 1 or not all(source.model for source in self._own_sources)
        if self._own_in_a_row < self._settings.breaker_consecutive or not several:
            return None
        return (
            f"{self._settings.service} stops: {self._own_in_a_row} records in a row could not be processed, of more "
            f"than one source, and the fault may be its own ({own[-1].error_class}: {own[-1].message[:200]}); see "
            "`driftloop dlq list`, mend it (its settings, the schema registry, its version), start it again, and send "
            "them once more with `driftloop dlq replay`"
        )
