"""What was sent against what came out."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.rubbish.good import Sent
from tests.rubbish.watched import Watched

from driftloop.codec.frames import decode_frame
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.topics import (
    DEAD_LETTERS,
    MODEL_COMMANDS,
    OUTCOME_FRAMES,
    PREDICTION_LABELS,
    RETRAIN_DECISIONS,
)
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record


def _fingerprint(key: bytes | str | None, value: bytes | str | None) -> str:
    return hashlib.blake2b(repr((_bytes(key), _bytes(value))).encode(), digest_size=12).hexdigest()


def _bytes(given: bytes | str | None) -> bytes | None:
    return given.encode() if isinstance(given, str) else given


@dataclass
class Found:
    """Good ids by what proves them, bad records by their mark; what was sent and what was found."""

    good: dict[str, Counter[str]] = field(
        default_factory=lambda: {"row": Counter(), "label": Counter(), "command": Counter()}
    )
    seen: dict[str, Counter[str]] = field(
        default_factory=lambda: {"row": Counter(), "label": Counter(), "command": Counter()}
    )
    bad: dict[str, str] = field(default_factory=dict)
    buried: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    not_on_the_log: Counter[str] = field(default_factory=Counter)
    """By topic: records that were sent, less those that the broker has once `read` has counted them."""
    classes: Counter[str] = field(default_factory=Counter)

    def sent(self, record: Sent, mark: str) -> None:
        """Take down a record that is sent."""
        self.not_on_the_log[record.topic] += 1
        marks = [value for name, value in record.headers if name == mark]
        if marks:
            self.bad[marks[0].decode()] = _fingerprint(record.key, record.value)
            return
        kind = {MODEL_COMMANDS: "command", PREDICTION_LABELS: "label"}.get(record.topic, "row")
        self.good[kind].update(record.says)

    def read(self, kafka: KafkaSettings, mark: str) -> None:
        """Read what the services published, and count what they were given."""
        for topic in self.not_on_the_log:
            self.not_on_the_log[topic] -= sum(1 for _ in _records(kafka, topic))
        for record in _records(kafka, OUTCOME_FRAMES):
            self._take_frame(record)
        for record in _records(kafka, RETRAIN_DECISIONS):
            decision = RetrainDecision.from_json(record.value() or b"")
            self.seen["command"].update(str(cause) for cause in decision.caused_by)
        for record in _records(kafka, DEAD_LETTERS):
            self._take_letter(record, mark)

    def _take_frame(self, record: Record) -> None:
        value = record.value()
        assert isinstance(value, bytes)
        batch = decode_frame(value, record.headers()).batch
        ids, events = batch.column("prediction_id").to_pylist(), batch.column("event").to_pylist()
        self.seen["row"].update(i for i, event in zip(ids, events, strict=True) if event in ("prediction", "outcome"))
        self.seen["label"].update(i for i, event in zip(ids, events, strict=True) if event in ("label", "outcome"))

    def _take_letter(self, record: Record, mark: str) -> None:
        headers = dict(record.headers() or ())
        name = headers.get(mark, b"unmarked").decode()
        self.buried[name] += 1
        self.classes[headers["dlq.error.class"].decode()] += 1
        self.changed += self.bad.get(name) != _fingerprint(record.key(), record.value())


def _records(kafka: KafkaSettings, topic: str) -> Iterable[Record]:
    reader = LogReader(kafka, [topic])
    try:
        yield from reader.read_to(reader.ends())
    finally:
        reader.close()


def verdict_of(found: Found, services: list[Watched]) -> dict[str, Any]:
    """The figures of a run. All of `lost`, `doubled`, `let_in`, `changed` must be 0."""
    lost = [
        f"{kind} {name}" for kind, ids in found.good.items() for name in sorted(ids.keys() - found.seen[kind].keys())
    ]
    twice = sum(found.seen[kind][name] > 1 for kind, ids in found.good.items() for name in ids)
    known = found.good["row"].keys()
    missing = found.bad.keys() - found.buried.keys()
    return {
        "bad": len(found.bad),
        "good": sum(len(ids) for ids in found.good.values()),
        "in_frames": sum(len(ids.keys() & found.seen[kind].keys()) for kind, ids in found.good.items()),
        "in_dlq": len(found.bad.keys() & found.buried.keys()),
        "never_on_the_log": sum(found.not_on_the_log.values()),
        "lost": len(lost) + len(missing),
        "lost_first": lost[:20],
        "doubled": twice + sum(count > 1 for count in found.buried.values()),
        "let_in": len(found.seen["row"].keys() - known),
        "changed": found.changed,
        "not_buried": sorted({name.split("/", 2)[0] + ": " + name.split("/", 2)[2] for name in missing}),
        "error_classes": dict(found.classes.most_common()),
        "batches_failed": {service.name: service.said("a batch failed") for service in services},
        "rss_mb": {service.name: {**service.memory, "peak": service.peak} for service in services},
        "rss_growth_mb": max(_growth(service) for service in services),
    }


def _growth(service: Watched) -> float:
    """MB at rest after the last part more than after the first."""
    values = list(service.memory.values())
    return round(values[-1] - values[0], 1)
