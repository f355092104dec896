"""Whole rows that a label may still join or correct, a batch at a time.

Why batches and not rows: a row as Arrow takes a fraction of what Python objects take, a batch is
one state entry, and a join is one `take`.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from operator import attrgetter

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import ROW_COLUMNS
from outcome_ingestion.core.decode.label_items import LabelItem, Rated
from outcome_ingestion.core.frames.blocks import Ints, microseconds

GONE = -1
"""In place of the time of a label: the row was given up."""
_STALE = 100
"""Entries of the heap that may be out of date before it is made anew."""


@dataclass(slots=True)
class Chunk:
    """Rows of one model; `ordinals` ascend. `labelled_at` is 0 where a row waits, `GONE` where it was given up."""

    seq: int
    batch: pa.RecordBatch
    ordinals: Ints
    labelled_at: Ints
    predicted_at: Ints
    waiting: int
    labels: dict[int, LabelItem] = field(default_factory=dict)
    """Row → the label that it has got since, of a target with several fields: one of them may be corrected alone."""
    ratings: dict[int, Rated] = field(default_factory=dict)
    """Row → the rating that it has got since."""

    @property
    def earliest(self) -> int:
        """When the first of the rows that wait was made."""
        return int(self.predicted_at[self.labelled_at == 0].min())


def chunk_of(seq: int, batch: pa.RecordBatch, ordinals: Ints) -> Chunk:
    """A chunk of rows as they stand in a frame."""
    labelled_at = microseconds(batch.column("labelled_at")).copy()
    waiting = int(np.count_nonzero(labelled_at == 0))
    return Chunk(seq, batch, ordinals, labelled_at, microseconds(batch.column("predicted_at")), waiting)


@dataclass(slots=True)
class HeldRows:
    """The chunks of one model in one partition, oldest first."""

    chunks: list[Chunk] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    due: list[tuple[int, int]] = field(default_factory=list)
    """A heap of (time, seq): no row of the chunk that waits was made before the time. Chunks in which no row waits, or
    that are held no longer, are found out when they are met; the heap itself keeps none of them in memory."""

    def add(self, chunk: Chunk) -> None:
        """A newer chunk, by `seq` and ordinals, than all that are there."""
        self.chunks.append(chunk)
        self.firsts.append(int(chunk.ordinals[0]))
        if chunk.waiting:
            self._look_at(chunk, chunk.earliest)

    def replace_newest(self, count: int, chunk: Chunk | None) -> None:
        """One chunk in place of the newest `count`, whose rows it has; None where all of them were given up."""
        del self.chunks[-count:], self.firsts[-count:]
        if chunk is not None:
            self.add(chunk)

    def that_wait(self) -> list[Chunk]:
        """Chunks with a row that waits for its label, oldest first."""
        return [chunk for chunk in self.chunks if chunk.waiting]

    def made_before(self, time: int) -> list[Chunk]:
        """Chunks with a row that waits and was made before `time`.

        Why no queue: a chunk with a time of another century waits, and those behind it do not.
        """
        found, later = [], []
        while self.due and self.due[0][0] < time:
            chunk = self._that_waits(heappop(self.due)[1])
            if chunk is not None:
                earliest = chunk.earliest
                later.append((chunk, earliest))
                if earliest < time:
                    found.append(chunk)
        for chunk, earliest in later:
            self._look_at(chunk, earliest)
        return found

    def is_one_before(self, time: int) -> bool:
        """Whether `made_before` gives any, at the cost of one comparison as a rule."""
        while self.due and self.due[0][0] < time:
            chunk = self._that_waits(self.due[0][1])
            earliest = time if chunk is None else chunk.earliest
            if earliest < time:
                return True
            heappop(self.due)
            if chunk is not None:
                self._look_at(chunk, earliest)
        return False

    def _that_waits(self, seq: int) -> Chunk | None:
        """The chunk with that number if it is held and a row of it waits."""
        at = bisect_left(self.chunks, seq, key=attrgetter("seq"))
        chunk = self.chunks[at] if at < len(self.chunks) else None
        return chunk if chunk is not None and chunk.seq == seq and chunk.waiting else None

    def _look_at(self, chunk: Chunk, time: int) -> None:
        heappush(self.due, (time, chunk.seq))
        if len(self.due) > 2 * len(self.chunks) + _STALE:
            self.due = [one for one in self.due if self._that_waits(one[1]) is not None]
            heapify(self.due)

    def find(self, ordinal: int) -> tuple[Chunk, int] | None:
        """Where the row with that ordinal is, if it is held and was not given up."""
        at = bisect_right(self.firsts, ordinal) - 1
        if at < 0:
            return None
        chunk = self.chunks[at]
        row = int(np.searchsorted(chunk.ordinals, ordinal))
        if row == len(chunk.ordinals) or chunk.ordinals[row] != ordinal or chunk.labelled_at[row] == GONE:
            return None
        return chunk, row

    def rate(self, ordinal: int, rated: Rated) -> None:
        """A row, if it is held, has got a rating."""
        place = self.find(ordinal)
        if place is not None:
            place[0].ratings[place[1]] = rated

    def drop(self, chunk: Chunk) -> None:
        """Forget a chunk; none of its rows waits any longer."""
        at = bisect_right(self.firsts, int(chunk.ordinals[0])) - 1
        del self.chunks[at], self.firsts[at]


def decode_rows(value: bytes) -> pa.RecordBatch:
    """The held rows of a state entry; a column that came after the release that wrote it is null."""
    with pa.ipc.open_stream(value) as reader:
        batch = reader.read_next_batch()
    for name, kind in ROW_COLUMNS.items():
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.nulls(batch.num_rows, kind))
    return batch
