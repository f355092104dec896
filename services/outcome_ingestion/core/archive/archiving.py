"""The core of the archive: frames in, as few writes as there may be, nothing twice."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from driftloop.codec.frames import decode_frame
from driftloop.contracts.topics import OUTCOME_FRAMES
from driftloop.cores.decode_each import decode_each
from driftloop.processor import Effects, LogIdentity, Record
from outcome_ingestion.core.archive.rows import PlacedFrame

ROWS_A_WRITE = 50_000
"""A batch of more rows is several writes. A batch may hold half a million; where the store is slow, that is minutes,
and an archive that is taken for stuck and started anew goes on after the last write, not from the beginning."""


class Sink(Protocol):
    """Where rows are kept."""

    def belongs_to(self, cluster: str, topic_id: str) -> None:
        """Say which log its rows are of; raises AwayError where it has another's."""
        ...

    def archived_until(self, partition: int) -> int:
        """The next frame offset that it lacks in a partition."""
        ...

    def write(self, frames: Sequence[PlacedFrame]) -> None:
        """Make those frames durable that it lacks, all of them or nothing that a repeat would not mend."""
        ...


class Archive:
    """The `Processor` of role archive. The sink's own record of offsets decides what is new.

    Offsets in Kafka are committed after the write, so a crash in between brings frames again that
    are in the table: they are skipped by their offset. What is no frame is buried again then: its
    dead letter went with the transaction that the crash took, whatever offset the table has come to.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._until: dict[int, int] = {}

    def take_log(self, log: LogIdentity) -> None:
        """The sink's offsets are of one log and mean nothing in another."""
        self._sink.belongs_to(log.cluster, log.topics[OUTCOME_FRAMES])

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        """Write the labelled rows of the batch; what is no frame is buried."""
        frames, known = [], 0
        decoded = decode_each(records, _placed)
        for _, placed in decoded.messages:
            if placed.offset < self._archived(placed.partition):
                known += 1
            else:
                frames.append(placed)
        for part in _parts(frames):
            self._sink.write(part)
            self._until.update({placed.partition: placed.offset + 1 for placed in part})
        letters = tuple(
            replace(letter, error_class="Undecodable", message=letter.message[:500]) for letter in decoded.dead
        )
        return Effects(dead_letters=letters, ignored={"already_archived": known} if known else {})

    def _archived(self, partition: int) -> int:
        if partition not in self._until:
            self._until[partition] = self._sink.archived_until(partition)
        return self._until[partition]

    def wake(self, now: datetime) -> Effects:  # noqa: ARG002
        """Never asked for."""
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:  # noqa: ARG002
        """Ask the sink again: another replica may have written."""
        self._until.pop(partition, None)

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002
        """Nothing: the table is the state."""
        return ()

    def revoke(self, partition: int) -> None:
        """Forget a partition."""
        self._until.pop(partition, None)

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """No tables are read."""


def _placed(record: Record) -> PlacedFrame:
    frame = decode_frame(record.value() or b"", record.headers())
    return PlacedFrame(record.partition(), record.offset(), frame)


def _parts(frames: Sequence[PlacedFrame]) -> Iterator[list[PlacedFrame]]:
    """The frames in their order, in parts of at most `ROWS_A_WRITE` rows; a larger frame is a part of its own."""
    part: list[PlacedFrame] = []
    rows = 0
    for placed in frames:
        count = placed.frame.batch.num_rows
        if part and rows + count > ROWS_A_WRITE:
            yield part
            part, rows = [], 0
        part.append(placed)
        rows += count
    if part:
        yield part
