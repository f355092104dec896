"""After which record of a batch something that waits is to be given up.

Nothing is looked for where the clocks of a batch cannot reach what waits, which is nearly always. Where a record is
found the batch is parted behind it: what comes later meets a memory in which that is forgotten already.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pyarrow as pa

from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.frames.blocks import Ints
from outcome_ingestion.core.labels.event_clock import ClockAhead, EventClock
from outcome_ingestion.core.memory.entries import ModelMemory
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.memory.standing import is_known

_GRAINS = 64
"""So many times within a give-up time what waits is looked through: the times that it is compared with stand apart."""
_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows and labels of one model in the order of arrival: where each stands in the batch, and its time.

    `ids` and `waits` are of the rows: which of them came without a label. `is_trusted`: no clock goes past the log's
    own time, and only then do `row_log` and `label_log` have the times of the records.
    """

    row_places: Ints
    row_times: Ints
    row_log: Ints
    ids: pa.StringArray
    waits: Ints
    labels: Sequence[LabelItem]
    label_places: Ints
    label_times: Ints
    label_log: Ints
    is_trusted: bool

    def ahead_rows(self, model: ModelMemory) -> ClockAhead:
        """What the clock of the model's rows says while these come."""
        return self._ahead(model.row_clock, self.row_times, self.row_log)

    def ahead_labels(self, model: ModelMemory) -> ClockAhead:
        """What the clock of its labels says."""
        return self._ahead(model.label_clock, self.label_times, self.label_log)

    def _ahead(self, clock: EventClock, times: Ints, log: Ints) -> ClockAhead:
        return clock.ahead(np.minimum(times, log) if self.is_trusted else times, trusted=self.is_trusted)


@dataclass(frozen=True, slots=True)
class Due:
    """After the record at `place`, rows and labels of a model that were made before these times are given up."""

    place: int
    model_id: str
    rows_before: int
    labels_before: int


class Waiting:
    """What of a model waits, or may have to: held rows, waiting labels, and those that are coming."""

    def __init__(self, memory: PartitionMemory, model_id: str, coming: Arrivals, give_up_us: int) -> None:
        self._memory, self._model_id = memory, model_id
        self._model, self._coming, self._give_up_us = memory.of(model_id), coming, give_up_us
        self._rows = self._labels = _Earliest(_NONE, _NONE)

    def look(self, rows_before: int, labels_before: int) -> bool:
        """Whether anything was made before these times; what is coming is remembered for `is_due`."""
        self._rows, self._labels = self._coming_rows(rows_before), self._coming_labels(labels_before)
        return bool(len(self._rows.places) or len(self._labels.places)) or self._is_held(rows_before, labels_before)

    def is_due(self, due: Due) -> bool:
        """Whether something is to be given up there."""
        return (
            self._is_held(due.rows_before, due.labels_before)
            or self._rows.is_there(due.place, due.rows_before)
            or self._labels.is_there(due.place, due.labels_before)
        )

    def _is_held(self, rows_before: int, labels_before: int) -> bool:
        first = self._memory.waiting.first(self._model_id)
        return (first is not None and first.at < labels_before) or self._model.held.is_one_before(rows_before)

    def _coming_rows(self, before: int) -> "_Earliest":
        """Rows that come without a label and meet none."""
        coming = self._coming
        rows = coming.waits[coming.row_times[coming.waits] < before]
        if len(rows) and self._model.early:
            named = {item.prediction_id for item in coming.labels}
            ids, times = coming.ids.take(pa.array(rows)).to_pylist(), coming.row_times[rows].tolist()
            met = [one not in named and self._is_met(one, at) for one, at in zip(ids, times, strict=True)]
            rows = rows[~np.array(met, dtype=np.bool_)]
        return _Earliest(coming.row_places[rows], coming.row_times[rows])

    def _is_met(self, prediction_id: str, at: int) -> bool:
        waiting = self._model.early.get(prediction_id)
        return waiting is not None and waiting[1].is_whole and waiting[1].at - at <= self._give_up_us

    def _coming_labels(self, before: int) -> "_Earliest":
        """Labels whose row has not come in an earlier batch, or that lack a truth."""
        old = sorted((item for item in self._coming.labels if item.at < before), key=attrgetter("place"))
        if not old:
            return _Earliest(_NONE, _NONE)
        ordinals = self._model.ids.find(pa.array([item.prediction_id for item in old], pa.string())).tolist()
        total = self._memory.total + len(self._coming.row_places)
        times = Counter(item.prediction_id for item in self._coming.labels)
        unmet = [
            (item.place, item.at)
            for item, ordinal in zip(old, ordinals, strict=True)
            if not (item.is_whole and self._meets(ordinal, total, only=times[item.prediction_id] == 1))
        ]
        places, made = np.array(unmet, dtype=np.int64).reshape(-1, 2).T
        return _Earliest(places, made)

    def _meets(self, ordinal: int, total: int, *, only: bool) -> bool:
        """Whether a label surely finds its row. One that is known because it waits may be so no longer for a second."""
        is_new = ordinal >= total - self._memory.rules.remembered_rows
        return (is_new or only) and is_known(self._memory, self._model_id, ordinal, total)


class _Earliest:
    """Places, ascending, and the earliest time up to each."""

    def __init__(self, places: Ints, times: Ints) -> None:
        self.places = places
        self._earliest = np.minimum.accumulate(times)

    def is_there(self, place: int, before: int) -> bool:
        """Whether one up to a place was made before a time."""
        count = int(np.searchsorted(self.places, place, side="right"))
        return count > 0 and int(self._earliest[count - 1]) < before


def first_due(memory: PartitionMemory, model_id: str, coming: Arrivals, give_up_us: int) -> Due | None:
    """The first record after which something of a model is to be given up; None where there is none.

    Rows count by the labels' clock, and labels by the rows': one topic may run ahead of the other. Where nothing comes
    on the other topic, twice the time on their own has to do.
    """
    model, waiting = memory.of(model_id), Waiting(memory, model_id, coming, give_up_us)
    rows, labels = coming.ahead_rows(model), coming.ahead_labels(model)
    if not waiting.look(*_before(rows.latest, labels.latest, give_up_us)):
        return None
    if not waiting.look(*_before(rows.most, labels.most, give_up_us)):  # one time may be of another century
        return None
    points = {int(coming.row_places[count - 1]) for count in rows.points}
    points |= {int(coming.label_places[count - 1]) for count in labels.points}
    for place in sorted(points):
        rows_at = rows.after(int(np.searchsorted(coming.row_places, place, side="right")))
        labels_at = labels.after(int(np.searchsorted(coming.label_places, place, side="right")))
        due = Due(place, model_id, *_before(rows_at, labels_at, give_up_us))
        if waiting.is_due(due):
            return due
    return None


def _before(rows_at: int, labels_at: int, give_up_us: int) -> tuple[int, int]:
    """Times before which rows, and labels, are given up."""
    grain = max(give_up_us // _GRAINS, 1)
    rows = max(labels_at - give_up_us, rows_at - 2 * give_up_us)
    labels = max(rows_at - give_up_us, labels_at - 2 * give_up_us)
    return rows // grain * grain, labels // grain * grain
