"""Frames to rows of the archive. Pure: what is written, not how."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.archive.schema import ARCHIVE_SCHEMA, ARCHIVED, CORRECTED, values_of
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, SEGMENT, VALUE, VALUE_AGAIN, Frame, holds_values
from driftloop.codec.series import texts_of

_APPENDED = pa.array(["outcome", "label", "example", VALUE])
_CORRECTION = pa.array(["correction", VALUE_AGAIN])
_RATING = pa.array(["rating"])
_Key = tuple[str, str, int]
_SAME = (*(field.name for field in ARCHIVED), "event", "prediction_id")


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame and where it stands on its topic."""

    partition: int
    offset: int
    frame: Frame


@dataclass(slots=True)
class ArchiveBatch:
    """What a batch of frames changes. `until` is partition → next frame offset, also of frames that
    have nothing to keep: it tells readers how far the archive has come. `ratings` has the rows whose rating
    changes and nothing else; those that the table lacks are no rows of it yet, and come with their rating."""

    appends: pa.Table = field(default_factory=ARCHIVE_SCHEMA.empty_table)
    corrections: pa.Table = field(default_factory=ARCHIVE_SCHEMA.empty_table)
    until: dict[int, int] = field(default_factory=dict)
    ratings: pa.Table = field(default_factory=ARCHIVE_SCHEMA.empty_table)


def archive_batch(frames: Sequence[PlacedFrame]) -> ArchiveBatch:
    """Labelled rows to append; corrections and ratings of rows that are in the table, the latest of each."""
    appends, corrections, ratings = ([ARCHIVE_SCHEMA.empty_table()] for _ in range(3))
    until: dict[int, int] = {}
    for placed in frames:
        until[placed.partition] = max(until.get(placed.partition, 0), placed.offset + 1)
        events = placed.frame.batch.column("event")
        for kinds, tables in ((_APPENDED, appends), (_CORRECTION, corrections), (_RATING, ratings)):
            rows = np.flatnonzero(pc.is_in(events, kinds).to_numpy(zero_copy_only=False))
            if len(rows):
                tables.append(_table(placed, rows))
    corrected = _corrected(ArchiveBatch(pa.concat_tables(appends), pa.concat_tables(corrections), until))
    return _rated(corrected, pa.concat_tables(ratings), pa.concat_tables([*appends, *corrections]))


def _table(placed: PlacedFrame, rows: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> pa.Table:
    frame = placed.frame
    batch = _series_as_text(frame.batch.take(pa.array(rows)))
    count = len(batch)
    known = set(batch.schema.names)  # a frame of an earlier release may lack a column that came since
    columns = {n: batch.column(n) if n in known else pa.nulls(count, ARCHIVE_SCHEMA.field(n).type) for n in _SAME}
    columns |= {
        "model_id": pa.repeat(_kept_under(frame), count),
        "day": batch.column("predicted_at").cast(pa.date32()),
        "frame_partition": pa.repeat(pa.scalar(placed.partition, pa.int32()), count),
        "frame_offset": pa.repeat(pa.scalar(placed.offset, pa.int64()), count),
        "frame_row": pa.array(rows, pa.int32()),
        "spec_version": pa.repeat(pa.scalar(frame.header.spec_version, pa.int32()), count),
        "numbers": _map(batch, FEATURE, pa.float64()),
        "categories": _map(batch, FEATURE, pa.string()),
        "predictions": _map(_as_text(batch), PREDICTION, pa.string()),
        "labels_number": _map(batch, LABEL, pa.float64()),
        "labels_category": _map(batch, LABEL, pa.string()),
        "segments": _map(batch, SEGMENT, pa.string()),
    }
    return pa.table([columns[name] for name in ARCHIVE_SCHEMA.names], schema=ARCHIVE_SCHEMA)


def _kept_under(frame: Frame) -> str:
    """Values of series are kept beside the rows of their model, so that who learns from rows meets no value."""
    model_id = frame.header.model_id
    return values_of(model_id) if holds_values(frame.batch) else model_id


def _series_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Lists as JSON texts, beside the categories: a table that is there needs no new column."""
    if not any(pa.types.is_list(field.type) for field in batch.schema):
        return batch
    columns = [texts_of(column) if pa.types.is_list(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Predictions as text; a number as its shortest exact spelling."""
    names = [name for name in batch.schema.names if name.startswith(PREDICTION)]
    return pa.RecordBatch.from_arrays([batch.column(name).cast(pa.string()) for name in names], names=names)


def _map(batch: pa.RecordBatch, prefix: str, kind: pa.DataType) -> pa.Array:
    """The columns of one prefix and type as a column of maps, without entries for nulls."""
    names = [f.name for f in batch.schema if f.name.startswith(prefix) and f.type == kind]
    rows, width = len(batch), len(names)
    if not width:
        empty = pa.array(np.zeros(rows + 1, dtype=np.int32))
        return pa.MapArray.from_arrays(empty, pa.array([], pa.string()), pa.array([], kind))
    columns = [batch.column(name) for name in names]
    valid = np.stack([column.is_valid().to_numpy(zero_copy_only=False) for column in columns], axis=1)
    at_row, at_column = np.nonzero(valid)
    items = pa.concat_arrays(columns).take(pa.array(at_column * rows + at_row))
    keys = pa.array([name.removeprefix(prefix) for name in names]).take(pa.array(at_column))
    offsets = np.concatenate([[0], np.cumsum(valid.sum(axis=1))]).astype(np.int32)
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items)


def _corrected(batch: ArchiveBatch) -> ArchiveBatch:
    """Corrections of rows that are appended in this very batch are put into those rows."""
    if not batch.corrections.num_rows:
        return batch
    latest = _latest(batch.corrections)
    at = {key: row for row, key in enumerate(_keys(batch.appends))}
    inside = [at.get(key, -1) for key in _keys(latest)]
    here = [row for row, target in enumerate(inside) if target >= 0]
    elsewhere = [row for row, target in enumerate(inside) if target < 0]
    appends = batch.appends
    if here:
        picks = np.arange(appends.num_rows)
        picks[[inside[row] for row in here]] = appends.num_rows + np.array(here)
        both = pa.concat_tables([appends, latest])
        changed = both.take(pa.array(picks))
        changed = _with_ratings(changed, pc.coalesce(changed["rating"], appends["rating"]))
        columns = [(changed if name in CORRECTED else appends)[name] for name in ARCHIVE_SCHEMA.names]
        appends = pa.table(columns, schema=ARCHIVE_SCHEMA)
    return ArchiveBatch(appends, latest.take(pa.array(elsewhere, pa.int64())), batch.until)


def _rated(batch: ArchiveBatch, ratings: pa.Table, others: pa.Table) -> ArchiveBatch:
    """Ratings that came alone, each in its place: in a row that is appended in this batch, or to be merged.

    Of a row what the log says last counts, with a label or alone. Why not by time: ingestion tells no rating that is
    older than one before it.
    """
    if not ratings.num_rows:
        return batch
    rated = {key: row for row, key in enumerate(_keys(ratings))}
    last = dict(_said_in_order(pa.concat_tables([ratings, others])))
    rows = {key: row for row, key in enumerate(_keys(batch.appends))}
    inside = batch.appends["rating"].to_pylist()
    for key in rated.keys() & rows.keys():
        inside[rows[key]] = last[key]
    appends = _with_ratings(batch.appends, pa.array(inside, pa.float64()))
    elsewhere = {key: row for key, row in rated.items() if key not in rows}
    merged = ratings.take(pa.array([*elsewhere.values()], pa.int64()))
    merged = _with_ratings(merged, pa.array([last[key] for key in elsewhere], pa.float64()))
    return ArchiveBatch(appends, batch.corrections, batch.until, merged)


def _said_in_order(rows: pa.Table) -> Iterator[tuple[_Key, float]]:
    """(Key, rating) of the rows that say one, in the order of the log."""
    ordered = rows.sort_by([(name, "ascending") for name in ("frame_partition", "frame_offset", "frame_row")])
    for key, rating in zip(_keys(ordered), ordered["rating"].to_pylist(), strict=True):
        if rating is not None:
            yield key, rating


def _latest(corrections: pa.Table) -> pa.Table:
    """The last correction of each row, by the time of its label, with the last rating that was said."""
    ordered = corrections.sort_by([("labelled_at", "ascending"), ("frame_offset", "ascending")])
    keys = _keys(ordered)
    last = {key: row for row, key in enumerate(keys)}
    said = zip(keys, ordered["rating"].to_pylist(), strict=True)
    ratings = {key: rating for key, rating in said if rating is not None}
    picks = sorted(last.values())
    latest = ordered.take(pa.array(picks, pa.int64()))
    return _with_ratings(latest, pa.array([ratings.get(keys[row]) for row in picks], pa.float64()))


def _with_ratings(rows: pa.Table, ratings: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index("rating"), ARCHIVE_SCHEMA.field("rating"), ratings)


def _keys(table: pa.Table) -> list[_Key]:
    """By the day too, as a merge does: an id may be used again."""
    day = table["day"].cast(pa.int32())
    return list(zip(*(column.to_pylist() for column in (table["model_id"], table["prediction_id"], day)), strict=True))
