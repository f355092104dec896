"""Training without learning: versions that know one of two regimes, made in no time and kept nowhere."""

from collections.abc import Iterable
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.training_results import TrainingCost, TrainingData, Validation
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.profiles import make_profile
from trainer_worker.core.train.run_report import Report, Run, Succeeded

FIRST = "1.0.0"
_ROWS, _VALIDATED = 200, 6
"""Rows that a version learns from, and those that it is held against the champion on: too few for a proof."""


def truth(x: NDArray[np.float64], regime: int) -> NDArray[np.object_]:
    """Which class rows belong to; in the second regime the classes have changed places."""
    return np.where((x > 0) ^ (regime == 1), "yes", "no").astype(object)


def regime_of(version: str) -> int:
    """The regime that a version knows: the first version the first one, all others the second."""
    return 0 if version == FIRST else 1


def said_by(version: str, x: NDArray[np.float64]) -> NDArray[np.object_]:
    """What a version predicts; it is wrong on one row in ten."""
    said = truth(x, regime_of(version))
    wrong = np.arange(len(x)) % 10 == 3
    said[wrong] = np.where(said[wrong] == "yes", "no", "yes")
    return said


class Shelf:
    """Satisfies scoring's `ModelShelf`: an artifact is the version's name."""

    def predict(self, artifact: str, sha256: str | None, rows: Rows) -> Predictions:
        """Of the version in the address."""
        x = np.asarray(rows.features["x"], dtype=np.float64)
        return Predictions({"y": said_by(artifact.rpartition("/")[2], x)}, None)

    def check(self, artifact: str, sha256: str | None) -> None:
        """All are there."""


class NoRows:
    """Satisfies scoring's `LearntRows`."""

    def rows(self, artifact: str, sha256: str | None, spec: ModelSpec) -> Rows | None:
        """None are kept."""


class Instant:
    """Satisfies the trainer's `Executor`: a run has succeeded when it was started."""

    def __init__(self) -> None:
        self._ends: dict[UUID, Report] = {}

    def start(self, run: Run) -> None:
        """The same run gives the same version."""
        self._ends[run.run_id] = _succeeded(run)

    def holds(self, run_id: UUID) -> bool:
        """Whether it was started here."""
        return run_id in self._ends

    def reports(self) -> Iterable[tuple[UUID, Report]]:
        """The ends of all runs that are kept."""
        return tuple(self._ends.items())

    def cancel(self, run: Run) -> None:
        """Nothing is begun elsewhere."""

    def keep(self, run_ids: frozenset[UUID]) -> None:
        """Forget the others."""
        self._ends = {run_id: end for run_id, end in self._ends.items() if run_id in run_ids}


def _succeeded(run: Run) -> Succeeded:
    request = run.request
    random = np.random.default_rng(5)
    x = random.normal(size=_ROWS)
    labels = truth(x, regime_of(request.version))
    said = said_by(request.version, x)
    losses = (said != labels).astype(np.float64)
    half = _ROWS // 2
    profile = make_profile(
        request.model_id, request.version, run.spec, request.spec_version, Rows({"x": x}, {"y": labels}),
        Predictions({"y": said[half:]}, None), losses[half:], 1.0,
        message_id=derive_id("model-profile", request.message_id), occurred_at=request.occurred_at,
    )  # fmt: skip
    place = request.data.until or FramePosition(partition=0, offset=0)
    return Succeeded(
        artifact=f"memory://{request.model_id}/{request.version}",
        artifact_sha256="0" * 64,
        metrics={"loss": float(losses[half:].mean())},
        validation=Validation(
            challenger_losses=tuple(losses[-_VALIDATED:].tolist()),
            champion_losses=() if request.champion is None else (1.0,) * _VALIDATED,
        ),
        loss_bound=1.0,
        data=TrainingData(first=place, last=place, rows=_ROWS, sha256="1" * 64),
        cost=TrainingCost(seconds=0.0, cpu_seconds=0.0),
        profile=profile,
    )
