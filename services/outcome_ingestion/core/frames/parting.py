"""The share of a partition in parts, rows admitted: each part meets a memory that has taken those before it.

A part ends where an id comes again that has a label before it, which is to be joined first, and behind a record after
which something is given up. So what becomes of a record depends on those before it, and not on how they were batched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import LABEL
from outcome_ingestion.core.counts import IngestCounts
from outcome_ingestion.core.decode.decoding import Decoded, LogTimes, bury
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.frames.blocks import Block
from outcome_ingestion.core.frames.shares import Share
from outcome_ingestion.core.identity.admission import Admission, LabelPlaces, admit
from outcome_ingestion.core.identity.repeats import labels_of_repeats, parts_of_rows
from outcome_ingestion.core.identity.reuse import used_again
from outcome_ingestion.core.labels.due import Arrivals, Due, first_due
from outcome_ingestion.core.memory.entries import ModelMemory
from outcome_ingestion.core.memory.eviction import give_up, make_room_for_labels, make_room_for_rows
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.observations.forecast_index import held_entity
from outcome_ingestion.core.observations.observed_records import Observation, keys_of

_GRAINS = 64
"""Room for rows is made when so many parts of their bound have come: one by one it would cost more than the rows."""
_FEW = 64
"""Records by models that are judged again at each part rather than halved."""
_NO_TIMES = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a part needs to know of the batch that it is of."""

    layouts: Mapping[str, Layout]
    decoded: Decoded
    counts: IngestCounts


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A block, what became of its rows, and the labels that came with some of them and are joined by themselves."""

    block: Block
    admission: Admission
    repeated: Sequence[LabelItem]
    partial: Sequence[LabelItem]


@dataclass(frozen=True, slots=True)
class _End:
    """A record after which something may be given up: what waits too long, or what there is no room for."""

    place: int
    due: Due | None = None
    rows: bool = False


def parts_of(share: Share, memory: PartitionMemory, batch: Batch) -> Iterator[Share]:
    """The share, part by part; between two of them the memory gives up what is due.

    What has to be parted early is halved first: to judge all that is left at each part would cost its square.
    """
    rest = [share]
    while rest:
        one = rest.pop()
        part, admitted, stop = _admitted(one, memory)
        arrivals = _arrivals(part, admitted, batch)
        ends = _ends(arrivals, memory, batch)
        place = min((end.place for end in ends), default=None)
        if place is not None and (stop is not None or place < part.last_place):
            stop = place + 1
        if stop is not None:
            middle = one.middle
            if stop <= middle and len(one) * len(one.models) > _FEW:
                rest += [one.since(middle), one.before(middle)]
                continue
            part, admitted = _cut(one, stop, memory)
            arrivals = _arrivals(part, admitted, batch)
            rest.append(one.since(stop))
        _take_admissions(part, admitted, memory, batch)
        part.arrivals = arrivals
        yield part
        for end in ends:
            if end.place == place:
                _give_up(end, memory)


def _admitted(share: Share, memory: PartitionMemory) -> tuple[Share, list[_Admitted], int | None]:
    """As much of a share as can be judged at once, and where the next part begins."""
    blocks = list(share.blocks.values())
    admissions, stop = admit(blocks, memory, _label_places(share, memory) if blocks else {})
    if stop is not None:
        return *_cut(share, stop, memory), stop
    return share, _with_labels(blocks, admissions), None


def _cut(share: Share, stop: int, memory: PartitionMemory) -> tuple[Share, list[_Admitted]]:
    """What comes before a place that is not after the first row that cannot be judged yet."""
    part = share.before(stop)
    blocks = list(part.blocks.values())
    return part, _with_labels(blocks, admit(blocks, memory, {})[0])


def _with_labels(blocks: Sequence[Block], admissions: Sequence[Admission]) -> list[_Admitted]:
    return [
        _Admitted(one, how, labels_of_repeats(one, how.repeated), parts_of_rows(one, how.rows))
        for one, how in zip(blocks, admissions, strict=True)
    ]


def _arrivals(part: Share, admitted: Sequence[_Admitted], batch: Batch) -> dict[str, Arrivals]:
    of_model = {one.block.layout.model_id: one for one in admitted}
    return {
        model_id: _arrivals_of(part, model_id, of_model.get(model_id), batch.layouts[model_id], batch.decoded.log)
        for model_id in part.models
    }


def _arrivals_of(part: Share, model_id: str, one: _Admitted | None, layout: Layout, log: LogTimes) -> Arrivals:
    """Rows and labels with their times and those of their records."""
    labels, ids, waits = [*part.labels.get(model_id, ())], pa.array([], pa.string()), _NO_TIMES
    row_places = row_times = _NO_TIMES
    if one is not None:
        block, rows = one.block, one.admission.rows
        labels += [*one.repeated, *one.partial]
        row_places, row_times, ids, unlabelled = block.places, block.times("predicted_at"), block.ids, ~block.has(LABEL)
        if len(rows) != len(block):
            row_places, row_times, ids = row_places[rows], row_times[rows], ids.take(pa.array(rows))
            unlabelled = unlabelled[rows]
        waits = np.flatnonzero(unlabelled)
    said = sorted((item.place, item.at) for item in (*labels, *part.observations.get(model_id, ())))
    label_places, label_times = np.array(said, dtype=np.int64).T if said else (_NO_TIMES, _NO_TIMES)
    is_trusted = layout.spec.clock == "wall"
    row_log, label_log = (log.at(row_places), log.at(label_places)) if is_trusted else (_NO_TIMES, _NO_TIMES)
    return Arrivals(
        row_places, row_times, row_log, ids, waits, labels, label_places, label_times, label_log, is_trusted=is_trusted
    )  # fmt: skip


def _ends(arrivals: Mapping[str, Arrivals], memory: PartitionMemory, batch: Batch) -> list[_End]:
    """The first record of each kind after which something may be given up."""
    found = []
    for model_id, coming in arrivals.items():
        due = first_due(memory, model_id, coming, batch.layouts[model_id].give_up_us)
        if due is not None:
            found.append(_End(due.place, due))
    rows, labels = _full_of_rows(arrivals, memory), _full_of_labels(arrivals, memory)
    return [*found, *([] if rows is None else [_End(rows, rows=True)]), *([] if labels is None else [_End(labels)])]


def _full_of_rows(arrivals: Mapping[str, Arrivals], memory: PartitionMemory) -> int | None:
    """The record after which there may be more rows that wait than there is room for, of those at which it is made."""
    coming = sum(len(one.waits) for one in arrivals.values())
    if memory.waiting_rows + coming <= memory.rules.waiting_rows:
        return None
    every = memory.rules.waiting_rows // _GRAINS + 1
    places = np.sort(np.concatenate([one.row_places for one in arrivals.values()]))
    waiting = np.sort(np.concatenate([one.row_places[one.waits] for one in arrivals.values()]))
    points = places[-(memory.total + 1) % every :: every]
    counts = memory.waiting_rows + np.searchsorted(waiting, points, side="right")
    full = points[counts > memory.rules.waiting_rows]
    return int(full[0]) if len(full) else None


def _full_of_labels(arrivals: Mapping[str, Arrivals], memory: PartitionMemory) -> int | None:
    """The same of labels: room for them is made at the points of their clocks."""
    coming = sum(len(one.labels) for one in arrivals.values())
    if memory.waiting.count + coming <= memory.rules.early_labels:
        return None
    places = np.sort(np.array([item.place for one in arrivals.values() for item in one.labels], dtype=np.int64))
    full = [
        place
        for model_id, one in arrivals.items()
        for count in one.ahead_labels(memory.of(model_id)).points
        if memory.waiting.count + np.searchsorted(places, place := int(one.label_places[count - 1]), side="right")
        > memory.rules.early_labels
    ]
    return min(full, default=None)


def _give_up(end: _End, memory: PartitionMemory) -> None:
    if end.due is not None:
        give_up(memory, end.due.model_id, end.due.rows_before, end.due.labels_before)
    elif end.rows:
        make_room_for_rows(memory)
    else:
        make_room_for_labels(memory)


def _label_places(share: Share, memory: PartitionMemory) -> LabelPlaces:
    places: LabelPlaces = {}
    for model_id, items in share.labels.items():
        of_model = places.setdefault(model_id, {})
        for item in items:
            of_model.setdefault(item.prediction_id, []).append(item.place)
    for model_id, observations in share.observations.items():
        block = share.blocks.get(model_id)
        if block is not None:
            _add_observations(places.setdefault(model_id, {}), block, observations, memory.of(model_id))
    return places


def _add_observations(
    places: dict[str, list[int]], block: Block, observations: list[Observation], model: ModelMemory
) -> None:
    """A value of a series may be the last that a forecast of it waits for: it counts as a label of each.

    An id that comes again may have been that of another series. Forecasts of one series share one list of places.
    """
    of_entity: dict[str, list[int]] = {}
    for seen in observations:
        of_entity.setdefault(seen.entity, []).append(seen.place)
    entities, ordinals = keys_of(block).to_pylist(), model.ids.find(block.ids).tolist()
    for prediction_id, entity, ordinal in zip(block.ids.to_pylist(), entities, ordinals, strict=True):
        for one in {entity, held_entity(model.held, ordinal, block.layout)} & of_entity.keys():
            told, known = of_entity[one], places.get(prediction_id)
            places[prediction_id] = told if known is None or known is told else sorted({*known, *told})


def _take_admissions(part: Share, admitted: Sequence[_Admitted], memory: PartitionMemory, batch: Batch) -> None:
    counts = batch.counts
    for one in admitted:
        block, admission, model_id = one.block, one.admission, one.block.layout.model_id
        part.admissions[model_id] = admission
        if admission.again:
            counts.reused_ids[model_id] = counts.reused_ids.get(model_id, 0) + len(admission.again)
        for row in admission.refused:
            bury(block, row, used_again(block.ids[row].as_py()), batch.decoded.dead)
        memory.ignore("duplicate", len(admission.repeated) - len(one.repeated))
        if one.partial:
            counts.partly_labelled[model_id] = counts.partly_labelled.get(model_id, 0) + len(one.partial)
        if one.repeated or one.partial:
            part.labels.setdefault(model_id, []).extend([*one.repeated, *one.partial])
    places = [one.block.places[one.admission.rows] for one in admitted]
    if admitted:
        part.places = places[0] if len(places) == 1 else np.sort(np.concatenate(places))
