"""Whole rows that a label may still join or correct, a batch at a time.

Why batches and not rows: a row as Arrow takes a fraction of what Python objects take, a batch is
one state entry, and a join is one `take`.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from outcome_ingestion.core.blocks import Ints, microseconds


@dataclass(slots=True)
class Chunk:
    """Rows of one model. `labelled_at` is 0 where a row still waits; `ordinals` ascend."""

    seq: int
    batch: pa.RecordBatch
    ordinals: Ints
    labelled_at: Ints
    predicted_at: Ints
    waiting: int

    @property
    def newest(self) -> int:
        """The time of its latest row."""
        return int(self.predicted_at.max())


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

    def add(self, chunk: Chunk) -> None:
        """A newer chunk than all that are there."""
        self.chunks.append(chunk)
        self.firsts.append(int(chunk.ordinals[0]))
        if chunk.waiting:
            self.waiting.append(chunk)

    def replace_newest(self, count: int, chunk: Chunk) -> None:
        """One chunk in place of the newest `count`, whose rows it has."""
        gone = {old.seq for old in self.chunks[-count:]}
        del self.chunks[-count:], self.firsts[-count:]
        while self.waiting and self.waiting[-1].seq in gone:
            self.waiting.pop()
        self.add(chunk)

    def oldest_waiting(self) -> Chunk | None:
        """The oldest chunk with a row that waits for its label."""
        while self.waiting and self.waiting[0].waiting == 0:
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None

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
    """The held rows of a state entry."""
    with pa.ipc.open_stream(value) as reader:
        return reader.read_next_batch()
