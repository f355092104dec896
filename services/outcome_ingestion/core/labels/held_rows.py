"""Whole rows that a label may still join or correct, a batch at a time.

Why batches and not rows: a row as Arrow takes a fraction of what Python objects take, a batch is
one state entry, and a join is one `take`.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import ROW_COLUMNS
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.frames.blocks import Ints, microseconds
from outcome_ingestion.core.labels.event_clock import time_reached

_SAMPLE = 255
_STALE = 100
"""Chunks of the heap that may be out of date before it is made anew."""


@dataclass(slots=True)
class Chunk:
    """Rows of one model. `labelled_at` is 0 where a row still waits; `ordinals` ascend."""

    seq: int
    batch: pa.RecordBatch
    ordinals: Ints
    labelled_at: Ints
    predicted_at: Ints
    waiting: int
    labels: dict[int, LabelItem] = field(default_factory=dict)
    """Row → the label that it has got since, of a target with several fields: one of them may be corrected alone."""

    @property
    def reached(self) -> int:
        """The time that a third of its rows have reached: one absurd time in it says nothing of the others."""
        return time_reached(self.predicted_at[:: len(self.predicted_at) // _SAMPLE + 1])

    def keep(self, rows: Ints) -> None:
        """Only these rows, which wait, from now on."""
        self.batch, self.ordinals = self.batch.take(pa.array(rows)), self.ordinals[rows]
        self.labelled_at, self.predicted_at = self.labelled_at[rows], self.predicted_at[rows]
        self.waiting = len(rows)
        self.labels = {}


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
    waiting: deque[Chunk] = field(default_factory=deque)
    due: list[tuple[int, int, Chunk]] = field(default_factory=list)
    """A heap of (time, seq, chunk), by which the first to be given up is found: it is looked at once the clock is a
    give-up time past the time. Chunks in which no row waits are found out when they are met."""

    def add(self, chunk: Chunk) -> None:
        """A newer chunk than all that are there."""
        self.chunks.append(chunk)
        self.firsts.append(int(chunk.ordinals[0]))
        if chunk.waiting:
            self.waiting.append(chunk)
            self.look_at(chunk, chunk.reached)

    def replace_newest(self, count: int, chunk: Chunk) -> None:
        """One chunk in place of the newest `count`, whose rows it has."""
        old = self.chunks[-count:]
        gone = {one.seq for one in old}
        for one in old:
            one.waiting = 0
        del self.chunks[-count:], self.firsts[-count:]
        while self.waiting and self.waiting[-1].seq in gone:
            self.waiting.pop()
        self.add(chunk)

    def oldest_waiting(self) -> Chunk | None:
        """The oldest chunk with a row that waits for its label."""
        while self.waiting and self.waiting[0].waiting == 0:
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None

    def look_at(self, chunk: Chunk, time: int) -> None:
        """The chunk is to be looked at when the clock is a give-up time past `time`."""
        heappush(self.due, (time, chunk.seq, chunk))
        if len(self.due) > 2 * len(self.waiting) + _STALE:
            self.due = [one for one in self.due if one[2].waiting]
            heapify(self.due)

    def first_due(self) -> tuple[int, Chunk] | None:
        """(Time, chunk) of the chunk that is to be looked at first; why no queue: one that holds a time of
        another century waits, and those behind it do not."""
        while self.due and self.due[0][2].waiting == 0:
            heappop(self.due)
        return (self.due[0][0], self.due[0][2]) if self.due else None

    def looked_at(self) -> None:
        """The chunk that `first_due` gave is taken out."""
        heappop(self.due)

    def shrink(self, chunk: Chunk, rows: Ints) -> None:
        """Only these rows of a chunk are held from now on."""
        at = bisect_right(self.firsts, int(chunk.ordinals[0])) - 1
        chunk.keep(rows)
        self.firsts[at] = int(chunk.ordinals[0])
        self.look_at(chunk, chunk.reached)

    def find(self, ordinal: int) -> tuple[Chunk, int] | None:
        """Where the row with that ordinal is, if it is held."""
        at = bisect_right(self.firsts, ordinal) - 1
        if at < 0:
            return None
        chunk = self.chunks[at]
        row = int(np.searchsorted(chunk.ordinals, ordinal))
        return (chunk, row) if row < len(chunk.ordinals) and chunk.ordinals[row] == ordinal else None

    def drop(self, chunk: Chunk) -> None:
        """Forget a chunk; none of its rows waits any longer."""
        chunk.waiting = 0
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
