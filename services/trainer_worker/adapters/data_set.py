"""The rows of a run, read from the archive by the request's rule."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftloop.archive import ArchivedRows, archived_until, read_rows
from driftloop.contracts.message import FramePosition
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingData
from driftloop.learners.protocol import Column, Rows
from driftloop.learners.targets import known_labels
from driftloop.spec.forecast import feature_steps, label_steps, prediction_steps
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.train.quality import (
    QualityReport,
    absurd_findings,
    absurd_labels,
    beyond_findings,
    inspect,
)
from trainer_worker.core.train.split import doubtful, label_weights, mixed_rows

_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class DataSet:
    """Labelled rows in stream order. `offsets` are those of the frames they came in.

    `predicted_at` is in milliseconds since 1970.
    """

    rows: Rows
    predicted_at: NDArray[np.int64]
    pseudo: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    described: TrainingData
    quality: QualityReport
    said: Mapping[str, Column] = field(default_factory=dict)
    """What was predicted of each row in production, of a model that others serve."""
    said_by: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))
    """The version that predicted it; None for an example."""


def read_data_set(archive_uri: str, request: TrainingRequest, spec: ModelSpec, wait_seconds: float) -> DataSet:
    """The rows that the request names, once the archive has them.

    Raises ValueError, with a sentence, where the archive does not get there in time or has no rows.
    """
    await_archive(archive_uri, request.data.until, wait_seconds)
    data = data_set(rows_of_rule(archive_uri, request.model_id, request.data), spec, request.data)
    refusal = data.quality.refusal()
    if refusal is not None:
        raise ValueError(f"the rows are not fit to learn from: {refusal}")
    return data


def rows_of_rule(archive_uri: str, model_id: str, rule: DataRule) -> ArchivedRows:
    """The archived rows that a rule names, those in quarantine left out; none where there is no table."""
    found = read_rows(archive_uri, model_id, rule.until, rule.rows)
    return found.without([(span.oldest, span.newest) for span in rule.left_out])


def await_archive(archive_uri: str, until: FramePosition, wait_seconds: float) -> None:
    """Return when the archive holds the frame `until`; raises ValueError after `wait_seconds`."""
    deadline = time.monotonic() + wait_seconds
    while (reached := archived_until(archive_uri, until.partition)) <= until.offset:
        if time.monotonic() > deadline:
            raise ValueError(
                f"the archive has frames up to offset {reached - 1} of partition {until.partition} and did not reach "
                f"{until.offset} within {wait_seconds:g} seconds: is the archive role running?"
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def data_set(found: ArchivedRows, spec: ModelSpec, rule: DataRule | None = None) -> DataSet:
    """Archived rows as a learner wants them; rows with a missing label are left out.

    With a `rule` that mixes older rows in, those that it does not choose are left out too: what is described,
    hashed and inspected is what is learnt from.
    """
    if len(found) == 0:
        raise ValueError("the archive holds no labelled rows of this model up to that frame")
    features = {
        name: found.feature(name, feature.kind, feature_steps(spec, name)) for name, feature in spec.features.items()
    }
    labels = {name: found.label(name, field.kind, label_steps(spec)) for name, field in spec.target.items()}
    weights = label_weights(found.label_sources, found.weights, spec.training.label_weights)
    rows = Rows(features, labels, weights, found.predicted_at if _goes_by_time(spec) else None)
    unsure = doubtful(found.label_sources, found.confidences, spec.training.pseudo_confidence)
    labelled = np.flatnonzero(known_labels(rows, spec.target) & ~unsure)
    if not len(labelled):
        raise ValueError("no archived row of this model has all its labels")
    given = rows.take(labelled).labels
    wrong = absurd_labels(spec, given)
    remarks = [*absurd_findings(spec, given, wrong), *beyond_findings(labels, "labels")]
    sound = labelled[~wrong]
    whole = sound if rule is None else sound[mixed_rows(rule, len(sound))]
    rows, offsets = rows.take(whole), found.frame_offsets[whole]
    quality = inspect(spec, rows, left_out=len(labelled) - len(sound), findings=remarks)
    described = TrainingData(
        first=FramePosition(partition=found.partition, offset=int(offsets[0])),
        last=FramePosition(partition=found.partition, offset=int(offsets[-1])),
        rows=len(rows),
        sha256=hash_rows(rows, offsets),
    )
    said: dict[str, Column] = {}
    said_by = np.empty(0, dtype=object)
    if spec.serving == "external":
        said = {
            name: found.prediction(name, target.kind, prediction_steps(spec))[whole]
            for name, target in spec.target.items()
        }
        said_by = np.array(found.model_versions, dtype=object)[whole]
    pseudo = found.label_sources[whole] == "pseudo"
    return DataSet(rows, found.predicted_at[whole], pseudo, offsets, described, quality, said, said_by)


def _goes_by_time(spec: ModelSpec) -> bool:
    """Whether what is learnt depends on when rows were predicted."""
    recency = spec.training.recency
    return spec.forecast is not None or (recency is not None and recency.half_life_days is not None)


def hash_rows(rows: Rows, offsets: NDArray[np.int64]) -> str:
    """A SHA-256 over every value that is learnt from, in a fixed order: equal rows have equal hashes."""
    digest = hashlib.sha256()
    columns: dict[str, Column] = {f"feature.{name}": column for name, column in rows.features.items()}
    columns |= {f"label.{name}": column for name, column in rows.labels.items()}
    columns |= {"weight": np.ones(len(rows)) if rows.weights is None else rows.weights, "offset": offsets}
    columns |= {} if rows.at is None else {"at": rows.at}
    for name in sorted(columns):
        digest.update(name.encode() + b"\0")
        digest.update(_bytes(columns[name]))
    return digest.hexdigest()


def _bytes(column: Column) -> bytes:
    if column.dtype == object:
        return b"".join(b"\1" if value is None else b"\2" + str(value).encode() + b"\0" for value in column)
    little = column.astype("<i8" if column.dtype.kind == "i" else "<f8")
    return np.ascontiguousarray(
        np.where(np.isnan(little), np.nan, little) if little.dtype.kind == "f" else little
    ).tobytes()
