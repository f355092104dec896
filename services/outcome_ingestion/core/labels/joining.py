"""Labels of a batch meet rows: of this batch, of earlier ones, or none yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import LABEL
from outcome_ingestion.core.decode.label_items import LabelItem, Rated
from outcome_ingestion.core.frames.blocks import Ints
from outcome_ingestion.core.identity.hash_table import NOWHERE
from outcome_ingestion.core.labels.held_rows import Chunk
from outcome_ingestion.core.labels.ratings import RATING, Ratings, rating_item
from outcome_ingestion.core.memory.entries import ModelMemory
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.memory.standing import held_at, is_correctable, is_known, known_before


class Join(NamedTuple):
    """A label that goes out with its whole row. `chunk` is None where the row is of this batch."""

    item: LabelItem
    event: str
    chunk: Chunk | None
    row: int


@dataclass(slots=True)
class NewRows:
    """The rows of a batch that were admitted, of one model and partition."""

    ids: pa.StringArray
    places: Ints
    ordinals: Ints
    predicted_at: Ints
    labelled_at: Ints
    """0 where the row came without a label."""
    batch: pa.RecordBatch | None = None
    """The rows as a frame has them."""


@dataclass(slots=True)
class Joined:
    """What labels did: those that came before a row of this batch (by row), and those that go out."""

    before: dict[int, LabelItem] = field(default_factory=dict)
    joins: list[Join] = field(default_factory=list)
    early: dict[str, LabelItem] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    delays_us: list[int] = field(default_factory=list)
    apart: set[str] = field(default_factory=set)
    """Ids of which a row is in the batch, and a label went to one before it."""
    rated: dict[int, Rated] = field(default_factory=dict)
    """Ordinal → the rating that a row got since it came."""

    @property
    def label_joins(self) -> list[Join]:
        """Those that go out with a label, and not with a rating alone."""
        return [join for join in self.joins if join.event != RATING]


@dataclass(slots=True)
class _Rater:
    """What labels and ratings do alike, and what ratings do."""

    model_id: str
    memory: PartitionMemory
    new: NewRows
    give_up_us: int
    admitted_places: Ints
    """Places of all rows of the batch that were admitted in this partition, ascending."""
    fields: Sequence[str] = ()
    """The target's fields in the order of the labels' values."""
    result: Joined = field(default_factory=Joined)
    _model: ModelMemory = field(init=False)
    _coming: dict[str, int] = field(default_factory=dict)
    """Id → row of the batch that has not arrived yet."""
    _come: dict[str, int] = field(default_factory=dict)
    _older: dict[str, int] = field(default_factory=dict)
    """Id → ordinal of the label's row where it came in an earlier batch, else NOWHERE."""
    _own: dict[int, LabelItem] = field(default_factory=dict)
    """Row → the label that it has got in this batch."""
    _ratings: Ratings = field(init=False)

    def __post_init__(self) -> None:
        self._model = self.memory.of(self.model_id)
        self._ratings = Ratings(self.new.batch, self.new.ordinals, self.result.rated)

    def _came_before(self, item: LabelItem) -> int:
        """How many rows had gone on in the partition when a label came."""
        return self.memory.total + int(np.searchsorted(self.admitted_places, item.place))

    def _held(self, ordinal: int, item: LabelItem) -> tuple[Chunk, int] | None:
        """Where an earlier row is that may still get a label or a correction when a label comes."""
        return held_at(self.memory, self.model_id, ordinal, self._came_before(item))

    def _rate_arrived(self, row: int, item: LabelItem) -> None:
        """A rating alone that waited goes out with its row; truths that waited with it go on waiting."""
        if not item.rated_at:
            return
        waiting = self._waiting(item.prediction_id)
        if waiting is not None:
            self._forget_waiting(item.prediction_id)
            if not waiting.is_rating:
                self.result.early[item.prediction_id] = waiting._replace(rating=None, rated_at=0)
        self._rate(None, row, item._replace(place=int(self.new.places[row])))

    def _take_rating(self, item: LabelItem) -> None:
        """A rating alone: its row goes out with it, or it waits for the row, alone or with a label."""
        row, ordinal = self._come.get(item.prediction_id), self._older[item.prediction_id]
        is_earlier, place = self._earlier_of(item, row) if self._model.earlier else (False, None)
        if row is None and ordinal == NOWHERE:
            waiting = self._waiting(item.prediction_id)
            if waiting is not None and waiting.rated is not None and waiting.rated.at >= item.at:
                self.memory.ignore("rating_repeated")
            else:
                self.result.early[item.prediction_id] = item if waiting is None else waiting.told_as(item)
            return
        place = place if is_earlier or row is not None else self._held(ordinal, item)
        if row is not None and self._is_there(row, item):
            self._rate(None, row, item)
        elif place is not None:
            self._rate(*place, item)
        else:
            self.memory.ignore("rating_without_row")

    def _is_there(self, row: int, item: LabelItem) -> bool:
        """Whether a row of this batch may still be changed when a label or rating comes."""
        waits = not self.new.labelled_at[row]
        return waits or is_correctable(self.memory, int(self.new.ordinals[row]), self._came_before(item))

    def _rate(self, chunk: Chunk | None, row: int, item: LabelItem) -> None:
        said, of = item.rated, self.new if chunk is None else chunk
        assert said is not None
        if self._ratings.take(chunk, row, said, alone=True, waits=not of.labelled_at[row]):
            self.result.joins.append(Join(rating_item(item, said), RATING, chunk, row))
        else:
            self.memory.ignore("rating_repeated")

    def _waiting(self, prediction_id: str) -> LabelItem | None:
        """The label that waits, of this batch or an earlier one."""
        item = self.result.early.get(prediction_id)
        if item is not None:
            return item
        waiting = self._model.early.get(prediction_id)
        return None if waiting is None else waiting[1]

    def _forget_waiting(self, prediction_id: str) -> None:
        """It waits no longer."""
        self.result.early.pop(prediction_id, None)
        if self.memory.waiting.find(self.model_id, prediction_id) is not None:
            self.result.found.append(prediction_id)

    def _label_of_new(self, row: int) -> LabelItem | None:
        """The label that a row of this batch has by now."""
        if not self.new.labelled_at[row]:
            return None
        return self._own.get(row) or _label_in(self.new.batch, row, int(self.new.labelled_at[row]), self.fields)

    def _earlier_of(self, item: LabelItem, row: int | None) -> tuple[bool, tuple[Chunk, int] | None]:
        """Whether a label is of a prediction before the newest with its id, and where that one is held."""
        newest = self._older[item.prediction_id]
        place = self._held(newest, item) if row is None else None
        if place is None or item.at >= place[0].predicted_at[place[1]]:
            return False, None
        ordinals = known_before(self.memory, self.model_id, item.prediction_id, newest, self._came_before(item))
        held = [at for one in ordinals if (at := self._held(one, item)) and at[0].predicted_at[at[1]] <= item.at]
        return bool(ordinals), held[-1] if held else None

    def _sent(self, changed: LabelItem, event: str, item: LabelItem, chunk: Chunk | None, row: int) -> LabelItem:
        said = item.rated if event == "correction" else changed.rated
        return self._ratings.sent(changed, event, said, (chunk, row))

    def _ignore(self, item: LabelItem, why: str) -> None:
        """Count it. A value of a series names no row: it neither misses one, nor tells a label twice."""
        if item.observed and why in {"label_without_row", "label_repeated"}:
            return
        self.memory.ignore("duplicate" if item.repeat else why)


@dataclass(slots=True)
class Joiner(_Rater):
    """Takes the labels of one model and partition, in the order of arrival.

    A row of the batch arrives between them: labels that lie before it wait for it, as where a batch lies between. So
    what a label does depends on the order of the records alone, and not on how they were batched.
    """

    def run(self, items: list[LabelItem]) -> Joined:
        """Join them all. Chunks of earlier batches are marked at once."""
        self._coming = dict(zip(self.new.ids.to_pylist(), range(len(self.new.ids)), strict=True))
        ids = [item.prediction_id for item in items]
        self._older = dict(zip(ids, self._model.ids.find(pa.array(ids, pa.string())).tolist(), strict=True))
        surely_known = self.memory.total + len(self.admitted_places) - self.memory.rules.remembered_rows
        for item in sorted(items):
            row = self._coming.get(item.prediction_id)
            if row is not None and self.new.places[row] <= item.place:
                self._arrive(item.prediction_id)
            if self._older[item.prediction_id] < surely_known:
                self._forget_unknown(item)
            self._take(item)
        for prediction_id in sorted(self._coming.keys() & (self._model.early.keys() | self.result.early.keys())):
            self._arrive(prediction_id)
        return self.result

    def _forget_unknown(self, item: LabelItem) -> None:
        """If the row of a label no longer counts as known when the label comes, it is as one that never came."""
        name, came_before = item.prediction_id, self._came_before(item)
        if not is_known(self.memory, self.model_id, self._older[name], came_before):
            self._older[name] = NOWHERE
        row = self._come.get(name)
        if row is None or not self.new.labelled_at[row]:
            return
        ordinal, forgotten = int(self.new.ordinals[row]), came_before - self.memory.rules.remembered_rows
        if ordinal < forgotten and not is_correctable(self.memory, ordinal, came_before):
            del self._come[name]

    def _arrive(self, prediction_id: str) -> None:
        """A row goes out with the label that waited for it, unless its own is newer."""
        row = self._come[prediction_id] = self._coming.pop(prediction_id)
        item = self._waiting(prediction_id)
        if item is None:
            return
        own = None if item.is_whole or item.is_rating else self._label_of_new(row)
        if not (item.is_whole or own is not None):
            self._rate_arrived(row, item)
            return  # its other truths are still to come
        self._forget_waiting(prediction_id)
        item = item if own is None else item.with_parts(own)
        changed = _changed(item, int(self.new.labelled_at[row]), partial(self._label_of_new, row))
        if changed is None or self._too_late(item, int(self.new.predicted_at[row])):
            self._ignore(item, "label_repeated" if changed is None else "label_too_late")
            self._rate_arrived(row, item)
            return
        self.new.labelled_at[row] = changed.at
        rating = changed.rating if self._ratings.arrived(row, changed.rated) else None
        self._own[row] = self.result.before[row] = changed._replace(rating=rating, rated_at=0)

    def _take(self, item: LabelItem) -> None:
        """One label: it joins its row, or waits for it or for the truths that it lacks."""
        if item.is_rating:
            self._take_rating(item)
            return
        prediction_id = item.prediction_id
        row, ordinal = self._come.get(prediction_id), self._older[prediction_id]
        place = None if item.is_whole or not self._model.earlier else self._earlier_of(item, row)[1]
        earlier = None if place is None else _label_held(*place, self.fields)
        whole = self._completed(item) if earlier is None else item.with_parts(earlier).told_as(item)
        if not whole.is_whole:
            if row is None and ordinal != NOWHERE and self._held(ordinal, item) is None:
                self._ignore(item, "label_without_row")
            else:
                self.result.early[prediction_id] = whole
        elif self._model.earlier and self._is_of_earlier(whole, row):
            return
        elif row is None:
            self._join_older(whole, ordinal)
        else:
            self._join_new(row, whole)

    def _completed(self, item: LabelItem) -> LabelItem:
        """The label with the truths that came before it, one at a time; it lacks some where they are still to come.

        A truth whose row has a whole label already is one at once, with the other truths of that label.
        """
        waiting = self._waiting(item.prediction_id)
        if waiting is not None and not waiting.is_whole:
            self._forget_waiting(item.prediction_id)
            item = item.with_parts(waiting)
            waiting = None
        if item.is_whole:
            return item
        label = self._label_of(item) if waiting is None else waiting
        return item if label is None else item.with_parts(label).told_as(item)._replace(repeat=item.repeat)

    def _label_of(self, item: LabelItem) -> LabelItem | None:
        """The whole label that the row of another label has, where it has come."""
        row = self._come.get(item.prediction_id)
        if row is not None:
            return self._label_of_new(row)
        place = self._held(self._older[item.prediction_id], item)
        return None if place is None else _label_held(*place, self.fields)

    def _is_of_earlier(self, item: LabelItem, row: int | None) -> bool:
        """Whether the label was made before the newest prediction with its id, and so is of one before (joined)."""
        is_earlier, place = self._earlier_of(item, row)
        if not is_earlier:
            return False
        if place is None:
            self._ignore(item, "label_without_row")
        else:
            self._join_older(item, int(place[0].ordinals[place[1]]))
        return True

    def _join_new(self, row: int, item: LabelItem) -> None:
        new = self.new
        changed = _changed(item, int(self.new.labelled_at[row]), partial(self._label_of_new, row))
        event = self._event(
            item, changed, int(new.labelled_at[row]), int(new.predicted_at[row]), int(new.ordinals[row])
        )
        if event is not None and changed is not None:
            new.labelled_at[row] = changed.at
            self._own[row] = changed
            self.result.joins.append(Join(self._sent(changed, event, item, None, row), event, None, row))

    def _join_older(self, item: LabelItem, ordinal: int) -> None:
        if ordinal == NOWHERE:
            if not item.observed:  # a value of a series waits by itself
                self._wait(item)
            return
        place = self._model.held.find(ordinal)
        if place is None:
            self._ignore(item, "label_without_row")
            return
        chunk, row = place
        changed = _changed(item, int(chunk.labelled_at[row]), partial(_label_held, chunk, row, self.fields))
        event = self._event(item, changed, int(chunk.labelled_at[row]), int(chunk.predicted_at[row]), ordinal)
        if event is not None and changed is not None:
            self.memory.label(chunk, row, changed)
            if item.prediction_id in self._coming or item.prediction_id in self._come:
                self.result.apart.add(item.prediction_id)
            self.result.joins.append(Join(self._sent(changed, event, item, chunk, row), event, chunk, row))

    def _event(
        self, item: LabelItem, changed: LabelItem | None, labelled_at: int, predicted_at: int, ordinal: int
    ) -> str | None:
        """What the label is to a row that has come, which `changed` is the label of then; None to ignore it."""
        if labelled_at == 0:
            if self._too_late(item, predicted_at):
                self._ignore(item, "label_too_late")
                return None
            self.result.delays_us.append(item.at - predicted_at)
            return "label"
        if not is_correctable(self.memory, ordinal, self._came_before(item)):
            self._ignore(item, "label_without_row")  # as where the row is held no longer
            return None
        if changed is None:
            self._ignore(item, "label_repeated")
            return None
        return "correction"

    def _too_late(self, item: LabelItem, predicted_at: int) -> bool:
        return item.at - predicted_at > self.give_up_us

    def _wait(self, item: LabelItem) -> None:
        waiting = self._waiting(item.prediction_id)
        changed = _changed(item, 0 if waiting is None else waiting.at, lambda: waiting)
        if changed is None:
            self._ignore(item, "label_repeated")
            return
        if waiting is not None:
            self._ignore(item, "label_superseded")
            changed = changed.rated_as(waiting)
        self.result.early[item.prediction_id] = changed


def _label_held(chunk: Chunk, row: int, fields: Sequence[str]) -> LabelItem | None:
    """The label that a held row has by now."""
    if not chunk.labelled_at[row]:
        return None
    return chunk.labels.get(row) or _label_in(chunk.batch, row, int(chunk.labelled_at[row]), fields)


def _label_in(batch: pa.RecordBatch | None, row: int, at: int, fields: Sequence[str]) -> LabelItem:
    """The label that a row came with."""
    assert batch is not None
    known = set(batch.schema.names)
    values = (batch.column(LABEL + name)[row].as_py() if LABEL + name in known else None for name in fields)
    source = batch.column("label_source")[row].as_py()
    return LabelItem(0, batch.column("prediction_id")[row].as_py(), tuple(values), at, source, None)


def _changed(item: LabelItem, at: int, known: Callable[[], LabelItem | None]) -> LabelItem | None:
    """The label that a row, labelled `at` (0: not yet), gets by another; None where that says nothing new.

    `known` gives the one that it has. It has no truths where an earlier release joined it and did not keep them.
    """
    label = known() if at and item.has_parts else None
    if label is not None and label.is_whole:
        changed = label.observed_as(item) if item.observed else label.changed_by(item)
    else:
        changed = item if item.at > at else None
    return changed and changed._replace(observed=False)
