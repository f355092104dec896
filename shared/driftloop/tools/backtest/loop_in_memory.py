"""The whole loop without Kafka: the services' own cores over a log in memory, trained in this process.

Why not a model of the loop: what is decided depends on held-out rows, on proofs and probations, on
safeguards and on what detection says. The cores that run in production know all that; here they run
too, and only the broker, the child processes and the passing of time are left out.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from prometheus_client import CollectorRegistry

from drift_detection.app import LOOP as DETECTION
from drift_detection.core.processor import DriftDetection
from driftloop.contracts import topics
from driftloop.cores.checkpoints import checkpoint_rule
from driftloop.errors import UserError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Processor, Record
from driftloop.testing.clock import FakeClock
from driftloop.testing.records import FakeRecord
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.app import ARCHIVE, INGEST
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.metrics import ArchiveMetrics
from retrain_coordinator.app import LOOP as COORDINATOR
from retrain_coordinator.core.processor import Coordinator
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.learnt_rows import ArchivedLearntRows
from trainer_worker.adapters.model_shelf import LoadedModels
from trainer_worker.adapters.train import train
from trainer_worker.app import SCORE, TRAIN
from trainer_worker.core.score.processor import ChallengeScoring
from trainer_worker.core.train.processor import TrainingRuns
from trainer_worker.core.train.run_report import Failed, Report, Run
from trainer_worker.metrics import ScoreMetrics

_MODELS_IN_MEMORY = 16
_MOST_ROUNDS = 1_000
_NOW = datetime(2100, 1, 1, tzinfo=UTC)
"""Later than any recorded row: nothing comes from the future."""
_WATCHED = (
    topics.OUTCOME_FRAMES,
    topics.DRIFT_STATUS,
    topics.CHALLENGE_SCORES,
    topics.RETRAIN_DECISIONS,
    topics.TRAINING_REQUESTS,
    topics.TRAINING_RESULTS,
    topics.MODEL_EVENTS,
)


class LoopInMemory:
    """Six services and a log. What they keep on disk (the archive, artifacts) goes into `folder`.

    `checkpoint_hours` of event time lie between two checkpoints of a model; 0: none are written.
    """

    def __init__(self, folder: Path, *, checkpoint_hours: float = 0.0) -> None:
        self._clock = FakeClock(_NOW)
        self._log = MemoryLog(now_ms=lambda: int(self._clock().timestamp() * 1000))
        self._loops = [
            MemoryLoop(core, settings, self._log, clock=self._clock)
            for core, settings in _cores(folder, self._log, checkpoint_hours)
        ]

    def say(self, topic: str, key: str, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        """Put a record on the log, as a producer would."""
        self._log.append(topic, key=key, value=value, headers=headers)

    def settle(self) -> None:
        """Turn every service until none has anything left to do; raises RuntimeError where that does not end."""
        for _ in range(_MOST_ROUNDS):
            before = self._written()
            self._clock.advance(seconds=1)
            for loop in self._loops:
                loop.settle()
            if self._written() == before:
                return
        raise RuntimeError("the loop in memory does not come to rest")

    def records(self, topic: str, start: int = 0) -> list[FakeRecord]:
        """What is on a topic from an offset on."""
        return self._log.slice((topic, 0), start, self._log.end((topic, 0)))

    def _written(self) -> Mapping[str, int]:
        return {topic: self._log.end((topic, 0)) for topic in _WATCHED}


class TrainsAtOnce:
    """Satisfies the trainer's `Executor`: a run is over when `start` returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reports: dict[UUID, Report] = {}

    def start(self, run: Run) -> None:
        """Train; what a learner raises ends the run as failed."""
        archive, artifacts = str(self._folder / "archive"), str(self._folder / "artifacts")
        job = Job(run=run, archive_uri=archive, artifact_uri=artifacts, archive_wait_seconds=0.0)
        try:
            self._reports[run.run_id] = train(job, lambda _step: None)
        except UserError as error:
            self._reports[run.run_id] = Failed(reason=error.sentence)
        except ValueError as error:
            self._reports[run.run_id] = Failed(reason=str(error))

    def holds(self, run_id: UUID) -> bool:
        """Whether it was started here."""
        return run_id in self._reports

    def reports(self) -> Iterable[tuple[UUID, Report]]:
        """The ends of all runs that are kept."""
        return tuple(self._reports.items())

    def cancel(self, run: Run) -> None:
        """Nothing is begun elsewhere."""

    def keep(self, run_ids: frozenset[UUID]) -> None:
        """Forget the others."""
        self._reports = {run_id: report for run_id, report in self._reports.items() if run_id in run_ids}


class _LoggedFrames:
    """Satisfies scoring's `FrameLog`, from the log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def between(self, model_id: str, partition: int, first: int, last: int) -> Iterable[Record]:
        """The model's frames, both ends included."""
        found = self._log.slice((topics.OUTCOME_FRAMES, partition), first, last + 1)
        return [record for record in found if record.key() == model_id.encode()]


def _cores(folder: Path, log: MemoryLog, checkpoint_hours: float) -> list[tuple[Processor, LoopSettings]]:
    """Every service in the direction of the data; the archive comes before what reads it."""
    archive, unseen = str(folder / "archive"), CollectorRegistry()
    shelf = LoadedModels(_MODELS_IN_MEMORY, ScoreMetrics(unseen))
    return [
        (Ingest(), INGEST),
        (Archive(DeltaSink(archive, ArchiveMetrics(unseen))), ARCHIVE),
        (ChallengeScoring(shelf, _LoggedFrames(log), ArchivedLearntRows(archive)), SCORE),
        (DriftDetection(checkpoint_rule("drift_detection", checkpoint_hours, None)), DETECTION),
        (Coordinator(checkpoints=checkpoint_rule("retrain_coordinator", checkpoint_hours, None)), COORDINATOR),
        (TrainingRuns(TrainsAtOnce(folder)), TRAIN),
    ]
