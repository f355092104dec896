"""Corrected labels of rows that were scored already: what each version lost by the old label and loses by the new.

Why the log is read again: a correction is the whole row with its new label, and what the row was scored by
stands in an earlier frame. Nothing is kept for that until the first correction comes; then the labels since the
comparison began are read once, and kept up to date while frames are scored. What is found is a function of the
log, whoever was restarted in between.

A pseudo-label is what some version said: a row that has one was not scored, so its correction has nothing to take the
place of; and a label that a person gave is not put right by what a version says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import LABEL, Frame, decode_frame
from driftloop.contracts.challenge_scores import CorrectedRow
from driftloop.contracts.message import FramePosition
from driftloop.cores.record_fields import value_bytes
from driftloop.learners.protocol import Column, Rows
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.score.frame_rows import JudgedRows, rows_at, told_by_somebody
from trainer_worker.core.score.losses import paired_losses
from trainer_worker.core.score.ports import FrameLog, ModelShelf
from trainer_worker.core.score.versions import Scored

KEPT = 50_000
"""Rows of a model whose labels are remembered; a correction of an older one is not told."""

Labels = tuple[float | str | None, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """A label as a frame told it: where, and whether it was a correction."""

    offset: int
    row: int
    event: str
    labels: Labels


@dataclass(slots=True)
class _Known:
    """The labels of frames from `first` to before `following`, by prediction id."""

    first: int
    following: int
    told: dict[str, list[_Told]] = field(default_factory=dict)

    def take(self, offset: int, frame: Frame, spec: ModelSpec) -> None:
        """The next frame."""
        self.following = offset + 1
        columns = [
            _column(frame.batch, name) for name in ("event", "prediction_id", *(LABEL + one for one in spec.target))
        ]
        evidence = told_by_somebody(frame.batch).to_pylist()
        for row, (event, prediction_id, *labels) in enumerate(zip(*columns, strict=True)):
            if evidence[row] and event in {"outcome", "label", "correction"}:
                self.told.setdefault(prediction_id, []).append(_Told(offset, row, event, tuple(labels)))
        for oldest in list(self.told)[: max(len(self.told) - KEPT, 0)]:
            del self.told[oldest]

    def before(self, prediction_id: str, place: tuple[int, int]) -> tuple[int, Labels] | None:
        """The frame that a row was scored in and the label it had before `place`; None where that is not known."""
        told = [one for one in self.told.get(prediction_id, ()) if (one.offset, one.row) < place]
        if not told or told[0].event == "correction":
            return None
        return told[0].offset, told[-1].labels


class Corrections:
    """The labels of the models whose versions are compared and whose labels are corrected."""

    def __init__(self, shelf: ModelShelf, log: FrameLog) -> None:
        self._shelf, self._log = shelf, log
        self._known: dict[tuple[int, str], _Known] = {}

    def forget(self, partition: int) -> None:
        """The partition went elsewhere."""
        self._known = {key: known for key, known in self._known.items() if key[0] != partition}

    def take(
        self,
        position: FramePosition,
        frame: Frame,
        spec: ModelSpec,
        versions: Sequence[Scored],
        scored: Sequence[Scored],
    ) -> tuple[CorrectedRow, ...]:
        """The corrections in a frame of rows that were scored before, with the losses of those `scored` on it."""
        starts = [one.from_position.offset for one in versions[1:] if one.from_position is not None]
        key = position.partition, frame.header.model_id
        if not starts:
            self._known.pop(key, None)
            return ()
        corrected = pc.and_(pc.equal(frame.batch.column("event"), "correction"), told_by_somebody(frame.batch))
        places = np.flatnonzero(corrected).tolist()
        if not places and key not in self._known:
            return ()
        known = self._up_to(key, min(starts) + 1, position, frame, spec)
        ids = _column(frame.batch, "prediction_id")
        found = {row: was for row in places if (was := known.before(ids[row], (position.offset, row))) is not None}
        return self._scored(frame, spec, scored, found) if found and scored else ()

    def _up_to(
        self, key: tuple[int, str], first: int, position: FramePosition, frame: Frame, spec: ModelSpec
    ) -> _Known:
        """The labels of the frames from `first` to this one."""
        known = self._known.get(key)
        if known is None or known.first > first or known.following < first:
            known = self._known[key] = _Known(first, first)
        if known.following < position.offset:
            for record in self._log.between(key[1], key[0], known.following, position.offset - 1):
                try:
                    earlier = decode_frame(value_bytes(record), record.headers())
                except ValueError:
                    continue  # it was buried when it was scored
                known.take(record.offset(), earlier, spec)
        if known.following <= position.offset:
            known.take(position.offset, frame, spec)
        return known

    def _scored(
        self, frame: Frame, spec: ModelSpec, versions: Sequence[Scored], found: dict[int, tuple[int, Labels]]
    ) -> tuple[CorrectedRow, ...]:
        now = rows_at(frame, spec, list(found))
        was = {
            name: _labels([labels[place] for _, labels in found.values()], now.rows.labels[name])
            for place, name in enumerate(spec.target)
        }
        before, after = (paired_losses(self._shelf, spec, versions, judged) for judged in (_with_labels(now, was), now))
        told = []
        for place, (row, (offset, _)) in enumerate(found.items()):
            if before.whole[place] and after.whole[place]:
                told.append(
                    CorrectedRow(
                        row=row,
                        offset=offset,
                        before=before.losses_at(place),
                        after=after.losses_at(place),
                        segments=tuple(
                            f"{name}={of[place]}" for name, of in now.segments.items() if of[place] is not None
                        ),
                    )
                )
        return tuple(told)


def _with_labels(judged: JudgedRows, labels: dict[str, Column]) -> JudgedRows:
    return JudgedRows(Rows(judged.rows.features, labels), judged.said, judged.said_by, judged.segments, judged.shadows)


def _labels(told: Sequence[float | str | None], like: Column) -> Column:
    """Labels as a column of the kind of `like`; one of another kind (the target was another then) is missing."""
    if like.dtype == object:
        return np.array([label if isinstance(label, str) else None for label in told], dtype=object)
    return np.array([label if isinstance(label, float | int) else np.nan for label in told], dtype=np.float64)


def _column(batch: pa.RecordBatch, name: str) -> list[Any]:
    found: list[Any] = batch.column(name).to_pylist() if name in batch.schema.names else [None] * batch.num_rows
    return found
