"""Sends recorded outcomes through ingestion and detection: their cores in this process, or the real loop.

Why no log in between: a file of a million rows would stand in memory three times. The cores are pure,
so handing one's frames to the other gives what Kafka would have carried.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from drift_detection.core.processor import DriftDetection
from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, content_header
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.topics import (
    DRIFT_SIGNALS,
    DRIFT_STATUS,
    MODEL_PROFILES,
    MODEL_SPECS,
    OUTCOME_FRAMES,
    PREDICTION_LABELS,
    PREDICTION_OUTCOMES,
)
from driftloop.errors import ExitCode, UserError
from driftloop.processor import Effects, Outgoing, Record
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.declaring import spec_message
from driftloop.tools.replay.stream import label_value
from driftloop.tools.watch.outcomes import RecordedOutcomes, start_of
from driftloop.tools.watch.telling import Telling, tellings
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.core.rules import IngestRules

ROWS_A_RECORD = 5_000
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""When the records of a file arrive: no recorded time lies in the future."""

Progress = Callable[[int, int], None]
"""Told how many rows are done, of how many."""


@dataclass(slots=True)
class Found:
    """What detection said. `refused` counts what ingestion did not take, by reason."""

    signals: list[DriftSignal] = field(default_factory=list)
    status: DriftStatus | None = None
    segments: dict[str, DriftStatus] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    def take(self, outgoing: Iterable[Outgoing]) -> None:
        """Read what was published."""
        for one in outgoing:
            if one.topic == DRIFT_SIGNALS:
                self.signals.append(DriftSignal.from_json(one.value))
            elif one.topic == DRIFT_STATUS:
                status = DriftStatus.from_json(one.value)
                if status.segment:
                    self.segments[status.segment] = status
                else:
                    self.status = status

    def count(self, ignored: Mapping[str, int]) -> None:
        """Add what was dropped. A row that waited in vain for its label was taken: it is none of them."""
        for reason, rows in ignored.items():
            if reason == "prediction_gave_up":
                continue
            self.refused[reason] = self.refused.get(reason, 0) + rows


class Player(Protocol):
    """Takes rows in and says what was found."""

    def play(self, recorded: RecordedOutcomes, profiles: Sequence[ModelProfile], progress: Progress) -> Found:
        """All rows in their order."""
        ...


class InMemory:
    """Ingestion and detection in this process."""

    def play(self, recorded: RecordedOutcomes, profiles: Sequence[ModelProfile], progress: Progress) -> Found:
        """All rows in their order; raises UserError if a batch is refused whole."""
        ingestion, detection = _cores(recorded, profiles)
        found, frames, done = Found(), 0, 0
        for place, telling in enumerate(tellings(recorded, ROWS_A_RECORD)):
            before = sum(ingestion.counts.rows.values())
            effects = ingestion.process(_records(place, telling), _LATEST, tables_current=True)
            taken = sum(ingestion.counts.rows.values()) - before
            if telling.batch is None:
                found.count(Counter(letter.message for letter in effects.dead_letters))
            else:
                _refuse(effects, found, telling.rows - taken - sum(effects.ignored.values()))
                done += telling.rows
            found.count(effects.ignored)
            for sent in effects.outgoing:
                frame = FakeRecord(
                    OUTCOME_FRAMES, key=sent.key, value=sent.value, headers=sent.headers, at_offset=frames
                )
                found.take(detection.process([frame], _LATEST, tables_current=True).outgoing)
                frames += 1
            progress(done, len(recorded))
        return found


def _cores(recorded: RecordedOutcomes, profiles: Sequence[ModelProfile]) -> tuple[Ingest, DriftDetection]:
    rows = max(len(recorded), IngestRules().remembered_rows)
    ingestion, detection = Ingest(IngestRules(remembered_rows=rows, waiting_rows=rows)), DriftDetection()
    model_id = recorded.spec.model_id
    published = spec_message(recorded.spec, start_of(recorded.columns["predicted_at"])).to_json()
    declared: list[Record] = [FakeRecord(MODEL_SPECS, key=model_id, value=published)]
    ingestion.take_table(MODEL_SPECS, declared)
    detection.take_table(MODEL_SPECS, declared)
    detection.take_table(
        MODEL_PROFILES,
        [FakeRecord(MODEL_PROFILES, key=f"{model_id}/{one.version}", value=one.to_json()) for one in profiles],
    )
    return ingestion, detection


def _records(place: int, telling: Telling) -> list[FakeRecord]:
    batch, at_ms = telling.batch, int(_LATEST.timestamp() * 1000)
    if batch is None:
        return [
            FakeRecord(PREDICTION_LABELS, key=one.key, value=label_value(one), at_offset=place, at_ms=at_ms)
            for one in telling.labels
        ]
    key, headers = batch.column("prediction_id")[0].as_py(), content_header(ARROW)
    value = encode_batch(batch)
    return [FakeRecord(PREDICTION_OUTCOMES, key=key, value=value, headers=headers, at_offset=place, at_ms=at_ms)]


def _refuse(effects: Effects, found: Found, rows: int) -> None:
    """Say what was refused, and of how many `rows`; if no row was taken at all, stop.

    A letter is about a whole batch and names its first wrong row; the good rows of the batch go on.
    """
    for letter in effects.dead_letters:
        if not effects.outgoing and found.status is None:
            raise UserError(f"the rows cannot be read as outcomes: {letter.message}", ExitCode.USAGE)
        found.count({letter.message: max(rows, 1)})
