"""A frame as the monitors want it: columns of numbers, losses, and which segment each row is in."""

from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import LABEL, PREDICTION, SEGMENT, Frame
from driftloop.spec.model_spec import ModelSpec, TargetField
from driftloop.statistics.losses import field_losses

Floats = NDArray[np.float64]
Where = NDArray[np.intp]

_LABELLED = pa.array(["outcome", "label", "example"])
_JUDGED = pa.array(["outcome", "label"])
_SEEN = pa.array(["prediction", "outcome"])


def numbers(column: pa.Array) -> Floats:
    """A numeric column as float64, NaN for null."""
    if pa.types.is_floating(column.type) or not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def milliseconds(column: pa.Array) -> NDArray[np.int64]:
    """Moments as milliseconds since 1970; null is 0."""
    whole = pc.fill_null(pc.cast(column, pa.int64()), 0)
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=np.int64) // 1000


def codes_of(column: pa.Array) -> tuple[NDArray[np.int32], list[str]]:
    """A text column as codes into its distinct values; null is −1."""
    encoded = pc.dictionary_encode(column)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.int32), encoded.dictionary.to_pylist()


class FrameRows:
    """The rows of a frame. Nothing is worked out before it is asked for."""

    def __init__(self, frame: Frame, spec: ModelSpec) -> None:
        self.frame, self.spec = frame, spec
        self._segments: list[tuple[str, NDArray[np.int32], list[str]]] | None = None

    @property
    def batch(self) -> pa.RecordBatch:
        """The record batch itself."""
        return self.frame.batch

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def _is(self, events: pa.Array) -> NDArray[np.bool_]:
        found = pc.is_in(self.batch.column("event"), value_set=events)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Rows whose label came in for the first time, examples too: those that a model's rows are counted by."""
        return self._is(_LABELLED)

    @cached_property
    def seen(self) -> Where:
        """Rows that are a prediction's first sight."""
        return np.flatnonzero(self._is(_SEEN))

    @cached_property
    def judged(self) -> Where:
        """Rows with a loss: predicted and labelled, no value missing."""
        return np.flatnonzero(self._is(_JUDGED) & ~np.isnan(self.losses))

    @cached_property
    def joined(self) -> Where:
        """Rows that were predicted and have their label for the first time."""
        return np.flatnonzero(self._is(_JUDGED))

    @cached_property
    def corrections(self) -> int:
        """Rows whose label was changed later."""
        return int(self._is(pa.array(["correction"])).sum())

    @cached_property
    def feedback(self) -> int:
        """Labels that a user gave, corrections among them: what "so much feedback" counts."""
        labelled = pc.not_equal(self.batch.column("event"), "prediction")
        told = pc.and_(labelled, pc.equal(self.batch.column("label_source"), "user"))
        return int(pc.sum(told).as_py() or 0)

    @cached_property
    def losses(self) -> Floats:
        """A loss for each row, NaN where prediction or label is missing."""
        found = [self._field_losses(name, target) for name, target in self.spec.target.items()]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    def _field_losses(self, name: str, target: TargetField) -> Floats:
        names = self.batch.schema.names
        if PREDICTION + name not in names or LABEL + name not in names:
            return np.full(len(self), np.nan)
        said, true = self.batch.column(PREDICTION + name), self.batch.column(LABEL + name)
        if target.kind == "number":
            return field_losses(target, numbers(said), numbers(true))
        differ = pc.cast(pc.not_equal(said, true), pa.float64())
        return np.asarray(differ.to_numpy(zero_copy_only=False), dtype=np.float64)

    @cached_property
    def versions(self) -> tuple[NDArray[np.int32], list[str]]:
        """The version that each row was predicted by, as codes."""
        return codes_of(self.batch.column("model_version"))

    @cached_property
    def predicted_at(self) -> NDArray[np.int64]:
        """When each row was predicted, in milliseconds."""
        return milliseconds(self.batch.column("predicted_at"))

    @cached_property
    def labelled_at(self) -> NDArray[np.int64]:
        """When each row was labelled, in milliseconds; 0 where it is not."""
        return milliseconds(self.batch.column("labelled_at"))

    def prediction_id(self, row: int) -> str:
        """The prediction id of one row."""
        return str(self.batch.column("prediction_id")[row].as_py())

    def segments(self) -> list[tuple[str, NDArray[np.int32], list[str]]]:
        """For each segment field of the spec: its name, codes, values (no values where the frame lacks it)."""
        if self._segments is None:
            found = [(name, self.column(SEGMENT + name)) for name in self.spec.segments]
            nowhere = np.full(len(self), -1, dtype=np.int32)
            self._segments = [
                (name, *(codes_of(column) if column is not None else (nowhere, []))) for name, column in found
            ]
        return self._segments

    def column(self, name: str) -> pa.Array | None:
        """A column by its name in the frame (`feature.x`, `prediction.y`, `confidence`); None where it is not there."""
        return self.batch.column(name) if name in self.batch.schema.names else None
