"""What cannot be processed: how it is buried, and when burying has to stop."""

from collections import deque
from importlib.metadata import version

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.transport import Write
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter, Record

_HEADER_LIMIT = 2_000


def as_bytes(value: bytes | str | None) -> bytes | None:
    """A record's key or value as it was on the wire."""
    return value.encode() if isinstance(value, str) else value


def bury(letter: DeadLetter, service: str, attempt: int = 1) -> Write:
    """The record as it was received, its own headers, and `dlq.error.*` that say why it is here.

    The partition is the broker's choice by key, or any for a record without one.
    """
    record = letter.record
    facts = {
        "class": letter.error_class,
        "message": letter.message,
        "stage": letter.stage,
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
        "attempt": attempt,
        "service": service,
        "version": version("driftloop"),
    }
    own = tuple((f"dlq.error.{name}", str(value).encode()[:_HEADER_LIMIT]) for name, value in facts.items())
    return Write(DEAD_LETTERS, as_bytes(record.key()), as_bytes(record.value()), (*_received(record), *own))


def _received(record: Record) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value) for name, value in record.headers() or () if not name.startswith("dlq.error."))


class Breaker:
    """Stops a service that buries too much: then the fault is in it or in all its input.

    Trips when `breaker_consecutive` records in a row are buried, or more than `breaker_ratio` of the
    last `breaker_window` (once that many were seen).
    """

    def __init__(self, settings: LoopSettings) -> None:
        self._settings = settings
        self._recent: deque[tuple[int, int]] = deque()
        self._seen = self._dead = self._in_a_row = 0

    def check(self, records: int, dead: int) -> None:
        """Count a batch in before it is committed; raises UserError where it is one too many."""
        self._recent.append((records, dead))
        self._seen += records
        self._dead += dead
        while self._seen - self._recent[0][0] >= self._settings.breaker_window:
            old_records, old_dead = self._recent.popleft()
            self._seen -= old_records
            self._dead -= old_dead
        self._in_a_row = self._in_a_row + dead if dead == records else 0
        if self._in_a_row >= self._settings.breaker_consecutive:
            self._trip(f"{self._in_a_row} records in a row")
        if self._seen >= self._settings.breaker_window and self._dead > self._settings.breaker_ratio * self._seen:
            self._trip(f"{self._dead} of the last {self._seen} records")

    def _trip(self, what: str) -> None:
        raise UserError(
            f"{self._settings.service} stops: {what} could not be processed; "
            f"see why with `driftloop dlq list`, mend the producer or the spec, and start it again",
            ExitCode.TOO_MANY_DEAD_LETTERS,
        )
