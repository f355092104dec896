"""Rows of a table as messages: a block of rows is one message, so that no run can split it elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS
from driftloop.codec.series import column_of
from driftloop.contracts.message import Truth
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.learners.protocol import Column

START = datetime(2026, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class EventTime:
    """When each row happened: row i at `moments[i]` (microseconds since 1970, never falling), where a file has
    times of its own; else at `start` + i × `interval`."""

    start: datetime = START
    interval: timedelta = timedelta(minutes=1)
    moments: NDArray[np.int64] | None = field(default=None, compare=False)

    def at(self, row: int) -> datetime:
        """The moment of one row; after the last one every `interval`."""
        return _EPOCH + timedelta(microseconds=int(self.microseconds(np.array([row]))[0]))

    def column(self, first: int, count: int) -> pa.Array:
        """The moments of consecutive rows."""
        return pa.array(self.microseconds(np.arange(first, first + count, dtype=np.int64))).cast(_MOMENT)

    def microseconds(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The moments of any rows, in microseconds since 1970."""
        step = self.interval // timedelta(microseconds=1)
        if self.moments is None:
            return np.asarray((self.start - _EPOCH) // timedelta(microseconds=1) + step * rows, dtype=np.int64)
        last = len(self.moments) - 1
        return np.asarray(self.moments[np.minimum(rows, last)] + step * np.maximum(0, rows - last), dtype=np.int64)


def event_time(seconds: NDArray[np.float64]) -> EventTime:
    """The time of a file whose rows happened at these seconds since 1970."""
    moments = np.round(seconds * 1e6).astype(np.int64)
    return EventTime(_EPOCH + timedelta(microseconds=int(moments[0])), moments=moments)


def row_id(row: int) -> str:
    """The prediction id of a row of the file.

    >>> row_id(1775), row_of(row_id(1775))
    ('row-00001775', 1775)
    """
    return f"row-{row:08d}"


def row_of(prediction_id: str) -> int:
    """The row of a prediction id that `row_id` gave."""
    return int(prediction_id.removeprefix("row-"))


def outcome_batch(
    model_id: str,
    time: EventTime,
    first: int,
    features: Mapping[str, Column],
    *,
    labels: Mapping[str, Column] | None = None,
    predictions: Mapping[str, Column] | None = None,
    confidence: NDArray[np.float64] | None = None,
    model_version: str | Sequence[str] | None = None,
    also: Mapping[str, Column] | None = None,
) -> pa.RecordBatch:
    """Rows `first`, `first + 1`, … as a record batch for `prediction-outcomes`; `also` are other columns of a frame.

    `model_version` is of all rows, or one for each.

    Without predictions they are labelled examples; without labels, predictions that wait for them.
    """
    count = len(next(iter(features.values())))
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array([row_id(row) for row in range(first, first + count)]),
        "predicted_at": time.column(first, count),
    }
    if model_version is not None:
        columns["model_version"] = pa.array(
            [model_version] * count if isinstance(model_version, str) else model_version
        )
    if confidence is not None:
        columns["confidence"] = _array(confidence)
    if labels is not None:
        columns["labelled_at"] = time.column(first + 1, count)
    for name, column in (also or {}).items():
        columns[name] = _array(column).cast(ROW_COLUMNS.get(name, pa.string()))
    for prefix, values in ((FEATURE, features), (PREDICTION, predictions or {}), (LABEL, labels or {})):
        columns |= {prefix + name: _array(column) for name, column in values.items()}
    return pa.RecordBatch.from_pydict(columns).replace_schema_metadata({"model_id": model_id})


def label_message(model_id: str, time: EventTime, row: int, label: Mapping[str, Truth], delay: int) -> PredictionLabel:
    """The truth about a row that became known `delay` rows later."""
    return PredictionLabel(
        prediction_id=row_id(row), model_id=model_id, label=dict(label), labelled_at=time.at(row + delay)
    )


def label_value(label: PredictionLabel) -> bytes:
    """A label as it is sent."""
    return label.model_dump_json(exclude_unset=True).encode()


def _array(column: Column) -> pa.Array:
    if column.ndim == 2:
        return column_of(column)
    return pa.array(column, type=pa.float64() if column.dtype == np.float64 else pa.string(), from_pandas=True)
