"""Plays a recording through a running loop: predict a block, tell the loop, let it think, go on.

Why lockstep is the default: a loop that is still busy with block 17 while block 18 is predicted
gives other results on a slower machine. In lockstep every service has come to the end of its input
before the next block, so the result is a function of the recording alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.contracts.message import ControlMessage, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS
from driftloop.counted import counted
from driftloop.errors import UserError
from driftloop.learners.protocol import Column, Predictions
from driftloop.serving.router import canary_router
from driftloop.serving.version import Champion
from driftloop.statistics.losses import row_losses
from driftloop.tools.registry.declaring import spec_message
from driftloop.tools.replay.journal import Journal
from driftloop.tools.replay.options import LOCKSTEP
from driftloop.tools.replay.recording import Recording
from driftloop.tools.replay.stream import label_message, outcome_batch, row_id
from driftloop.tools.replay.wire import Wire

EXAMPLE_ROWS = 1000
CHAMPION_SECONDS = 600.0


class Audience(Protocol):
    """Who is told how a replay gets on."""

    def stage(self, sentence: str) -> None:
        """Something began."""
        ...

    def message(self, message: ControlMessage) -> None:
        """The loop said something about the model."""
        ...

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None:
        """Rows were predicted; the mean losses of the champion and of the first version."""
        ...


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it. `served` and `frozen` hold the streamed rows' predictions by target field.

    `confidence`: of what was served, where the versions have one.
    """

    served: dict[str, Column]
    frozen: dict[str, Column]
    versions: list[str]
    journal: Journal
    confidence: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said of a block of rows, and by which version each."""

    said: Predictions
    versions: list[str]


@dataclass(frozen=True, slots=True)
class Pace:
    """How rows are streamed: lockstep, or at most so many rows a second (None: as fast as possible)."""

    name: str
    rows_per_second: float | None = None
    label_delay_rows: int = 0


class Player:
    """Plays one recording; use once."""

    def __init__(self, recording: Recording, wire: Wire, pace: Pace, audience: Audience) -> None:
        self._recording, self._wire, self._pace, self._audience = recording, wire, pace, audience
        self._model_id = recording.spec.model_id
        self._labelled = recording.train_rows

    def play(self) -> Played:
        """Train the first version, stream the rest; raises UserError where the loop gives up."""
        return self._stream(self._train_first())

    def _train_first(self) -> Champion:
        recording, wire = self._recording, self._wire
        self._audience.stage(f"Training the first version on {counted(recording.train_rows, 'row')}.")
        wire.control(MODEL_SPECS, spec_message(recording.spec, recording.time.start))
        for start in range(0, recording.train_rows, EXAMPLE_ROWS):
            rows = slice(start, min(start + EXAMPLE_ROWS, recording.train_rows))
            self._publish(rows, labelled=True)
        wire.flush()
        wire.settle()
        wire.control(MODEL_COMMANDS, _first_training(recording))
        wire.settle()
        wire.refresh()
        failure = next((result.failure for result in wire.journal.results.values() if result.failure), None)
        if failure and wire.champion() is None:
            raise UserError(f"The first version could not be trained: {failure}")
        return wire.wait_for_champion(CHAMPION_SECONDS)

    def _stream(self, first: Champion) -> Played:
        served: list[Predictions] = []
        frozen: list[Predictions] = []
        versions: list[str] = []
        lockstep = self._pace.name == LOCKSTEP
        started = time.monotonic()
        self._audience.stage("Streaming.")
        for rows in self._recording.blocks():
            champion = self._wire.champion() or first
            self._recording.act(rows, champion.predict)
            answer = self._answers(champion, rows)
            served.append(answer.said)
            frozen.append(served[-1] if {*answer.versions} == {first.version} else self._predict(first, rows))
            versions += answer.versions
            self._tell(rows, answer, self._wire.settle if lockstep else self._wire.flush)
            if lockstep:
                self._wire.refresh()
            self._keep_pace(started, rows.stop)
            self._audience.block(rows, champion.version, self._loss(served[-1], rows), self._loss(frozen[-1], rows))
        self._publish_labels(len(self._recording))
        self._wire.settle()
        return Played(_joined(served), _joined(frozen), versions, self._wire.journal, _confidence(served))

    def _tell(self, rows: slice, answer: Answers, settle: Callable[[], None]) -> None:
        delay = self._pace.label_delay_rows
        if self._recording.readings:
            self._wire.control(MODEL_COMMANDS, _readings(self._recording, rows.start))
        self._publish(rows, labelled=delay == 0, answer=answer)
        self._wire.flush()
        settle()
        if delay:
            self._publish_labels(rows.stop - delay)
            settle()

    def _publish(self, rows: slice, *, labelled: bool, answer: Answers | None = None) -> None:
        said = answer.said if answer else None
        batch: pa.RecordBatch = outcome_batch(
            self._model_id,
            self._recording.time,
            rows.start,
            self._recording.features_of(rows),
            labels=self._recording.labels_of(rows) if labelled else None,
            predictions=said.fields if said else None,
            confidence=said.confidence if said else None,
            model_version=answer.versions if answer else None,
            also=self._recording.also_of(rows),
        )
        self._wire.publish(row_id(rows.start), batch)

    def _publish_labels(self, until: int) -> None:
        """Labels of rows before `until` that were held back, all at once."""
        recording, delay = self._recording, self._pace.label_delay_rows
        until = min(until, len(recording))
        if delay == 0 or until <= self._labelled:
            return
        rows = range(self._labelled, until)
        self._wire.label(
            [label_message(self._model_id, recording.time, row, recording.label_of(row), delay) for row in rows]
        )
        self._labelled = until

    def _answers(self, champion: Champion, rows: slice) -> Answers:
        """What is said of a block; during a live canary the challenger says its share of it."""
        said, count = self._predict(champion, rows), rows.stop - rows.start
        challenger = self._wire.challenger()
        if challenger is None or challenger.version == champion.version:
            return Answers(said, [champion.version] * count)
        router = canary_router(self._model_id, challenger.version, challenger.spec.challenge.traffic_share)
        tried = np.array([router.route(row_id(row)) == "challenger" for row in range(rows.start, rows.stop)])
        if not tried.any():
            return Answers(said, [champion.version] * count)
        theirs = self._predict(challenger, rows)
        fields = {name: _chosen(tried, theirs.fields[name], column) for name, column in said.fields.items()}
        sure = None
        if said.confidence is not None and theirs.confidence is not None:
            sure = np.where(tried, theirs.confidence, said.confidence)
        versions = [challenger.version if one else champion.version for one in tried.tolist()]
        return Answers(Predictions(fields, sure), versions)

    def _predict(self, champion: Champion, rows: slice) -> Predictions:
        return champion.predict(self._recording.features_of(rows), self._recording.at_of(rows))

    def _loss(self, said: Predictions, rows: slice) -> float:
        return float(np.nanmean(row_losses(self._recording.spec.target, said.fields, self._recording.labels_of(rows))))

    def _keep_pace(self, started: float, row: int) -> None:
        if self._pace.rows_per_second:
            due = started + (row - self._recording.train_rows) / self._pace.rows_per_second
            while (left := due - time.monotonic()) > 0:
                self._wire.check()
                time.sleep(min(left, 0.2))


def _first_training(recording: Recording) -> ModelCommand:
    return ModelCommand(
        message_id=derive_id("first-training", recording.spec.model_id),
        model_id=recording.spec.model_id,
        occurred_at=recording.time.at(recording.train_rows),
        command="retrain",
        reason=f"the first version, from the first {recording.train_rows} rows",
        requested_by="replay",
    )


def _readings(recording: Recording, row: int) -> ModelCommand:
    return ModelCommand(
        message_id=derive_id("readings", recording.spec.model_id, row),
        model_id=recording.spec.model_id,
        occurred_at=recording.time.at(row),
        command="report",
        readings={name: float(column[row]) for name, column in recording.readings.items()},
        reason="the host's figures in the recording",
        requested_by="replay",
    )


def _chosen(which: NDArray[np.bool_], these: Column, others: Column) -> Column:
    """A row of `these` where `which` says so, of `others` elsewhere: of a forecast all its steps."""
    return np.where(which.reshape(-1, *[1] * (others.ndim - 1)), these, others)


def _joined(parts: list[Predictions]) -> dict[str, Column]:
    return {name: np.concatenate([part.fields[name] for part in parts]) for name in parts[0].fields}


def _confidence(parts: list[Predictions]) -> NDArray[np.float64] | None:
    known = [part.confidence for part in parts if part.confidence is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
