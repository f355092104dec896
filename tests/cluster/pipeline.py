"""driftloop's real services on the cluster, each in replicas that are started again when they end."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from confluent_kafka import Message
from deltalake import DeltaTable
from pyarrow.parquet import read_table
from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.cases.ingestion import START, IngestionCase, Sent
from tests.chaos.replicas import Nest, Replica
from tests.chaos.verdict import Verdict
from tests.chaos.witness import read_all

from drift_detection.core.processor import DriftDetection
from driftloop.contracts.topics import (
    DRIFT_SIGNALS,
    DRIFT_STATUS,
    MODEL_SPECS,
    OUTCOME_FRAMES,
    PREDICTION_LABELS,
    PREDICTION_OUTCOMES,
)
from driftloop.kafka.settings import KafkaSettings

GROUPS: Mapping[str, tuple[str, ...]] = {
    "outcome_ingestion": (PREDICTION_OUTCOMES, PREDICTION_LABELS),
    "outcome_archive": (OUTCOME_FRAMES,),
    "drift_detection": (OUTCOME_FRAMES,),
}
_SERVICES = (
    ("outcome_ingestion", ("--role", "ingest"), 2, 1),
    ("outcome_ingestion", ("--role", "archive"), 1, 1),
    ("drift_detection", (), 2, 1),
)
"""Module, arguments, replicas, and replicas in a short run."""


class Pipeline:
    """Outcomes and labels go in; frames, archived rows, statuses and signals come out."""

    def __init__(self, kafka: KafkaSettings, folder: Path, *, short: bool = False) -> None:
        self.world = World(kafka, folder)
        self.rate = 60.0 if short else 150.0
        self._short = short
        self._source = IngestionCase()
        self.replicas: list[Replica] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """All services, until the block ends: then SIGTERM, and each must end by itself."""
        with ExitStack() as nests:
            modules = {module for module, *_ in _SERVICES}
            found = {module: nests.enter_context(closing(Nest(module))) for module in modules}
            for module, arguments, many, few in _SERVICES:
                name = "-".join((module, *arguments[1:]))
                for slot in range(few if self._short else many):
                    log = self.world.folder / f"{name}-{slot}.log"
                    self.replicas.append(Replica(found[module], arguments, slot, self._environment(), log))
            try:
                yield
            finally:
                for replica in self.replicas:
                    replica.stop(60)

    def _environment(self) -> dict[str, str]:
        return {
            "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": self.world.kafka.bootstrap_servers,
            "DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI": str(self.world.folder / "lake"),
            "DRIFTLOOP_DRIFT_DETECTION_SNAPSHOT_EVERY": "20",
            "DRIFTLOOP_DRIFT_DETECTION_SEGMENT_STATUS_SECONDS": "0",
        }

    def prepare(self) -> Iterator[Input]:
        """The specs of the models."""
        return self._source.prepare(self.world)

    def inputs(self) -> Iterator[Input]:
        """An endless stream of good rows, repeats, late labels and rubbish."""
        return self._source.inputs()

    def check(self, verdict: Verdict) -> None:
        """Count what came out of each service against what went into it, with a reader of our own."""
        self._source.check(self.world, verdict)
        frames = self._read(OUTCOME_FRAMES)
        self._check_detection(frames, verdict)

    def labelled(self) -> list[str]:
        """Of what the brokers acknowledged: the ids of the good rows that have their label."""
        return Sent(self.world.sent).labelled

    def archived(self) -> list[str]:
        """The ids in the table, read file by file: none of driftloop's code has a part in it."""
        files = DeltaTable(str(self.world.folder / "lake")).file_uris()
        return [name for file in files for name in read_table(file)["prediction_id"].to_pylist()]

    def _check_detection(self, frames: list[Message], verdict: Verdict) -> None:
        """It said, byte for byte, what its core says of the same frames, each once."""
        core = DriftDetection()
        core.take_table(MODEL_SPECS, self._read(MODEL_SPECS))
        for number in range(PARTITIONS):
            core.restore(number, ())
        effects = core.process(frames, START, tables_current=True)
        expected = [(wish.topic, wish.key.encode(), wish.value) for wish in effects.outgoing]
        found = [(topic, m.key(), m.value()) for topic in (DRIFT_SIGNALS, DRIFT_STATUS) for m in self._read(topic)]
        verdict.compare(expected, found)

    def _read(self, topic: str) -> list[Message]:
        return read_all(self.world.kafka.bootstrap_servers, [topic])

    def exits(self) -> Counter[int]:
        """How processes ended, by exit code; below zero: a signal."""
        return Counter(code for replica in self.replicas for code in replica.exits)

    def last_words(self) -> str:
        """The ends of all logs."""
        logs = sorted(self.world.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3_000:]}" for log in logs)
