"""`outcome-frames`: a record batch of one model's rows and its header.

Columns: the fixed ones of `ROW_COLUMNS`, then `feature.NAME`, `prediction.FIELD`, `label.FIELD`
(float64, or string for categories), `segment.NAME` (string) and `shadow.VERSION.FIELD`. Missing
values are nulls; NaN never gets into a frame. Rows stand in the order in which they arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from driftloop.codec.arrow import COLUMN_TYPES, encode_batch
from driftloop.contracts.outcome_fields import OUTCOME_FIELDS
from driftloop.contracts.outcome_frames import FrameHeader

FEATURE, PREDICTION, LABEL, SEGMENT, SHADOW = "feature.", "prediction.", "label.", "segment.", "shadow."

VALUE, VALUE_AGAIN = "observation", "observation_again"
"""Events of rows that are a value of a series: told for the first time, or perhaps told before."""

RATED_AT = "rated_at"
"""A column that a frame has if a rating was told without a label: when it was given. In a row of event `rating` it is
that rating's time; in one of event `label` the rating stands in an earlier row of event `rating` already."""

_UNREADABLE = (pa.ArrowException, OSError, TypeError, OverflowError, MemoryError)
"""What pyarrow raises on a damaged stream, beside its kinds of ValueError."""

_PLAIN = {field.name: COLUMN_TYPES[field.kind] for field in OUTCOME_FIELDS}
_AFTER_ATTRIBUTES = ("rating",)
"""Fields that came later than `attributes`: no column of a frame moves."""

ROW_COLUMNS: dict[str, pa.DataType] = {
    "event": pa.string(),
    "prediction_id": pa.string(),
    **{name: kind for name, kind in _PLAIN.items() if name not in _AFTER_ATTRIBUTES},
    "attributes": pa.string(),
    **{name: _PLAIN[name] for name in _AFTER_ATTRIBUTES},
}
"""The columns that every frame has. `attributes` is a JSON object or null."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Validated rows of one model."""

    header: FrameHeader
    batch: pa.RecordBatch

    def names(self, prefix: str) -> list[str]:
        """Names of the columns of one kind, without the prefix.

        `frame.names(FEATURE)` gives the features in the order of the spec.
        """
        return [name.removeprefix(prefix) for name in self.batch.schema.names if name.startswith(prefix)]


def encode_frame(frame: Frame) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """The value (Arrow IPC stream) and the Kafka headers of a frame."""
    header = tuple((name, str(value).encode()) for name, value in frame.header.model_dump(mode="json").items())
    return encode_batch(frame.batch), header


def decode_header(headers: Sequence[tuple[str, bytes]] | None) -> FrameHeader:
    """The header alone; raises ValueError where a field is missing or wrong."""
    return FrameHeader.model_validate(
        {name: (value or b"").decode("utf-8", "replace") for name, value in headers or ()}
    )


def holds_values(batch: pa.RecordBatch) -> bool:
    """Whether the rows are values of series: a frame holds those or rows of predictions and labels, never both."""
    return len(batch) > 0 and batch.column("event")[0].as_py() in (VALUE, VALUE_AGAIN)


def decode_frame(value: bytes, headers: Sequence[tuple[str, bytes]] | None) -> Frame:
    """The frame in a record; raises ValueError where it is none."""
    try:
        with pa.ipc.open_stream(value) as reader:
            batches = list(reader)
        for batch in batches:
            batch.validate(full=True)
    except _UNREADABLE as error:
        raise ValueError(f"the frame is damaged: {error}") from error
    if len(batches) != 1:
        raise ValueError(f"a frame holds one record batch, this one {len(batches)}")
    return Frame(decode_header(headers), batches[0])
