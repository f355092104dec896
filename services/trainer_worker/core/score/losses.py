"""Paired losses of several versions on one frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.losses import row_losses
from trainer_worker.core.score.frame_rows import JudgedRows
from trainer_worker.core.score.ports import ModelShelf
from trainer_worker.core.score.versions import Scored

LOSS_DIGITS = 6
Losses = dict[str, tuple[float, ...]]
Segments = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Paired:
    """Losses by version, entry i of each the same row; `whole` tells which judged rows these are."""

    losses: Losses
    segments: Segments
    served: Segments
    whole: NDArray[np.bool_]

    def losses_at(self, row: int) -> dict[str, float]:
        """The losses of one of the judged rows, which must be among the paired ones."""
        place = int(self.whole[:row].sum())
        return {version: losses[place] for version, losses in self.losses.items()}

    def told(self, losses: NDArray[np.float64]) -> tuple[float, ...]:
        """Other losses on the judged rows, brought to the rows that are paired; empty where one is missing."""
        kept = np.round(losses[self.whole], LOSS_DIGITS)
        return () if np.isnan(kept).any() else tuple(kept.tolist())


def paired_losses(shelf: ModelShelf, spec: ModelSpec, versions: Sequence[Scored], judged: JudgedRows) -> Paired:
    """Losses by version on the same rows, and the places of each segment's rows.

    A row that a version has predicted in production counts with that prediction; on the others the
    version is run. Rows with a missing loss are left out for all. Raises `RefusedArtifactError`.
    """
    if not len(judged):
        return Paired({scored.version: () for scored in versions}, {}, {}, np.zeros(0, dtype=np.bool_))
    table = np.array([_losses(shelf, spec, scored, judged) for scored in versions])
    whole = ~np.isnan(table).any(axis=0)
    rounded = np.round(table[:, whole], LOSS_DIGITS)
    losses = {scored.version: tuple(row.tolist()) for scored, row in zip(versions, rounded, strict=True)}
    return Paired(losses, _segments(judged, whole), _served(versions, judged.said_by[whole]), whole)


def _losses(shelf: ModelShelf, spec: ModelSpec, scored: Scored, judged: JudgedRows) -> NDArray[np.float64]:
    run = np.flatnonzero(judged.said_by != scored.version)
    said: dict[str, Column] = {name: values.copy() for name, values in judged.said.items()}
    if len(run):
        predictions = shelf.predict(scored.artifact, scored.sha256, judged.rows.take(run))
        for name in spec.target:
            said[name][run] = predictions.fields[name]
    return row_losses(spec.target, said, judged.rows.labels)


def _served(versions: Sequence[Scored], said_by: NDArray[np.object_]) -> Segments:
    """The rows that each version has predicted in production; nothing where one served them all."""
    found = {scored.version: tuple(np.flatnonzero(said_by == scored.version).tolist()) for scored in versions}
    serving = {version: places for version, places in found.items() if places}
    return serving if len(serving) > 1 else {}


def _segments(judged: JudgedRows, whole: NDArray[np.bool_]) -> Segments:
    found: Segments = {}
    for name, values in judged.segments.items():
        kept = values[whole]
        for value in sorted({value for value in kept if value is not None}):
            found[f"{name}={value}"] = tuple(np.flatnonzero(kept == value).tolist())
    return found
