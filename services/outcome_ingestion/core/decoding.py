"""Records of a batch to rows and labels, and to refusals. Nothing is remembered here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from driftloop.codec.content_types import ARROW, COLUMNS, JSON, content_type
from driftloop.contracts.topics import PREDICTION_LABELS
from driftloop.processor import Record
from outcome_ingestion.core.arrow_records import arrow_block
from outcome_ingestion.core.blocks import ROWS_A_RECORD, Block, Ints, joined
from outcome_ingestion.core.checks import check_rows
from outcome_ingestion.core.column_records import column_block
from outcome_ingestion.core.json_rows import Find, RowReader, read_rows
from outcome_ingestion.core.label_items import LabelItem, decode_label, fit_label
from outcome_ingestion.core.layout import Layout
from outcome_ingestion.core.moments import LATEST_US
from outcome_ingestion.core.refusal import Refusal, invalid, unknown_kind, unknown_model
from outcome_ingestion.core.row_columns import columns_of

RecordBlock = Callable[[bytes, Find], Block]
_MANY_ROWS: dict[str, RecordBlock] = {COLUMNS: column_block, ARROW: arrow_block}


@dataclass(slots=True)
class PlacedLabel:
    """A label, whose it is, and the partition it came through."""

    partition: int
    layout: Layout
    item: LabelItem


@dataclass(slots=True)
class Decoded:
    """A batch as decoded. `blocks` has one block a model, in the order of first sight."""

    blocks: list[Block] = field(default_factory=list)
    labels: list[PlacedLabel] = field(default_factory=list)
    dead: dict[int, Refusal] = field(default_factory=dict)
    """Refusals by index of the record."""


class BatchDecoder:
    """Decodes batches. `find` gives the reader of a model, None where it has no spec."""

    def __init__(self, find: Find, future_seconds: float) -> None:
        self._find = find
        self._future_us = int(future_seconds * 1e6)
        self._last: RowReader | None = None

    def decode(self, records: Sequence[Record]) -> Decoded:
        """Everything in a batch that can be used, and why the rest cannot."""
        decoded = Decoded()
        singles: list[int] = []
        blocks: list[Block] = []
        for index, record in enumerate(records):
            if record.topic() == PREDICTION_LABELS:
                self._take_label(index, record, decoded)
                continue
            headers = record.headers()
            kind = content_type(headers) if headers else JSON
            if kind == JSON:
                singles.append(index)
            else:
                blocks += self._many(index, record, decoded)
        blocks += self._singles(records, singles, decoded)
        for block in blocks:
            self._check(block, records, decoded)
        decoded.blocks = _by_model([block.without_refused() for block in blocks])
        return decoded

    def _singles(self, records: Sequence[Record], indices: list[int], decoded: Decoded) -> list[Block]:
        values = [records[index].value() for index in indices]
        groups: dict[type, tuple[list[int], list[Any]]] = {}
        rows = read_rows(values, self._find, self._last)  # type: ignore[arg-type]
        for index, row in zip(indices, rows, strict=True):
            if type(row) is Refusal:
                decoded.dead[index] = row
                continue
            group = groups.get(type(row))
            if group is None:
                group = groups[type(row)] = ([], [])
            group[0].append(index)
            group[1].append(row)
        return [self._block(records, *group) for group in groups.values()]

    def _block(self, records: Sequence[Record], indices: list[int], rows: list[Any]) -> Block:
        reader = self._find(rows[0].model_id)
        assert reader is not None
        self._last = reader
        ids, columns, refused = columns_of(rows, reader.layout)
        for row in _wrong_keys([records[index].key() for index in indices], ids):
            refused[row] = invalid("WrongKey", "the record's key is not its prediction_id")
        partitions = np.array([records[index].partition() for index in indices], dtype=np.int64)
        places = np.array(indices, dtype=np.int64) * ROWS_A_RECORD
        return Block(reader.layout, ids, places, partitions, columns, refused)

    def _many(self, index: int, record: Record, decoded: Decoded) -> list[Block]:
        try:
            block = self._read_many(record)
        except Refusal as refusal:
            decoded.dead[index] = refusal
            return []
        block.places += index * ROWS_A_RECORD
        block.partitions += record.partition() or 0
        return [block]

    def _read_many(self, record: Record) -> Block:
        kind, value = content_type(record.headers()), record.value()
        read = _MANY_ROWS.get(kind)
        if read is None:
            raise unknown_kind(kind)
        if value is None:
            raise Refusal("decode", "NullValue", "the record has no value")
        if not record.key():
            raise invalid("MissingKey", "the record has no key: give it the prediction_id of its first row")
        return read(value if isinstance(value, bytes) else value.encode(), self._find)

    def _check(self, block: Block, records: Sequence[Record], decoded: Decoded) -> None:
        check_rows(block, self._latest(block, records))
        for row, refusal in sorted(block.refusals.items()):
            index, within = divmod(int(block.places[row]), ROWS_A_RECORD)
            whole = refusal if within == 0 else Refusal(refusal.stage, refusal.error_class, f"row {within}: {refusal}")
            decoded.dead.setdefault(index, whole)

    def _latest(self, block: Block, records: Sequence[Record]) -> Ints | None:
        if block.layout.spec.clock == "event":
            return None
        indices = (block.places // ROWS_A_RECORD).tolist()
        stamps = np.array([records[index].timestamp()[1] for index in indices], dtype=np.int64)
        return stamps * 1000 + self._future_us

    def _take_label(self, index: int, record: Record, decoded: Decoded) -> None:
        try:
            layout, item = self._read_label(record, index * ROWS_A_RECORD)
            decoded.labels.append(PlacedLabel(record.partition() or 0, layout, item))
        except Refusal as refusal:
            decoded.dead[index] = refusal

    def _read_label(self, record: Record, place: int) -> tuple[Layout, LabelItem]:
        kind = content_type(record.headers())
        if kind != JSON:
            raise unknown_kind(kind)
        row = decode_label(record.value())  # type: ignore[arg-type]
        reader = self._find(row.model_id)
        if reader is None:
            raise unknown_model(row.model_id)
        if _wrong_keys([record.key()], [row.prediction_id]):
            raise invalid("WrongKey", "the record's key is not its prediction_id")
        event_time = reader.layout.spec.clock == "event"
        latest = LATEST_US if event_time else record.timestamp()[1] * 1000 + self._future_us
        return reader.layout, fit_label(row, reader.layout, place, latest)


def _wrong_keys(keys: Sequence[bytes | str | None], ids: list[str]) -> list[int]:
    """Rows whose record's key is missing or is not the prediction id."""
    try:
        together = b"\0".join(keys).decode()  # type: ignore[arg-type]
        if together == "\0".join(ids) and together.count("\0") == len(ids) - 1:
            return []
    except (TypeError, UnicodeDecodeError):
        pass
    encoded = [prediction_id.encode() for prediction_id in ids]
    given = [key.encode() if isinstance(key, str) else key for key in keys]
    return [row for row, (key, own) in enumerate(zip(given, encoded, strict=True)) if key != own]


def _by_model(blocks: list[Block]) -> list[Block]:
    """One block a model, in the order in which models were first seen."""
    models: dict[str, list[Block]] = {}
    for block in sorted((b for b in blocks if len(b)), key=lambda b: int(b.places[0])):
        models.setdefault(block.layout.model_id, []).append(block)
    return [joined(group) for group in models.values()]
