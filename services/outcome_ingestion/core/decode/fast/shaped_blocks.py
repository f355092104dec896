"""The quick way of records: blocks of those that have a known shape, and which records are left."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT
from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.outcome_fields import LABEL_SOURCES, OUTCOME_FIELDS
from outcome_ingestion.core.decode.fast.record_shapes import RecordShape
from outcome_ingestion.core.decode.fast.shaped_rows import Records, Shaped
from outcome_ingestion.core.decode.json_rows import Find, Lesson, RowReader
from outcome_ingestion.core.decode.layout import ARROW_KINDS, Layout
from outcome_ingestion.core.frames.blocks import Ints, Mask, present
from outcome_ingestion.core.identity.text_hashes import text_parts

_MOST_SHAPES, _LESSONS, _LONGEST_PAUSE = 16, 2, 64
_SOURCES = pa.array(LABEL_SOURCES)
_BOUNDS = {field.name: field.bounds for field in OUTCOME_FIELDS if field.kind == "number" and field.has_bounds}
_DEFAULTS = {field.name: field.default for field in OUTCOME_FIELDS if field.kind == "choice"}
_NULLABLE = [field for field in OUTCOME_FIELDS if field.kind != "choice"]
_NEVER_NULL = [field.name for field in OUTCOME_FIELDS if field.required or field.kind == "choice"]

Learn = Callable[[bytes, Find], Lesson | None]


class ShapedBlock(NamedTuple):
    """Rows of one model: the records that they are of and how many of each, their ids and columns."""

    reader: RowReader
    records: Ints
    counts: Ints
    ids: pa.StringArray
    columns: dict[str, pa.Array]


class ShapedReader:
    """Reads batches of records of one encoding; the shapes that were met last are tried first.

    `learn` gives the shape of a record and the reader of its model, None where it has something unusual, and
    `read` what a batch has of a shape. Under `fewest` records the usual decoder is as quick.
    """

    def __init__(self, learn: Learn, read: Callable[[Records, RecordShape], Shaped | None], fewest: int = 1) -> None:
        self.fewest = fewest
        self._learn, self._read = learn, read
        self._shapes: list[Lesson] = []
        self._pause = self._paused = 0

    def read(self, values: Sequence[Any], find: Find) -> tuple[list[ShapedBlock], Ints]:
        """Blocks, and the records that are left to the usual decoder. What `find` raises goes through."""
        left = np.ones(len(values), dtype=np.bool_)
        blocks: list[ShapedBlock] = []
        usual = set(map(type, values)) == {bytes}
        rows = np.flatnonzero(left) if usual else np.flatnonzero([type(value) is bytes for value in values])
        if len(rows) < self.fewest:
            return blocks, np.flatnonzero(left)
        records = Records(values, rows)
        for reader, shape in self._to_try(records, values, find):
            found = self._read(records, shape)
            block = None if found is None else _block(found, records.rows, reader)
            if found is None or block is None or len(block.records) < self.fewest:
                continue
            blocks.append(block)
            self._shapes.remove((reader, shape))
            self._shapes.insert(0, (reader, shape))
            left[block.records] = False
            records.leave_out(found.fitting)
            if len(records.rows) < self.fewest:
                break
        return blocks, np.flatnonzero(left)

    def _to_try(self, records: Records, values: Sequence[Any], find: Find) -> Iterator[Lesson]:
        """Known shapes, then new ones of the records that are left."""
        self._shapes = [(reader, shape) for reader, shape in self._shapes if find(reader.layout.model_id) is reader]
        yield from list(self._shapes)
        self._paused += 1
        if self._paused <= self._pause:
            return
        for _ in range(_LESSONS):
            before = len(records.rows)
            lesson = self._learn(values[int(records.rows[before // 2])], find)
            if lesson is not None:
                self._shapes = [lesson, *self._shapes[: _MOST_SHAPES - 1]]
                yield lesson
        self._rest(learnt=len(records.rows) < before)

    def _rest(self, *, learnt: bool) -> None:
        """Where lessons teach nothing there is one in ever more batches: what a producer sends may have no shape."""
        self._pause, self._paused = 0 if learnt else min(2 * self._pause + 1, _LONGEST_PAUSE), 0


def _block(found: Shaped, among: Ints, reader: RowReader) -> ShapedBlock | None:
    """The records that keep to the contract; the others are left to the decoder that names what is wrong."""
    given, records, counts = dict(found.columns), among[found.fitting], found.counts
    keep = np.logical_and.reduceat(_sound(given, reader.layout), np.cumsum(counts) - counts)
    if not keep.all():
        which = pa.array(np.flatnonzero(np.repeat(keep, counts)))
        records, counts = records[keep], counts[keep]
        given = {name: column.take(which) for name, column in given.items()}
    if not len(records):
        return None
    ids = given.pop("prediction_id")
    return ShapedBlock(reader, records, counts, ids, _with_empty(given, reader, len(ids)))


def _sound(given: dict[str, pa.Array], layout: Layout) -> Mask:
    """Which rows are such that nothing about them, as they are written, is to be refused."""
    offsets, _ = text_parts(given["prediction_id"])
    sizes = np.diff(offsets)
    keep = (sizes >= 1) & (sizes <= LONGEST_ID)
    if "label_source" in given:
        keep &= pc.is_in(given["label_source"], _SOURCES).to_numpy(zero_copy_only=False)
    for name, (low, high) in _BOUNDS.items():
        if name in given:
            values = given[name].to_numpy(zero_copy_only=False)
            keep &= ~((values < low) | (values > high))
    parts = [prefix + name for prefix in (PREDICTION, LABEL) for name in layout.target if not layout.single]
    for name in {*_NEVER_NULL, *parts} & given.keys():
        if given[name].null_count:
            keep &= present(given[name])
    return keep


def _with_empty(given: dict[str, pa.Array], reader: RowReader, rows: int) -> dict[str, pa.Array]:
    """Every column that a block has: as it is given, or as it is where records say nothing."""
    layout = reader.layout
    kinds = {field.name: ROW_COLUMNS[field.name] for field in _NULLABLE}
    kinds |= {FEATURE + name: ARROW_KINDS[kind] for name, kind in layout.raw.items()}
    for prefix in (PREDICTION, LABEL):
        kinds |= {prefix + name: ARROW_KINDS[field.kind] for name, field in layout.target.items()}
    kinds |= {SEGMENT + name: pa.string() for name in layout.spec.segments}
    columns = {name: given[name] if name in given else pa.nulls(rows, kind) for name, kind in kinds.items()}
    columns |= {n: pa.repeat(pa.scalar(default), rows) for n, default in _DEFAULTS.items() if n not in given}
    return columns | given
