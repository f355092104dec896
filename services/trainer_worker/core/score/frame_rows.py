"""The rows of a frame that versions are judged by, as learners want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, SEGMENT, SHADOW, Frame
from driftloop.codec.series import matrix_of
from driftloop.learners.protocol import Column, Rows
from driftloop.spec.forecast import feature_steps, label_steps, prediction_steps
from driftloop.spec.model_spec import ModelSpec

_JUDGED = pa.array(["outcome", "label"])
_LABELLED = pa.array(["outcome", "label", "example"])


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Labelled predictions: the rows, what was said about them at the time and by which version."""

    rows: Rows
    said: Mapping[str, Column]
    said_by: NDArray[np.object_]
    segments: Mapping[str, NDArray[np.object_]]
    shadows: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    """By version that ran in the shadow, what it said: the fields of the target."""

    def __len__(self) -> int:
        return len(self.said_by)


def judged_rows(frame: Frame, spec: ModelSpec) -> JudgedRows:
    """Rows with event `outcome` or `label`: each labelled prediction once, corrections left out.

    A pseudo-label is what some version said: no evidence of what any version loses.
    """
    return _judged(frame.batch.filter(_evidence(frame.batch)), spec)


def _evidence(batch: pa.RecordBatch) -> pa.BooleanArray:
    """Which rows versions are judged by."""
    return pc.and_(pc.is_in(batch.column("event"), value_set=_JUDGED), told_by_somebody(batch))


def told_by_somebody(batch: pa.RecordBatch) -> pa.BooleanArray:
    """Which rows have a label that is no pseudo-label, or none."""
    return pc.fill_null(pc.not_equal(batch.column("label_source"), "pseudo"), fill_value=True)


def rows_at(frame: Frame, spec: ModelSpec, places: Sequence[int]) -> JudgedRows:
    """The rows at some places of a frame, whatever their events: those of corrections."""
    return _judged(frame.batch.take(pa.array(places, pa.int64())), spec)


def _judged(batch: pa.RecordBatch, spec: ModelSpec) -> JudgedRows:
    steps = prediction_steps(spec)
    said = {name: column(batch, PREDICTION + name, target.kind, steps) for name, target in spec.target.items()}
    segments = {name: column(batch, SEGMENT + name, "category") for name in spec.segments}
    said_by = column(batch, "model_version", "category")
    return JudgedRows(_labelled(batch, spec), said, said_by, segments, _shadows(batch, spec))


def _shadows(batch: pa.RecordBatch, spec: ModelSpec) -> dict[str, dict[str, Column]]:
    """What each version that ran in the shadow said; one that left a field of the target out is no such version."""
    last = f".{next(iter(spec.target))}"
    ends = [name for name in batch.schema.names if name.startswith(SHADOW) and name.endswith(last)]
    found = {}
    for version in [name.removeprefix(SHADOW).removesuffix(last) for name in ends]:
        names = {name: f"{SHADOW}{version}.{name}" for name in spec.target}
        if set(names.values()) <= set(batch.schema.names):
            steps = prediction_steps(spec)
            found[version] = {name: column(batch, names[name], spec.target[name].kind, steps) for name in names}
    return found


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Every row that could be learnt from, and which of them versions are judged by."""

    rows: Rows
    judged: NDArray[np.bool_]


def labelled_rows(frame: Frame, spec: ModelSpec) -> LabelledRows:
    """Rows with event `outcome`, `label` or `example`, in their order; the last are not judged by."""
    batch = frame.batch.filter(pc.is_in(frame.batch.column("event"), value_set=_LABELLED))
    judged = _evidence(batch).to_numpy(zero_copy_only=False)
    return LabelledRows(_labelled(batch, spec), judged)


def _labelled(batch: pa.RecordBatch, spec: ModelSpec) -> Rows:
    features = {
        name: column(batch, FEATURE + name, feature.kind, feature_steps(spec, name))
        for name, feature in spec.features.items()
    }
    labels = {name: column(batch, LABEL + name, target.kind, label_steps(spec)) for name, target in spec.target.items()}
    return Rows(features, labels, at=None if spec.forecast is None else _milliseconds(batch.column("predicted_at")))


def _milliseconds(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64) // 1000


def column(batch: pa.RecordBatch, name: str, kind: str, steps: int = 0) -> Column:
    """A column of a frame: float64 with NaN, or text with None; all missing where the frame lacks it.

    A series is rows × `steps`.
    """
    if kind == "series":
        there = name in batch.schema.names and pa.types.is_list(batch.schema.field(name).type)
        return matrix_of(batch.column(name), steps) if there else np.full((batch.num_rows, steps), np.nan)
    if name not in batch.schema.names:
        empty = np.full(batch.num_rows, np.nan) if kind == "number" else np.full(batch.num_rows, None, dtype=object)
        return np.asarray(empty)
    if kind == "number":
        cast = pc.cast(batch.column(name), pa.float64())
        return np.asarray(cast.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.array(pc.cast(batch.column(name), pa.string()).to_pylist(), dtype=object)
