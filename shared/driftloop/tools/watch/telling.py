"""The order in which recorded outcomes become known: rows with the labels that came at once, then the late ones.

Why not each row with its label: what a label that came three days later shows would count three days too early.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import LABEL
from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.tools.watch.outcomes import RecordedOutcomes

_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told at once: rows, or labels of rows that were told before; `rows` of them."""

    batch: pa.RecordBatch | None = None
    labels: Sequence[PredictionLabel] = ()

    @property
    def rows(self) -> int:
        """How many rows or labels."""
        return len(self.labels) if self.batch is None else int(self.batch.num_rows)


def tellings(recorded: RecordedOutcomes, size: int) -> Iterator[Telling]:
    """All rows in their order, at most `size` at once; behind them the late labels that were known by then.

    Late labels come in the order in which they became known. Those that were not known when the last row was
    predicted come at the end.
    """
    late = late_rows(recorded)
    if not len(late):
        yield from (Telling(batch) for batch in recorded.batches(size))
        return
    known = _micros(recorded.columns["labelled_at"])
    late = late[np.argsort(known[late], kind="stable")]
    predicted, told = _micros(recorded.columns["predicted_at"]), 0
    for place, batch in enumerate(_without_labels_of(recorded, late).batches(size)):
        yield Telling(batch)
        now = int(predicted[place * size + batch.num_rows - 1])
        due = max(told, int(np.searchsorted(known[late], now, side="right")))
        yield from _labels(recorded, late[told:due], size)
        told = due
    yield from _labels(recorded, late[told:], size)


def late_rows(recorded: RecordedOutcomes) -> NDArray[np.intp]:
    """The rows whose label became known after their prediction.

    Not those of which no label can be told, by an id that is too long or a time behind the calendar: ingestion refuses
    such a row as it is.
    """
    if "labelled_at" not in recorded.columns:
        return np.zeros(0, dtype=np.intp)
    known, sizes = recorded.columns["labelled_at"], pc.utf8_length(recorded.columns["prediction_id"])
    later = pc.and_(pc.greater(known, recorded.columns["predicted_at"]), pc.less_equal(known, _LATEST))
    told = pc.and_(later, pc.and_(pc.greater(sizes, 0), pc.less_equal(sizes, LONGEST_ID)))
    return np.flatnonzero(pc.fill_null(told, False).to_numpy(zero_copy_only=False))  # noqa: FBT003


def _micros(moments: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(moments.cast(pa.int64()), 0).to_numpy(), dtype=np.int64)


def _without_labels_of(recorded: RecordedOutcomes, late: NDArray[np.intp]) -> RecordedOutcomes:
    at_once = np.ones(len(recorded), dtype=bool)
    at_once[late] = False
    there = pa.array(at_once)
    blanked = [name for name in recorded.columns if name.startswith(LABEL) or name == "labelled_at"]
    return recorded.with_columns(
        {
            name: pc.if_else(there, recorded.columns[name], pa.scalar(None, recorded.columns[name].type))
            for name in blanked
        }
    )


def _labels(recorded: RecordedOutcomes, rows: NDArray[np.intp], size: int) -> Iterator[Telling]:
    target = recorded.target
    names = ("prediction_id", LABEL + target, "labelled_at")
    for first in range(0, len(rows), size):
        places = pa.array(rows[first : first + size])
        ids, truths, moments = (recorded.columns[name].take(places).to_pylist() for name in names)
        yield Telling(
            labels=[
                PredictionLabel(
                    prediction_id=one, model_id=recorded.spec.model_id, label={target: truth}, labelled_at=at
                )
                for one, truth, at in zip(ids, truths, moments, strict=True)
            ]
        )
