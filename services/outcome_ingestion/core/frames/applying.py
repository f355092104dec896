"""The stateful half of ingestion: decoded rows and labels to frames, partition by partition."""

from collections.abc import Callable
from itertools import zip_longest

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import Frame
from driftloop.spec.forecast import key_feature
from outcome_ingestion.core.counts import DelayHistogram, IngestCounts
from outcome_ingestion.core.decode.decoding import Decoded
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.frames.blocks import Ints, microseconds
from outcome_ingestion.core.frames.completion import complete
from outcome_ingestion.core.frames.frame_assembly import Piece, assemble, label_pieces
from outcome_ingestion.core.frames.frame_sizes import cut
from outcome_ingestion.core.frames.parting import Batch, parts_of
from outcome_ingestion.core.frames.shares import Share, shares_of
from outcome_ingestion.core.identity.id_index import Known
from outcome_ingestion.core.identity.reuse import stamps_of
from outcome_ingestion.core.labels.classes import respelled
from outcome_ingestion.core.labels.due import Arrivals
from outcome_ingestion.core.labels.event_clock import EventClock
from outcome_ingestion.core.labels.joining import Joined, Joiner, NewRows
from outcome_ingestion.core.labels.labelled_rows import with_labels
from outcome_ingestion.core.memory.consolidation import consolidate
from outcome_ingestion.core.memory.entries import Marks, ModelMemory, in_parts
from outcome_ingestion.core.memory.eviction import tidy
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.observations.observing import Kept, Observer
from outcome_ingestion.core.observations.value_rows import values_piece
from outcome_ingestion.core.rules import IngestRules

_AHEAD_US = 60_000_000
"""A time so far after its record's is of a clock that is ahead, and not of one that is a little out."""
_NO_ROWS = NewRows(pa.array([], pa.string()), *(np.empty(0, dtype=np.int64) for _ in range(4)))


def apply(
    decoded: Decoded, memory_of: Callable[[int], PartitionMemory], rules: IngestRules, counts: IngestCounts
) -> tuple[list[Frame], list[PartitionMemory]]:
    """Frames of the batch, and the memories that changed."""
    layouts = {block.layout.model_id: block.layout for block in decoded.blocks}
    for placed in decoded.labels:
        layouts.setdefault(placed.layout.model_id, placed.layout)
    for seen in decoded.observations:
        layouts.setdefault(seen.layout.model_id, seen.layout)
    kept: dict[str, list[Kept]] = {model_id: [] for model_id in layouts}
    pieces: dict[str, list[Piece]] = {model_id: [] for model_id in layouts}
    memories = []
    batch = Batch(layouts, decoded, counts)
    for partition, share in sorted(shares_of(decoded).items()):
        memory = memory_of(partition)
        memories.append(memory)
        for part in parts_of(share, memory, batch):
            for model_id in part.models:
                kept[model_id] += _observe(part, memory, layouts[model_id], counts)
                _advance(memory.of(model_id), part.arrivals[model_id], layouts[model_id], counts)
                pieces[model_id] += _apply_model(part, memory, layouts[model_id], counts)
            memory.total += len(part.places)
        for model_id in share.models:
            memory.of(model_id).observed.write_down(model_id, memory)
            memory.mark_clock(model_id)
        tidy(memory)
    frames = [frame for m, found in pieces.items() if found for frame in assemble(layouts[m], found, rules.most)]
    for model_id, values in kept.items():
        frames += assemble(layouts[model_id], [values_piece(values, layouts[model_id])], rules.most) if values else []
    return frames, memories


def _advance(model: ModelMemory, coming: Arrivals, layout: Layout, counts: IngestCounts) -> None:
    """Move the clocks of a model's rows and labels, and count times that are ahead.

    A model on the wall clock: no record moves its clock past the time of the log. One that goes by event
    time: ahead is what lies further before all others than a label may come late.
    """
    if len(coming.row_places):
        _take(model.row_clock, coming.row_times, coming.row_log, layout, counts)
    if len(coming.label_places):
        _take(model.label_clock, coming.label_times, coming.label_log, layout, counts)


def _take(clock: EventClock, times: Ints, log: Ints, layout: Layout, counts: IngestCounts) -> None:
    if layout.spec.clock == "wall":
        ahead = int(np.count_nonzero(times > log + _AHEAD_US))
        clock.take(np.minimum(times, log), trusted=True)
    else:
        clock.take(times, trusted=False)
        ahead = int(np.count_nonzero(times > clock.value + layout.give_up_us)) if clock.value else 0
    _count_ahead(layout.model_id, ahead, counts)


def _count_ahead(model_id: str, ahead: int, counts: IngestCounts) -> None:
    if ahead:
        counts.ahead[model_id] = counts.ahead.get(model_id, 0) + ahead


def _observe(share: Share, memory: PartitionMemory, layout: Layout, counts: IngestCounts) -> list[Kept]:
    """What values of series have to say: labels of forecasts, which join the others, and rows for the archive."""
    feature = key_feature(layout.spec)
    if feature is None:
        return []
    model_id = layout.model_id
    _, new = _new_rows(share, model_id)
    coming, observations = share.arrivals[model_id], share.observations.get(model_id, [])
    clock: dict[int, int] = {}
    if observations:
        said = coming.ahead_labels(memory.of(model_id)).newest_after
        clock = dict(zip(coming.label_places.tolist(), said.tolist(), strict=True))
    observed = Observer(layout, memory, new, feature, clock).run(observations)
    _count_ahead(model_id, observed.ahead, counts)
    if observed.labels:
        share.labels.setdefault(model_id, []).extend(observed.labels)
    return observed.kept


def _apply_model(share: Share, memory: PartitionMemory, layout: Layout, counts: IngestCounts) -> list[Piece]:
    """One model in one partition: what is remembered, and the rows that go out."""
    model_id = layout.model_id
    model, items = memory.of(model_id), share.labels.get(model_id, [])
    batch, new = _new_rows(share, model_id)
    joined = Joined()
    if items or model.early:
        joined = Joiner(model_id, memory, new, layout.give_up_us, share.places, tuple(layout.target)).run(items)
    pieces = []
    if batch is not None:
        batch = _with_earlier_labels(batch, joined, layout)
        pieces += _remember(memory, model_id, batch, new, dict(share.admissions[model_id].again))
    pieces += label_pieces(joined.joins, batch, layout)
    _write_down(memory, model_id, new, joined)
    for delay in joined.delays_us:
        counts.delays.setdefault(model_id, DelayHistogram()).add(delay)
    return pieces


def _new_rows(share: Share, model_id: str) -> tuple[pa.RecordBatch | None, NewRows]:
    """The admitted rows of a model, as a frame has them; None where there are none."""
    admission = share.admissions.get(model_id)
    if admission is None or not len(admission.rows):
        return None, _NO_ROWS
    block = share.blocks[model_id]
    if len(admission.rows) != len(block):
        block = block.take(admission.rows)
    batch = complete(block)
    predicted_at, labelled_at = (microseconds(batch.column(name)) for name in ("predicted_at", "labelled_at"))
    return batch, NewRows(block.ids, block.places, admission.ordinals, predicted_at, labelled_at.copy(), batch)


def _with_earlier_labels(batch: pa.RecordBatch, joined: Joined, layout: Layout) -> pa.RecordBatch:
    """The new rows with the labels that were there before them."""
    if not joined.before:
        return batch
    events = batch.column("event")
    labels = {
        row: (item, "example" if events[row].as_py() == "example" else "outcome") for row, item in joined.before.items()
    }
    return respelled(with_labels(batch, labels, list(layout.target)), layout)


def _remember(
    memory: PartitionMemory, model_id: str, batch: pa.RecordBatch, new: NewRows, again: dict[int, int]
) -> list[Piece]:
    """Write the new rows down, as many at a time as a frame has: its bytes then serve as state too.

    `again` has, by ordinal, the ordinal of the prediction that had the id before.
    """
    pieces, end, stamps = [], 0, stamps_of(new.predicted_at)
    for rows in cut(batch, memory.rules.most):
        start, end = end, end + len(rows)
        part, seq = slice(start, end), memory.take_seq()
        own = new.ordinals[part]
        before = tuple((row, again[at]) for row, at in enumerate(own.tolist()) if at in again) if again else ()
        memory.remember(model_id, seq, Known(new.ids.slice(start, len(rows)), own, stamps[part]), before)
        _hold(memory, model_id, seq, rows, new.ordinals[part])
        pieces.append(Piece(new.places[part], rows, full=end < len(batch) or len(rows) == memory.rules.frame_rows))
        consolidate(memory, model_id)
    return pieces


def _hold(memory: PartitionMemory, model_id: str, seq: int, batch: pa.RecordBatch, ordinals: Ints) -> None:
    """Hold rows that wait for a label, and where corrections are taken the labelled ones too."""
    which = np.arange(len(batch))
    if memory.rules.correctable_rows == 0:
        which = np.flatnonzero(batch.column("labelled_at").is_null().to_numpy(zero_copy_only=False))
    if len(which):
        held = batch if len(which) == len(batch) else batch.take(pa.array(which))
        memory.hold(model_id, seq, held, ordinals[which])


def _write_down(memory: PartitionMemory, model_id: str, new: NewRows, joined: Joined) -> None:
    """Marks first: what they say of labels that waited is of those before this batch, and not of its own."""
    model, limit = memory.of(model_id), memory.rules.frame_bytes // 2
    several = _labels_with_parts(model, new, joined)
    joins = joined.label_joins
    for join in joins:
        if join.chunk is None and (place := model.held.find(int(new.ordinals[join.row]))) is not None:
            memory.label(*place, join.item)
    for ordinal, said in joined.rated.items():
        model.held.rate(ordinal, said)
    end = int(new.ordinals[-1]) + 1 if len(new.ordinals) else memory.total
    every = bool(model.held.firsts) and model.held.firsts[0] < end - memory.rules.remembered_rows
    rows = _rows_of(model, new, joined, every=every) if every or model.earlier or joined.apart else []
    most = limit // 2 if rows else limit  # a label with its row takes up to twice as much
    marks = in_parts([(join.item.prediction_id, join.item.at) for join in joins], most)
    rated = [(ordinal, *said) for ordinal, said in joined.rated.items()]
    written = (marks, in_parts(joined.found, most), in_parts(several, most), in_parts(rated, most))
    for labelled, found, kept, told in zip_longest(*written, fillvalue=()):
        named = {*labelled, *((item.prediction_id, item.at) for item in kept)} if rows else set()
        own = [one for one in rows if one[:2] in named]
        memory.mark(model_id, Marks(list(labelled), list(found), items=list(kept), rows=own, rated=list(told)))
    for items in in_parts(list(joined.early.values()), limit):
        memory.waiting.keep(model_id, memory.take_seq(), items)


def _rows_of(model: ModelMemory, new: NewRows, joined: Joined, *, every: bool) -> list[tuple[str, int, int]]:
    """(Id, time, ordinal) of labels whose id was used again; of every label, if rows wait that are older than what is
    remembered: one of them may have the id of a row that is forgotten before it."""
    before = [(item, int(new.ordinals[row])) for row, item in joined.before.items()]
    joins = [
        (join.item, int((new if join.chunk is None else join.chunk).ordinals[join.row])) for join in joined.label_joins
    ]
    again = model.earlier.keys() | joined.apart
    return [(item.prediction_id, item.at, at) for item, at in (*before, *joins) if every or item.prediction_id in again]


def _labels_with_parts(model: ModelMemory, new: NewRows, joined: Joined) -> list[LabelItem]:
    """Labels of which a part may be corrected alone, in the order in which they came to be.

    Those of rows that were there first are taken up here.
    """
    found = []
    for row, item in joined.before.items():
        place = model.held.find(int(new.ordinals[row])) if item.times else None
        if place is not None:
            place[0].labels[place[1]] = item
            found.append(item)
    return [*found, *(join.item for join in joined.label_joins if join.item.has_parts)]
