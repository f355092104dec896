"""Pieces of one model's rows to frames, in the order of arrival."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import Frame, encode_frame
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.topics import OUTCOME_FRAMES
from driftloop.processor import Outgoing
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.frames.blocks import Ints, nulls_for
from outcome_ingestion.core.frames.frame_sizes import Most, cut, fits
from outcome_ingestion.core.labels.classes import respelled
from outcome_ingestion.core.labels.joining import Join
from outcome_ingestion.core.labels.labelled_rows import with_labels


class Piece(NamedTuple):
    """Rows with their places in the batch. `full`: they are as many as one frame holds.

    `ranks` order what one record did to several rows, whichever piece each of them is in.
    """

    places: Ints
    rows: pa.RecordBatch
    full: bool = False
    ranks: Ints | None = None


def label_pieces(joins: list[Join], new: pa.RecordBatch | None, layout: Layout) -> list[Piece]:
    """The whole rows that labels go out with; `new` are the rows of this batch."""
    sources: dict[int, list[tuple[int, Join]]] = {}
    for rank, join in enumerate(joins):
        sources.setdefault(-1 if join.chunk is None else join.chunk.seq, []).append((rank, join))
    return [_label_piece(ranked, new, layout) for ranked in sources.values()]


def _label_piece(ranked: list[tuple[int, Join]], new: pa.RecordBatch | None, layout: Layout) -> Piece:
    group = [join for _, join in ranked]
    chunk = group[0].chunk
    source = new if chunk is None else chunk.batch
    assert source is not None
    rows = conform(source.take(pa.array([join.row for join in group])), layout.schema)
    labels = {i: (join.item, join.event) for i, join in enumerate(group)}
    labelled = respelled(with_labels(rows, labels, list(layout.target)), layout)
    places, ranks = [join.item.place for join in group], [rank for rank, _ in ranked]
    return Piece(np.array(places, dtype=np.int64), labelled, ranks=np.array(ranks, dtype=np.int64))


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Rows made under an earlier spec, with the columns of this one (nulls where it has new ones)."""
    known = {name: batch.column(name) for name in batch.schema.names}
    shadows = {name: column for name, column in known.items() if name.startswith("shadow.")}
    fitting = {f.name: known[f.name] for f in schema if f.name in known and known[f.name].type == f.type}
    columns = nulls_for(fitting | shadows, schema, len(batch))
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def assemble(layout: Layout, pieces: list[Piece], most: Most) -> list[Frame]:
    """Frames of one model, none over `most`, in the order of places.

    Pieces that are frames already stay as they are: their bytes then serve as state too.
    """
    batches = [piece.rows for piece in pieces] if _are_frames(pieces, most) else list(cut(_in_order(pieces), most))
    return [Frame(_header(layout, batch), batch) for batch in batches]


def _are_frames(pieces: list[Piece], most: Most) -> bool:
    """Whether every piece but the last is full, and their rows stand in order already."""
    if not all(piece.full for piece in pieces[:-1]) or not fits(pieces[-1].rows, most):
        return False
    places = np.concatenate([piece.places for piece in pieces])
    return bool(np.all(places[1:] >= places[:-1]))


def _in_order(pieces: list[Piece]) -> pa.RecordBatch:
    if len(pieces) == 1:
        places, rows = pieces[0].places, pieces[0].rows
    else:
        places = np.concatenate([piece.places for piece in pieces])
        tables = [pa.Table.from_batches([piece.rows]) for piece in pieces]
        table = pa.concat_tables(tables, promote_options="default").combine_chunks()
        rows = table.to_batches(max_chunksize=len(places))[0]
    order = _order(pieces, places)
    return rows if np.array_equal(order, np.arange(len(order))) else rows.take(pa.array(order))


def _order(pieces: list[Piece], places: Ints) -> Ints:
    if all(piece.ranks is None for piece in pieces):
        return np.argsort(places, kind="stable")
    ranks = [np.zeros(len(piece.places), dtype=np.int64) if piece.ranks is None else piece.ranks for piece in pieces]
    return np.lexsort((np.concatenate(ranks), places))


def _header(layout: Layout, batch: pa.RecordBatch) -> FrameHeader:
    times = batch.column("predicted_at")
    first, last = pa.compute.min_max(times).values()
    return FrameHeader(
        model_id=layout.model_id,
        spec_version=layout.spec_version,
        rows=len(batch),
        first_at=first.as_py(),
        last_at=last.as_py(),
    )


def outgoing(frame: Frame) -> Outgoing:
    """The record of a frame."""
    value, headers = encode_frame(frame)
    return Outgoing(OUTCOME_FRAMES, frame.header.model_id, value, headers)
