"""A partition's memory from its state entries."""

import itertools
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import pyarrow as pa

from outcome_ingestion.core.decode.label_items import LabelItem, Rated, unpack_labels
from outcome_ingestion.core.frames.blocks import Ints, microseconds
from outcome_ingestion.core.identity.id_index import Known
from outcome_ingestion.core.identity.reuse import stamps_of
from outcome_ingestion.core.labels.held_rows import GONE, Chunk, chunk_of, decode_rows
from outcome_ingestion.core.memory.entries import Marks, ModelMemory, Seen
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.observations.observed_values import written_at

_KINDS = ("ids", "rows", "marks", "early", "series")
_marks_decoder = msgspec.msgpack.Decoder(Marks)
_OwnRows = Mapping[tuple[str, int], int]
"""(Id, time of the label) → ordinal of its row, where the id alone does not tell it."""


def restore(memory: PartitionMemory, state: Iterable[tuple[str, bytes]]) -> None:
    """Take up the state entries of this partition, in the order in which they were written."""
    entries = []
    for key, value in state:
        kind, model_id, number = key.split("/")
        written = written_at(value) if kind == "series" else int(number)
        entries.append((written, model_id, _KINDS.index(kind), int(number), value))
    steps = (_restore_seen, _restore_rows, _restore_marks, _restore_early, _restore_values)
    for written, model_id, kind_index, seq, value in sorted(entries, key=lambda entry: entry[:4]):
        steps[kind_index](memory, seq, model_id, value)
        memory.next_seq = written + 1
    memory.entries.take({})


def _restore_seen(memory: PartitionMemory, seq: int, model_id: str, value: bytes) -> None:
    seen = Seen.decode(value)
    memory.add_seen(seq, model_id, seen)
    memory.total = max(memory.total, seen.known.end)
    memory.of(model_id).row_clock.load(seen.times)


def _restore_rows(memory: PartitionMemory, seq: int, model_id: str, value: bytes) -> None:
    batch = decode_rows(value)
    memory.add_chunk(model_id, chunk_of(seq, batch, _ordinals_of(batch, memory.seen[seq][1].known)))


def _ordinals_of(batch: pa.RecordBatch, known: Known) -> Ints:
    """Ordinals of rows, which are some of those known, in the same order; of one id the times tell which."""
    ids = batch.column("prediction_id")
    if ids.equals(known.ids):
        return known.ordinals
    own_stamps = stamps_of(microseconds(batch.column("predicted_at"))).tolist()
    known_stamps = itertools.repeat(None) if known.stamps is None else known.stamps.tolist()
    rows = zip(known.ids.to_pylist(), known_stamps, known.ordinals.tolist(), strict=False)
    ordinals = [
        next(ordinal for name, stamp, ordinal in rows if name == own and stamp in (None, own_stamp))
        for own, own_stamp in zip(ids.to_pylist(), own_stamps, strict=True)
    ]
    return np.array(ordinals, dtype=np.int64)


def _restore_marks(memory: PartitionMemory, seq: int, model_id: str, value: bytes) -> None:
    marks, model = _marks_decoder.decode(value), memory.of(model_id)
    ordinals = model.ids.find(pa.array([prediction_id for prediction_id, _ in marks.labelled], pa.string()))
    rows = {(prediction_id, at): ordinal for prediction_id, at, ordinal in marks.rows}
    for (prediction_id, at), ordinal in zip(marks.labelled, ordinals.tolist(), strict=True):
        place = _place_of(model, prediction_id, ordinal, at, rows)
        if place is not None:
            memory.label_at(*place, at)
    _restore_labels(memory, model_id, marks.items, rows)
    for prediction_id in marks.found:
        memory.waiting.find(model_id, prediction_id)
    for ordinal in marks.gone:
        place = model.held.find(ordinal)
        if place is not None:
            memory.label_at(*place, GONE)
    for ordinal, rating, at in marks.rated:
        model.held.rate(ordinal, Rated(rating, at))
    model.marks.append(seq)
    model.newest_mark_is_empty = marks.is_empty
    model.label_clock.load(marks.times)
    model.marked_clock = model.label_clock.dump()


def _restore_labels(memory: PartitionMemory, model_id: str, items: list[LabelItem], rows: _OwnRows) -> None:
    """What rows with several truths have got."""
    if not items:
        return
    model = memory.of(model_id)
    ordinals = model.ids.find(pa.array([item.prediction_id for item in items], pa.string()))
    for item, ordinal in zip(items, ordinals.tolist(), strict=True):
        place = _place_of(model, item.prediction_id, ordinal, item.at, rows)
        if place is not None:
            place[0].labels[place[1]] = item


def _place_of(
    model: ModelMemory, prediction_id: str, ordinal: int, at: int, rows: _OwnRows
) -> tuple[Chunk, int] | None:
    """Where the row of a label is: the one that the mark names, or else the newest with the id (`ordinal`).

    Marks of earlier releases name no rows: if the newest was made after the label, it is of an earlier one.
    """
    own = rows.get((prediction_id, at))
    if own is not None:
        return model.held.find(own)
    newest, earlier = model.held.find(ordinal), model.earlier.get(prediction_id)
    if newest is None or not earlier or at >= newest[0].predicted_at[newest[1]]:
        return newest
    held = [place for one in earlier if (place := model.held.find(one)) and place[0].predicted_at[place[1]] <= at]
    return held[-1] if held else None


def _restore_values(memory: PartitionMemory, seq: int, model_id: str, value: bytes) -> None:
    model = memory.of(model_id)
    model.label_clock.load(model.observed.restore(seq, value))


def _restore_early(memory: PartitionMemory, seq: int, model_id: str, value: bytes) -> None:
    items, times = unpack_labels(value)
    memory.waiting.add(model_id, seq, items)
    memory.of(model_id).label_clock.load(times)
