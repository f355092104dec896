"""Detection once more: frames in, signals, statuses and checkpoints out."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from drift_detection.core.processor import DriftDetection
from driftloop.codec.frames import decode_frame
from driftloop.contracts import topics
from driftloop.cores.checkpoints import Checkpoints
from driftloop.processor import Outgoing, Record, StaleTableError
from driftloop.tools.verify.checkpoints import Kept
from driftloop.tools.verify.recorded import Recorded, bytes_of, milliseconds_of, offset_of
from retrain_coordinator.core.lifecycle.names import TRIGGER as VERSION_NAME

Answer = tuple[Record, Sequence[Outgoing]]


class DetectionAgain:
    """Runs detection over the frames of a model, from its first frame or from a checkpoint.

    Specs and profiles are shown to it when the log had them. A profile that came later (it was published once more)
    is shown with the first frame that names its version, unless decisions tell that the version was not there then:
    somebody else's bore its name.
    """

    def __init__(
        self, recorded: Recorded, model: str, start: Kept | None = None, checkpoints: Checkpoints | None = None
    ) -> None:
        self._core = DriftDetection(checkpoints)
        self._specs = list(recorded.of(topics.MODEL_SPECS, model))
        self._profiles = list(recorded.of(topics.MODEL_PROFILES, model))
        self._nobodys_until = _nobodys_until(recorded, model)
        if start is None:
            self._core.take_table(topics.MODEL_SPECS, [self._specs.pop(0) for _ in self._specs[:1]])
            return
        self._show(start.log_ms)
        content = start.read().unpacked()
        self._show_versions(_versions_in(content))
        self._core.restore(start.position.partition, [(model, content)])

    def take(self, frame: Record) -> Sequence[Outgoing]:
        """What detection says about the next frame."""
        at_ms = milliseconds_of(frame)
        self._show(at_ms)
        now = datetime.fromtimestamp(at_ms / 1000, UTC)
        try:
            return self._core.process([frame], now).outgoing
        except StaleTableError:
            batch = decode_frame(frame.value() or b"", frame.headers()).batch
            named, offset = set(batch.column("model_version").unique().to_pylist()), offset_of(frame)
            self._show_versions({one for one in named if offset > self._nobodys_until.get(one, -1)})
            return self._core.process([frame], now, tables_current=True).outgoing

    def _show(self, until_ms: int) -> None:
        for topic, rows in ((topics.MODEL_SPECS, self._specs), (topics.MODEL_PROFILES, self._profiles)):
            while rows and milliseconds_of(rows[0]) <= until_ms:
                self._core.take_table(topic, [rows.pop(0)])

    def _show_versions(self, versions: set[str | None]) -> None:
        named = [row for row in self._profiles if (row.key() or b"").decode().rpartition("/")[2] in versions]
        for row in named:
            self._profiles.remove(row)
            self._core.take_table(topics.MODEL_PROFILES, [row])


def _versions_in(content: bytes) -> set[str | None]:
    """The versions that a state was compared with when it was written down."""
    roster = msgspec.json.decode(content)["model"].get("roster", {})
    return {roster[name][0] for name in ("judged", "serving") if roster.get(name)}


def _nobodys_until(recorded: Recorded, model: str) -> dict[str | None, int]:
    """Version → the newest frame that was taken in before driftloop knew it, as far as events and decisions tell."""
    until: dict[str | None, int] = {}
    for record in recorded.of(topics.RETRAIN_DECISIONS, model):
        told = msgspec.json.decode(bytes_of(record), type=_Told)
        if told.trigger == VERSION_NAME and told.run_id is not None and told.position is not None:
            until[told.candidate] = told.position["offset"]
    for record in recorded.of(topics.MODEL_EVENTS, model):
        told = msgspec.json.decode(bytes_of(record), type=_Told)
        if told.event == "registered" and told.from_position is not None:
            until.setdefault(told.version, told.from_position["offset"])
    return until


class _Told(msgspec.Struct):
    """What of a decision or an event says when a version came to be known, read without the rest of it."""

    trigger: str = ""
    run_id: str | None = None
    candidate: str | None = None
    position: dict[str, int] | None = None
    event: str = ""
    version: str | None = None
    from_position: dict[str, int] | None = None


def detect_again(recorded: Recorded, model: str) -> list[Answer]:
    """Each frame of a model in memory with what detection says about it."""
    core = DetectionAgain(recorded, model)
    return [(frame, core.take(frame)) for frame in recorded.of(topics.OUTCOME_FRAMES, model)]
