"""Paired losses of several versions on one frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.challenge_scores import RefusedVersion
from driftloop.errors import AwayError
from driftloop.learners.protocol import Column, Predictions
from driftloop.spec.model_spec import ModelSpec, TargetField
from driftloop.statistics.losses import row_losses
from trainer_worker.core.score.frame_rows import JudgedRows
from trainer_worker.core.score.ports import ModelShelf, NoNumbersError, RefusedArtifactError, UnscorableRowsError
from trainer_worker.core.score.shadows import predicted
from trainer_worker.core.score.versions import Scored

LOSS_DIGITS = 6
_WHOLE_FROM = 1e15
"""A float64 this large has no decimals; rounding it could only overflow."""
_LONGEST = 500
Losses = dict[str, tuple[float, ...]]
Segments = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Paired:
    """Losses by version, entry i of each the same row; `whole` tells which judged rows these are."""

    losses: Losses
    segments: Segments
    served: Segments
    whole: NDArray[np.bool_]
    refused: Mapping[str, RefusedVersion] = field(default_factory=dict)
    """Versions without losses here, and why."""
    broken: frozenset[str] = frozenset()
    """Those of them that were run on the rows and raised, or said no numbers."""

    def losses_at(self, row: int) -> dict[str, float]:
        """The losses of one of the judged rows, which must be among the paired ones."""
        place = int(self.whole[:row].sum())
        return {version: losses[place] for version, losses in self.losses.items()}

    def told(self, losses: NDArray[np.float64]) -> tuple[float, ...]:
        """Other losses on the judged rows, brought to the rows that are paired; empty where one is missing."""
        kept = rounded(losses[self.whole])
        return () if np.isnan(kept).any() else tuple(kept.tolist())


def paired_losses(shelf: ModelShelf, spec: ModelSpec, versions: Sequence[Scored], judged: JudgedRows) -> Paired:
    """Losses by version on the same rows, and the places of each segment's rows.

    A row that a version has predicted in production counts with that prediction; on the others the
    version is run. Rows with a missing loss are left out for all. A version that cannot be scored is
    refused with its reason, and the others are scored all the same. Any but the champion, which stands first, may
    come to serve on the word of its losses (promoted, rolled back to, reused): its artifact has to be there now.
    """
    found: dict[str, NDArray[np.float64]] = {}
    refused: dict[str, RefusedVersion] = {}
    broken: set[str] = set()
    for scored in versions:
        try:
            if scored is not versions[0] and scored.artifact:
                shelf.check(scored.artifact, scored.sha256)
            found[scored.version] = _losses(shelf, spec, scored, judged)
        except AwayError:
            raise  # a store that is away: no version is to blame
        except RefusedArtifactError as error:
            refused[scored.version] = RefusedVersion(reason=str(error), unusable=True)
        except UnscorableRowsError as error:
            refused[scored.version] = RefusedVersion(reason=str(error))
            broken |= {scored.version} if isinstance(error, NoNumbersError) else set()
        except Exception as error:  # noqa: BLE001  (a learner of somebody's own: what it raises is told, not swallowed)
            reason = f"it raised {type(error).__name__} on these rows: {str(error)[:_LONGEST]}"
            refused[scored.version] = RefusedVersion(reason=reason)
            broken.add(scored.version)
    table = np.array(list(found.values())).reshape(len(found), len(judged))
    whole = ~np.isnan(table).any(axis=0)
    kept = rounded(table[:, whole])
    losses = {version: tuple(row.tolist()) for version, row in zip(found, kept, strict=True)}
    scored_ones = [scored for scored in versions if scored.version in found]
    served = _served(scored_ones, judged.said_by[whole])
    return Paired(losses, _segments(judged, whole) if found else {}, served, whole, refused, frozenset(broken))


def rounded(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Losses as they are published.

    >>> rounded(np.array([0.12345678, 3e38])).tolist()
    [0.123457, 3e+38]
    """
    return np.where(np.abs(losses) < _WHOLE_FROM, np.round(np.minimum(losses, _WHOLE_FROM), LOSS_DIGITS), losses)


def _losses(shelf: ModelShelf, spec: ModelSpec, scored: Scored, judged: JudgedRows) -> NDArray[np.float64]:
    if not len(judged):
        return np.empty(0)
    others = judged.said_by != scored.version
    said: dict[str, Column] = {name: values.copy() for name, values in judged.said.items()}
    shadow = judged.shadows.get(scored.version)
    if shadow is not None:
        told = others & predicted(shadow)
        for name, column in said.items():
            column[told] = shadow[name][told]
        others &= ~told
    run = np.flatnonzero(others)
    if len(run) and scored.artifact:
        predictions = shelf.predict(scored.artifact, scored.sha256, judged.rows.take(run))
        for name, target in spec.target.items():
            said[name][run] = _said(predictions, name, target)
        run = run[:0]
    if len(run) == len(judged):
        raise UnscorableRowsError("it has no artifact, and no row of the frame holds a prediction of it")
    losses = row_losses(spec.target, said, judged.rows.labels)
    losses[run] = np.nan
    return losses


def _said(predictions: Predictions, name: str, target: TargetField) -> Column:
    """What a version says about a field of the target; raises `UnscorableRowsError` where it is another one."""
    column = predictions.fields.get(name)
    if column is None:
        learnt = ", ".join(map(repr, predictions.fields)) or "nothing"
        raise UnscorableRowsError(f"it was learnt for another target: it predicts {learnt}, the spec asks for {name!r}")
    if (target.kind != "category") == (column.dtype.kind in "OUS"):
        other = "categories" if target.kind != "category" else "numbers"
        raise UnscorableRowsError(f"it was learnt for another target: of {name!r} it predicts {other}")
    if target.kind != "category" and not np.isfinite(column.astype(np.float64)).all():
        raise NoNumbersError(f"it predicts values of {name!r} that are not numbers")
    return column


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
