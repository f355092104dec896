"""A recorded stream through the loop in memory: what `driftloop replay` does, without Kafka."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from driftloop.artifacts.store import open_artifact
from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, JSON, content_header
from driftloop.contracts.message import ControlMessage
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.errors import UserError
from driftloop.kafka.clients.tail import TailRecord
from driftloop.serving.version import Champion
from driftloop.tools.backtest.loop_in_memory import LoopInMemory
from driftloop.tools.replay.journal import CONTRACTS, Journal
from driftloop.tools.replay.options import LOCKSTEP
from driftloop.tools.replay.player import Pace, Played, Player
from driftloop.tools.replay.recording import Recording


def play_in_memory(
    recording: Recording, *, label_delay: int = 0, told: Callable[[str], None] = lambda _text: None
) -> Played:
    """What came of a recording, as lockstep over Kafka has it; `told` hears how far it is."""
    with tempfile.TemporaryDirectory(prefix="driftloop-") as folder:
        wire = MemoryWire(recording.spec.model_id, Path(folder))
        pace = Pace(LOCKSTEP, label_delay_rows=label_delay)
        return Player(recording, wire, pace, _Listener(told, len(recording))).play()


class MemoryWire:
    """A `Wire` over `LoopInMemory`. After a play `loop` has its log."""

    def __init__(self, model_id: str, folder: Path, *, checkpoint_hours: float = 0.0) -> None:
        self.journal = Journal(model_id)
        self.loop = LoopInMemory(folder, checkpoint_hours=checkpoint_hours)
        self._read: dict[str, int] = defaultdict(int)
        self._champion: Champion | None = None

    def publish(self, key: str, batch: pa.RecordBatch) -> None:
        """At once."""
        self.loop.say(PREDICTION_OUTCOMES, key, encode_batch(batch), content_header(ARROW))

    def label(self, labels: Sequence[PredictionLabel]) -> None:
        """At once."""
        for label in labels:
            value = label.model_dump_json(exclude_unset=True).encode()
            self.loop.say(PREDICTION_LABELS, label.key, value, content_header(JSON))

    def control(self, topic: str, message: ControlMessage) -> None:
        """At once."""
        self.loop.say(topic, message.model_id, message.to_json())

    def flush(self) -> None:
        """Nothing is under way."""

    def check(self) -> None:
        """Nothing can be broken."""

    def settle(self) -> None:
        """Turn all services, and read what they said."""
        self.loop.settle()
        for topic in CONTRACTS:
            found = self.loop.records(topic, self._read[topic])
            if found:
                self._read[topic] = found[-1].offset() + 1
            self.journal.take(
                [
                    TailRecord(topic, 0, one.offset(), (one.key() or b"").decode(), one.value(), (), one.timestamp()[1])
                    for one in found
                ]
            )

    def refresh(self) -> None:
        """Load the version that the newest event made champion."""
        made = [event for event in self.journal.events if event.event in ("promoted", "rolled_back")]
        newest = made[-1] if made else None
        if newest is None or newest.version is None or newest.artifact is None:
            return
        if self._champion is None or self._champion.version != newest.version:
            artifact, model = open_artifact(newest.artifact, newest.artifact_sha256)
            self._champion = Champion(newest.model_id, newest.version, artifact.manifest.spec, model, newest)

    def champion(self) -> Champion | None:
        """As of the last `refresh`."""
        return self._champion

    def challenger(self) -> Champion | None:
        """None: a backtest has no traffic to split."""
        return None

    def wait_for_champion(self, seconds: float) -> Champion:  # noqa: ARG002  (there is nothing to wait for)
        """The champion; raises UserError where there is none."""
        if self._champion is None:
            raise UserError("the first version was not promoted", 1)
        return self._champion


class _Listener:
    """Says how far a play is."""

    def __init__(self, told: Callable[[str], None], rows: int) -> None:
        self._told, self._rows = told, rows

    def stage(self, sentence: str) -> None:
        """Pass it on."""
        self._told(sentence)

    def message(self, message: ControlMessage) -> None:
        """Not needed: the journal has it."""

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None:  # noqa: ARG002
        """How far."""
        self._told(f"row {rows.stop:,} of {self._rows:,}, version {version}")
