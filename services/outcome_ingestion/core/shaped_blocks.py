"""The quick way of JSON records: blocks of those that have a known shape, and which records are left."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT
from driftloop.codec.json_keys import repeated_key
from driftloop.codec.outcomes import DECODE_ERRORS, model_decoder
from driftloop.contracts.message import LONGEST_ID
from outcome_ingestion.core.blocks import Ints, Mask
from outcome_ingestion.core.json_rows import Find, RowReader
from outcome_ingestion.core.layout import ARROW_KINDS
from outcome_ingestion.core.moments import moments_of
from outcome_ingestion.core.refusal import Refusal
from outcome_ingestion.core.row_shapes import RowShape, learn_shape
from outcome_ingestion.core.shaped_rows import FEWEST, Cut, Shaped, shaped
from outcome_ingestion.core.text_hashes import text_parts

_MOST_SHAPES = 16
_LESSONS = 2
_SOURCES = pa.array(["user", "system", "pseudo"])
_BOUNDS = {"confidence": (0.0, 1.0), "weight": (0.0, np.inf), "latency_ms": (0.0, np.inf)}
_PLAIN = ("model_version", "weight", "confidence", "latency_ms", "status", "cost", "tokens")


class ShapedBlock(NamedTuple):
    """Rows of one model: which records they are, their ids and columns, and those that turn out to be wrong."""

    reader: RowReader
    rows: Ints
    ids: pa.StringArray
    columns: dict[str, pa.Array]
    refused: dict[int, Refusal]


class ShapedReader:
    """Reads batches of JSON records; the shapes that were met last are tried first."""

    def __init__(self) -> None:
        self._shapes: list[tuple[RowReader, RowShape]] = []
        self._cut = Cut((), np.arange(0))

    def read(self, values: Sequence[Any], find: Find) -> tuple[list[ShapedBlock], Ints]:
        """Blocks, and the records that are left to the usual decoder. What `find` raises goes through."""
        left = np.ones(len(values), dtype=np.bool_)
        blocks: list[ShapedBlock] = []
        usual = set(map(type, values)) == {bytes}
        rows = np.flatnonzero(left) if usual else np.flatnonzero([type(value) is bytes for value in values])
        if len(rows) < FEWEST:
            return blocks, np.flatnonzero(left)
        for reader, shape in self._to_try(values, rows, find):
            found = shaped(self._cut, shape)
            block = None if found is None else _block(found, reader, shape)
            if block is None:
                continue
            blocks.append(block)
            self._shapes.remove((reader, shape))
            self._shapes.insert(0, (reader, shape))
            left[block.rows] = False
            if np.count_nonzero(left[rows]) < FEWEST:
                break
            self._cut = self._cut.only(left[self._cut.rows])
        return blocks, np.flatnonzero(left)

    def _to_try(self, values: Sequence[Any], rows: Ints, find: Find) -> Iterator[tuple[RowReader, RowShape]]:
        """Known shapes, then new ones of the records that are left."""
        self._cut = Cut(values, rows)
        self._shapes = [(reader, shape) for reader, shape in self._shapes if find(reader.layout.model_id) is reader]
        yield from list(self._shapes)
        for _ in range(_LESSONS):
            lesson = _learn(values[int(self._cut.rows[len(self._cut.rows) // 2])], find)
            if lesson is not None:
                self._shapes = [lesson, *self._shapes[: _MOST_SHAPES - 1]]
                yield lesson


def _learn(value: bytes, find: Find) -> tuple[RowReader, RowShape] | None:
    try:
        reader = find(model_decoder.decode(value).model_id)
        if reader is None:
            return None
        reader.decode(value)
        if repeated_key(value) is not None:
            return None
        shape = learn_shape(value, reader.layout)
    except DECODE_ERRORS:
        return None
    return None if shape is None else (reader, shape)


def _block(found: Shaped, reader: RowReader, shape: RowShape) -> ShapedBlock | None:
    """The rows that keep the bounds of the contract; the others are left to the decoder that names what is wrong."""
    given: dict[str, pa.Array] = {shape.slots[place].column: column for place, column in found.texts.items()}
    given |= {shape.slots[place].column: column for place, column in found.numbers.items()}
    rows, keep = found.rows, _within_bounds(given)
    if not keep.all():
        which = pa.array(np.flatnonzero(keep))
        rows, given = rows[keep], {name: column.take(which) for name, column in given.items()}
    if not len(rows):
        return None
    refused: dict[int, Refusal] = {}
    ids, columns = given["prediction_id"], _empty(reader, len(rows))
    for name in ("predicted_at", "labelled_at"):
        if name in given:
            columns[name], wrong = moments_of(given[name], name)
            refused |= wrong
    columns |= {n: c for n, c in given.items() if n not in {"", "prediction_id", "predicted_at", "labelled_at"}}
    return ShapedBlock(reader, rows, ids, columns, refused)


def _within_bounds(given: dict[str, pa.Array]) -> Mask:
    offsets, _ = text_parts(given["prediction_id"])
    sizes = np.diff(offsets)
    keep = (sizes >= 1) & (sizes <= LONGEST_ID)
    if "label_source" in given:
        keep &= pc.is_in(given["label_source"], _SOURCES).to_numpy(zero_copy_only=False)
    for name, (low, high) in _BOUNDS.items():
        if name in given:
            values = given[name].to_numpy(zero_copy_only=False)
            keep &= ~((values < low) | (values > high))
    return keep


def _empty(reader: RowReader, rows: int) -> dict[str, pa.Array]:
    """Every column that a block has, as it is where records say nothing."""
    layout = reader.layout
    kinds = {name: ROW_COLUMNS[name] for name in ("predicted_at", "labelled_at", *_PLAIN)}
    kinds |= {FEATURE + name: ARROW_KINDS[kind] for name, kind in layout.raw.items()}
    for prefix in (PREDICTION, LABEL):
        kinds |= {prefix + name: ARROW_KINDS[field.kind] for name, field in layout.target.items()}
    kinds |= {SEGMENT + name: pa.string() for name in layout.spec.segments}
    columns = {name: pa.nulls(rows, kind) for name, kind in kinds.items()}
    return columns | {"label_source": pa.repeat(pa.scalar("system"), rows)}
