"""Records of a batch to rows and labels, and to refusals. Nothing is remembered here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, CONFLUENT_AVRO, JSON, content_type
from driftloop.codec.outcomes import LabelRow
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.cores.asked_records import asked
from driftloop.processor import Record
from outcome_ingestion.core.decode.arrow_records import arrow_blocks
from outcome_ingestion.core.decode.avro_rows import AvroRows
from outcome_ingestion.core.decode.checks import check_rows
from outcome_ingestion.core.decode.column_records import column_blocks, learn_columns
from outcome_ingestion.core.decode.fast.repeated_keys import repeated_in_rows
from outcome_ingestion.core.decode.fast.shaped_blocks import ShapedReader
from outcome_ingestion.core.decode.fast.shaped_rows import shaped_columns, shaped_rows
from outcome_ingestion.core.decode.framed_schemas import ZERO, FindSchema
from outcome_ingestion.core.decode.json_rows import Find, RowReader, learn_row, read_rows
from outcome_ingestion.core.decode.label_items import LabelItem, decode_label, fit_label
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.decode.row_columns import columns_of
from outcome_ingestion.core.decode.timestamps import LATEST_US
from outcome_ingestion.core.frames.blocks import ROWS_A_RECORD, Block, Ints, joined
from outcome_ingestion.core.identity.keys import partitions_of, wrong_keys
from outcome_ingestion.core.observations.observed_records import Observation, fit_observation, key_refusal, keys_of
from outcome_ingestion.core.refusal import Refusal, invalid, misplaced, unknown_kind, unknown_model
from outcome_ingestion.core.rules import IngestRules

Records = Sequence[tuple[int, bytes]]
Blocks = tuple[list[Block], dict[int, Refusal]]
ReadRows = Callable[[Sequence[bytes | None], Find], list[Any]]
_FEWEST = 64
"""Under so many records with one row that look alike, one by one is as quick."""
_MANY_ROWS: dict[str, Callable[[Records, Find], Blocks]] = {COLUMNS: column_blocks, ARROW: arrow_blocks}


@dataclass(slots=True)
class PlacedLabel:
    """A label, whose it is, and the partition it came through."""

    partition: int
    layout: Layout
    item: LabelItem


@dataclass(slots=True)
class PlacedObservation:
    """A value of a series, of whose model, and the partition it came through."""

    partition: int
    layout: Layout
    item: Observation


Placed = TypeVar("Placed", PlacedLabel, PlacedObservation)


class LogTimes:
    """The times of a batch's records on the log, in microseconds; no record is asked before somebody wants to know."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    @cached_property
    def all(self) -> Ints:
        """Of every record, in their order."""
        return np.array([at for _, at in asked(self._records, "timestamp")], dtype=np.int64) * 1000

    def at(self, places: Ints) -> Ints:
        """Of the records that these places are in."""
        return self.all[places // ROWS_A_RECORD]


@dataclass(slots=True)
class Decoded:
    """A batch as decoded. `blocks` has one block a model, in the order of first sight."""

    blocks: list[Block] = field(default_factory=list)
    labels: list[PlacedLabel] = field(default_factory=list)
    observations: list[PlacedObservation] = field(default_factory=list)
    dead: dict[int, Refusal] = field(default_factory=dict)
    """Refusals by index of the record."""
    log: LogTimes = field(default_factory=lambda: LogTimes(()))


class BatchDecoder:
    """Decodes batches. `find` gives the reader of a model, None where it has no spec."""

    def __init__(self, find: Find, rules: IngestRules, find_schema: FindSchema | None = None) -> None:
        self._find = find
        self._future_us, self._most_bytes = int(rules.future_seconds * 1e6), rules.frame_bytes
        self._last: RowReader | None = None
        self._avro = AvroRows(find_schema)
        self.shaped = {
            JSON: ShapedReader(learn_row, shaped_rows, _FEWEST),
            AVRO: ShapedReader(self._avro.learn, shaped_rows, _FEWEST),
            COLUMNS: ShapedReader(learn_columns, shaped_columns),
        }
        self.partition_count = 1
        """How many partitions each input has; with one, every key is where it belongs."""

    def decode(self, records: Sequence[Record]) -> Decoded:
        """Everything in a batch that can be used, and why the rest cannot."""
        decoded = Decoded(log=LogTimes(records))
        kinds = self._sorted_out(records, decoded)
        blocks, framed = self._json(records, kinds.pop(JSON, []), decoded)
        if AVRO in kinds:
            blocks += self._rows(records, AVRO, kinds.pop(AVRO), decoded, self._avro.read)
        framed = sorted([*kinds.pop(CONFLUENT_AVRO, ()), *framed])
        if framed:
            blocks += self._rows(records, AVRO, framed, decoded, self._avro.read_framed)
        partitions = _partitions(records)
        many: list[Block] = []
        for kind, indices in kinds.items():
            many += self._many(records, kind, self._in_place(records, indices, decoded), decoded)
        for block in [*blocks, *(one for one in many if one.layout.is_observed)]:
            self._refuse_misplaced(block, partitions)
        blocks += many
        for block in blocks:
            block.partitions = partitions[block.places // ROWS_A_RECORD]
            self._check(block, decoded)
        self._bury_misplaced_labels(decoded)
        decoded.blocks = _by_model([block.without_refused() for block in blocks])
        return decoded

    def _sorted_out(self, records: Sequence[Record], decoded: Decoded) -> dict[str, Sequence[int]]:
        """Content type → indices of the outcome records that have it; labels are taken at once."""
        topics, headers = asked(records, "topic"), asked(records, "headers")
        if set(topics) == {PREDICTION_OUTCOMES}:
            if not any(headers):
                return {JSON: range(len(records))}
            if headers[0] and len(headers[0]) == 1 and headers.count(headers[0]) == len(headers):
                return {content_type(headers[0]): range(len(records))}
        kinds: dict[str, list[int]] = {}
        alone: dict[Any, list[int]] = {}
        for index, (topic, own) in enumerate(zip(topics, headers, strict=True)):
            if topic == PREDICTION_LABELS:
                self._take_label(index, records[index], decoded)
                continue
            only = own[0] if own and len(own) == 1 else None
            group = alone.get(only)
            if group is None:
                group = kinds.setdefault(content_type(own), [])
                if only is not None:
                    alone[only] = group
            group.append(index)
        return dict(kinds)

    def _json(
        self, records: Sequence[Record], indices: Sequence[int], decoded: Decoded
    ) -> tuple[list[Block], list[int]]:
        """Blocks of the records that say nothing of their type, and those of them that are framed Avro.

        The first byte tells: Confluent's framing begins with a zero byte, as no JSON does. Only records that have
        no known shape are looked at, as none of a known shape begins so.
        """
        blocks, left = self._shaped(records, JSON, indices)
        framed = [index for index in left if _looks_framed(records[index])]
        if framed:
            apart = set(framed)
            left = [index for index in left if index not in apart]
        return (blocks + self._singles(records, left, decoded) if left else blocks), framed

    def _rows(
        self, records: Sequence[Record], kind: str, indices: Sequence[int], decoded: Decoded, read: ReadRows
    ) -> list[Block]:
        """Blocks of the records that hold one row each: those of a known shape all at once, the others one by one."""
        blocks, left = self._shaped(records, kind, indices)
        return blocks + self._singles(records, left, decoded, read) if left else blocks

    def _shaped(
        self, records: Sequence[Record], kind: str, indices: Sequence[int]
    ) -> tuple[list[Block], Sequence[int]]:
        """Blocks of the records that have a known shape, and the indices of the others."""
        own = records if len(records) == len(indices) else [records[index] for index in indices]
        blocks, left = self._of_shapes(kind, indices, asked(own, "value"))
        for block, rows in blocks:
            chosen = own if len(rows) == len(own) else [own[row] for row in rows.tolist()]
            wrong = wrong_keys(asked(chosen, "key"), keys_of(block))
            block.refusals |= dict.fromkeys(wrong, key_refusal(block.layout.spec))
        return [block for block, _ in blocks], left.tolist()

    def _of_shapes(
        self, kind: str, indices: Sequence[int], values: Sequence[Any]
    ) -> tuple[list[tuple[Block, Ints]], Ints]:
        """Blocks of the records that have a known shape, with the places of those, and the indices that are left."""
        found, left = self.shaped[kind].read(values, self._find)
        numbers = np.arange(len(indices)) if isinstance(indices, range) else np.array(indices, dtype=np.int64)
        blocks = []
        for one in found:
            places = numbers[one.records] * ROWS_A_RECORD
            if len(one.ids) != len(places):
                within = np.arange(len(one.ids)) - np.repeat(np.cumsum(one.counts) - one.counts, one.counts)
                places = np.repeat(places, one.counts) + within
            block = Block(one.reader.layout, one.ids, places, np.zeros_like(places), one.columns)
            blocks.append((block, one.records))
        return blocks, numbers[left]

    def _singles(
        self, records: Sequence[Record], indices: Sequence[int], decoded: Decoded, read: ReadRows | None = None
    ) -> list[Block]:
        """Blocks of the records that hold one row each, in JSON or as `read` reads them."""
        values: list[Any] = [records[index].value() for index in indices]
        rows = read_rows(values, self._find, self._last) if read is None else read(values, self._find)
        kinds = set(map(type, rows))
        if len(kinds) == 1 and Refusal not in kinds:
            return [self._block(records, indices, rows, values if read is None else ())]
        groups: dict[type, tuple[list[int], list[Any], list[bytes]]] = {kind: ([], [], []) for kind in kinds}
        for index, row, value in zip(indices, rows, values, strict=True):
            group_indices, group_rows, group_values = groups[type(row)]
            group_indices.append(index)
            group_rows.append(row)
            group_values.append(value)
        decoded.dead.update(zip(*groups.pop(Refusal, ([], [], []))[:2], strict=True))
        return [self._block(records, *group[:2], group[2] if read is None else ()) for group in groups.values()]

    def _block(
        self, records: Sequence[Record], indices: Sequence[int], rows: list[Any], texts: Sequence[bytes] = ()
    ) -> Block:
        """One model's rows; `texts` are the records they are from, where those are JSON."""
        reader = self._find(rows[0].model_id)
        assert reader is not None
        self._last = reader
        names, columns, refused = columns_of(rows, reader.layout)
        if texts:
            refused |= repeated_in_rows(texts, rows, columns, reader.layout)
        ids = pa.array(names, pa.string())
        places = np.array(indices, dtype=np.int64) * ROWS_A_RECORD
        block = Block(reader.layout, ids, places, np.zeros(len(ids), dtype=np.int64), columns, refused)
        for row in wrong_keys([records[index].key() for index in indices], keys_of(block)):
            refused[row] = key_refusal(reader.layout.spec)
        return block

    def _many(self, records: Sequence[Record], kind: str, indices: Sequence[int], decoded: Decoded) -> list[Block]:
        values: list[tuple[int, bytes]] = []
        for index in indices:
            value = records[index].value()
            if kind not in _MANY_ROWS:
                decoded.dead[index] = unknown_kind(kind)
            elif value is None:
                decoded.dead[index] = Refusal("decode", "NullValue", "the record has no value")
            elif not records[index].key():
                needed = "the record has no key: give it the prediction_id of its first row"
                decoded.dead[index] = invalid("MissingKey", needed)
            else:
                values.append((index, value))
        blocks: list[Block] = []
        if kind in self.shaped:
            found, left = self._of_shapes(kind, [index for index, _ in values], [value for _, value in values])
            blocks = [block for block, _ in found]
            remaining = set(left.tolist())
            values = [one for one in values if one[0] in remaining]
        more, dead = _MANY_ROWS[kind](values, self._find) if values else ([], {})
        decoded.dead.update(dead)
        return blocks + more

    def _refuse_misplaced(self, block: Block, partitions: Ints) -> None:
        """Rows of records with one row each, and rows that observations must meet: are they where their key belongs?"""
        if self.partition_count > 1:
            found = partitions[block.places // ROWS_A_RECORD]
            right = partitions_of(keys_of(block), self.partition_count)
            for row in np.flatnonzero(found != right).tolist():
                refusal = misplaced(int(found[row]), int(right[row]), self.partition_count)
                block.refusals.setdefault(row, refusal)

    def _in_place(self, records: Sequence[Record], indices: Sequence[int], decoded: Decoded) -> Sequence[int]:
        """Those of the records with many rows that are where their key belongs; the others are buried whole."""
        if self.partition_count == 1:
            return [index for index in indices if index not in decoded.dead]
        keyed = [index for index in indices if records[index].key()]
        right = partitions_of(pa.array([records[index].key() for index in keyed], pa.binary()), self.partition_count)
        for index, number in zip(keyed, right.tolist(), strict=True):
            if (found := records[index].partition()) != number:
                decoded.dead[index] = misplaced(found, number, self.partition_count)
        return [index for index in indices if index not in decoded.dead]

    def _bury_misplaced_labels(self, decoded: Decoded) -> None:
        if self.partition_count == 1:
            return
        decoded.labels = self._where_they_belong(decoded.labels, lambda item: item.prediction_id, decoded)
        decoded.observations = self._where_they_belong(decoded.observations, lambda item: item.entity, decoded)

    def _where_they_belong(self, placed: list[Placed], key: Callable[[Any], str], decoded: Decoded) -> list[Placed]:
        """Those in the partition of their key; the others are buried."""
        if not placed:
            return placed
        keys = pa.array([key(one.item) for one in placed], pa.string())
        kept = []
        for one, number in zip(placed, partitions_of(keys, self.partition_count).tolist(), strict=True):
            if one.partition == number:
                kept.append(one)
            else:
                refusal = misplaced(one.partition, number, self.partition_count)
                decoded.dead[one.item.place // ROWS_A_RECORD] = refusal
        return kept

    def _check(self, block: Block, decoded: Decoded) -> None:
        """Times of the rows, and the dead letters of those that are wrong."""
        latest = None
        if block.layout.spec.clock == "wall":
            latest = decoded.log.at(block.places) + self._future_us
        check_rows(block, latest, self._most_bytes)
        for row, refusal in sorted(block.refusals.items()):
            bury(block, row, refusal, decoded.dead)

    def _take_label(self, index: int, record: Record, decoded: Decoded) -> None:
        try:
            row, reader = self._read_label(record)
            layout, place = reader.layout, index * ROWS_A_RECORD
            latest = LATEST_US if layout.spec.clock == "event" else record.timestamp()[1] * 1000 + self._future_us
            if row.observed_at is not None:
                seen = fit_observation(row, layout, place, latest)
                _check_key(record, seen.entity, layout)
                decoded.observations.append(PlacedObservation(record.partition(), layout, seen))
            else:
                item = fit_label(row, layout, place, latest)
                _check_key(record, item.prediction_id, layout)
                decoded.labels.append(PlacedLabel(record.partition(), layout, item))
        except Refusal as refusal:
            decoded.dead[index] = refusal

    def _read_label(self, record: Record) -> tuple[LabelRow, RowReader]:
        kind = content_type(record.headers())
        if _looks_framed(record):
            kind = CONFLUENT_AVRO
        read = {JSON: decode_label, AVRO: self._avro.label, CONFLUENT_AVRO: self._avro.framed_label}.get(kind)
        if read is None:
            raise unknown_kind(kind)
        row = read(record.value())
        reader = self._find(row.model_id)
        if reader is None:
            raise unknown_model(row.model_id)
        return row, reader


def _check_key(record: Record, key: str, layout: Layout) -> None:
    if wrong_keys([record.key()], pa.array([key], pa.string())):
        raise key_refusal(layout.spec)


def bury(block: Block, row: int, refusal: Refusal, dead: dict[int, Refusal]) -> None:
    """The record of a row is buried; of several rows that are wrong the first is named."""
    index, within = divmod(int(block.places[row]), ROWS_A_RECORD)
    whole = refusal if within == 0 else Refusal(refusal.stage, refusal.error_class, f"row {within}: {refusal}")
    dead.setdefault(index, whole)


def _looks_framed(record: Record) -> bool:
    """Whether a record that says nothing of its type is Confluent's: their serializers send no content type."""
    return (record.value() or b"")[:1] == ZERO and content_type(record.headers()) == JSON


def _partitions(records: Sequence[Record]) -> Ints:
    """The partition of each record."""
    found = asked(records, "partition")
    if found and found.count(found[0]) == len(found):
        return np.full(len(found), found[0], dtype=np.int64)
    return np.array(found, dtype=np.int64)


def _by_model(blocks: list[Block]) -> list[Block]:
    """One block a model, in the order in which models were first seen."""
    models: dict[str, list[Block]] = {}
    for block in sorted((b for b in blocks if len(b)), key=lambda b: int(b.places[0])):
        models.setdefault(block.layout.model_id, []).append(block)
    return [joined(group) for group in models.values()]
