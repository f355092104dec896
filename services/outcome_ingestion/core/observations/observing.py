"""Observations of a batch meet forecasts: of this batch, of earlier ones, or none.

A forecast gets its label when its last step is known, or when two values came after it; what no value told is a gap
then. From there on each value that changes a step of it is a correction, as one that comes late is. Rows and
observations are taken in the order of arrival, so that it does not matter how they were batched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from driftloop.codec.frames import VALUE, VALUE_AGAIN
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.labels.joining import NewRows
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.observations.forecast_index import Made
from outcome_ingestion.core.observations.observed_records import Observation, entities_in
from outcome_ingestion.core.observations.series import Reach, Series


class Kept(NamedTuple):
    """A value that goes on to the archive; `event` says whether one of its time went before."""

    seen: Observation
    event: str


@dataclass(slots=True)
class Observed:
    """What observations did: labels for the joiner, and values for the archive."""

    labels: list[LabelItem] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    ahead: int = 0
    """Values whose time is so far ahead that it does not say where their series is."""


class Observer:
    """Takes the observations of one model and partition, and the rows that came among them.

    A value whose time lies further past most of the newest records than a forecast is waited for does not say where its
    series is: it is the truth of a forecast of that time, and neither closes one nor makes another value late.
    """

    def __init__(
        self, layout: Layout, memory: PartitionMemory, new: NewRows, feature: str, clock: Mapping[int, int]
    ) -> None:
        """`clock` has, by place, the time that most of the newest records had reached when a value came."""
        rule = layout.spec.forecast
        assert rule is not None
        self._layout, self._memory, self._new, self._feature, self._clock = layout, memory, new, feature, clock
        self._model = memory.of(layout.model_id)
        self._reach = Reach(rule.horizon, rule.step_us)
        self._kept_us = layout.give_up_us + rule.horizon * rule.step_us
        self._entities = [] if new.batch is None else entities_in(new.batch, feature, layout.model_id).to_pylist()
        self._rows: dict[int, int] = {}
        """Ordinal → row of this batch."""
        self._newest: dict[str, int] = {}
        """Id → ordinal of the newest row of this batch that has come."""
        self._result = Observed()

    def run(self, observations: Sequence[Observation]) -> Observed:
        """Take them all."""
        self._model.forecasts.ready(self._model.held, self._feature, self._layout)
        for _, row, seen in self._arrivals(observations):
            if seen is None:
                self._take_row(row)
            else:
                self._take_value(seen)
        return self._result

    def _arrivals(self, observations: Sequence[Observation]) -> list[tuple[int, int, Observation | None]]:
        rows: list[tuple[int, int, Observation | None]] = [
            (place, row, None) for row, place in enumerate(self._new.places.tolist())
        ]
        return sorted([*rows, *((seen.place, -1, seen) for seen in observations)], key=lambda one: one[0])

    def _take_row(self, row: int) -> None:
        """A forecast has come; its truth may be known already."""
        new = self._new
        at, ordinal, place = (int(column[row]) for column in (new.predicted_at, new.ordinals, new.places))
        self._rows[ordinal] = row
        entity, prediction_id = self._entities[row], new.ids[row].as_py()
        self._newest[prediction_id] = ordinal
        self._model.forecasts.add(entity, at, ordinal)
        series = self._model.observed.series(entity)
        if series.is_complete(at, self._reach):
            self._label(series, at, prediction_id, place)

    def _take_value(self, seen: Observation) -> None:
        values, memory = self._model.observed, self._memory
        before = values.series(seen.entity).reached
        limit = self._clock[seen.place] + self._kept_us
        self._result.ahead += 0 < self._clock[seen.place] < seen.observed_at - self._kept_us
        fate = values.take(seen, self._kept_us, limit, memory)
        if fate == "repeated":
            memory.ignore("observation_repeated")
            return
        self._result.kept.append(Kept(seen, VALUE if fate == "new" else VALUE_AGAIN))
        if fate == "too_late":
            memory.ignore("observation_too_late")
            return
        series = values.series(seen.entity)
        gone: list[Made] = []
        for made in self._changed_by(seen, series, before):
            prediction_id = self._id_of(made[1])
            if prediction_id is None:
                gone.append(made)
            elif series.is_complete(made[0], self._reach) and self._is_newest(prediction_id, made[1]):
                self._label(series, made[0], prediction_id, seen.place)
        self._model.forecasts.forget(seen.entity, gone)
        values.forget(self._layout.model_id, seen.entity, self._kept_us, memory.rules.observed_values, memory)

    def _is_newest(self, prediction_id: str, ordinal: int) -> bool:
        """Whether no prediction after it has the id: a label goes by the id, and would be of that one."""
        newest = self._newest.get(prediction_id)
        if newest is None:
            newest = int(self._model.ids.find(pa.array([prediction_id], pa.string()))[0])
        return newest == ordinal

    def _changed_by(self, seen: Observation, series: Series, before: int) -> Iterator[Made]:
        """Forecasts that may be complete and of which a value tells a step, and those that it made complete."""
        of_entity, reach, at = self._model.forecasts, self._reach, seen.observed_at
        newest_known = series.times[-1] - reach.last(0)
        yield from of_entity.between(seen.entity, at - reach.end(0), min(at - reach.first(0), newest_known))
        for made in of_entity.between(seen.entity, before - reach.end(0), series.reached - reach.end(0)):
            if reach.step_of(made[0], at) > reach.horizon and not series.has_last(made[0], reach):
                yield made

    def _id_of(self, ordinal: int) -> str | None:
        """The prediction's id; None where it is held no longer."""
        row = self._rows.get(ordinal)
        if row is not None:
            found: str = self._new.ids[row].as_py()
            return found
        place = self._model.held.find(ordinal)
        return None if place is None else place[0].batch.column("prediction_id")[place[1]].as_py()

    def _label(self, series: Series, predicted_at: int, prediction_id: str, place: int) -> None:
        truth = series.truth_of(predicted_at, self._reach)
        if truth is not None:
            item = LabelItem(place, prediction_id, (truth.steps,), truth.at, truth.source, None, observed=True)
            self._result.labels.append(item)
