"""Holds what the cores say now against what they said then."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftloop.contracts import topics
from driftloop.processor import Outgoing, Record
from driftloop.tools.verify.coordination import coordinate_again
from driftloop.tools.verify.detection import detect_again
from driftloop.tools.verify.recorded import Recorded, bytes_of, offset_of

Since = int | datetime | None
_LATEST_ONLY = frozenset({topics.DRIFT_STATUS})
"""Compacted: of older messages nothing may be left, so one that is not on the log is no difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first message of a topic that did not come out the same. Either side may be missing."""

    model: str
    topic: str
    offset: int | None
    field: str
    recorded: str
    again: str

    @property
    def sentence(self) -> str:
        """For a person."""
        where = "which is not on the log" if self.offset is None else f"at offset {self.offset}"
        return f"{self.topic} of {self.model}, {where}: {self.field} was {self.recorded}, is now {self.again}"


@dataclass(frozen=True, slots=True)
class Verified:
    """How many messages came out the same, and the first that did not in each topic of each model.

    `incomplete` are models whose oldest frames are gone from the log: their state cannot be made again.
    """

    compared: int
    differences: tuple[Difference, ...]
    incomplete: tuple[str, ...]


def verify(recorded: Recorded, *, model: str | None = None, since: Since = None) -> Verified:
    """Run the cores again over the whole log; compare what is about frames from `since` on.

    `since` is a frame's offset, or a moment of event time. The first frame of a model must still be
    there, for what came before shapes what comes after.
    """
    compared, differences, incomplete = 0, [], []
    for name in [name for name in recorded.models() if model in (None, name)]:
        detected = detect_again(recorded, name)
        if _begins_late(recorded, name):
            incomplete.append(name)
            continue
        said = [answer for _, answers in detected for answer in answers] + coordinate_again(recorded, name, detected)
        for topic in sorted({*_COMPARED}):
            count, difference = _compare(
                name, topic, recorded.of(topic, name), [out for out in said if out.topic == topic], since
            )
            compared += count
            differences += [difference] if difference else []
    return Verified(compared, tuple(differences), tuple(incomplete))


_COMPARED = (
    topics.DRIFT_SIGNALS,
    topics.DRIFT_STATUS,
    topics.RETRAIN_DECISIONS,
    topics.TRAINING_REQUESTS,
    topics.MODEL_EVENTS,
)


def _begins_late(recorded: Recorded, model: str) -> bool:
    """Whether the log speaks of frames older than the first that is still there."""
    first = recorded.first_frames[model]
    spoken_of = [_place(json.loads(bytes_of(record))) for record in recorded.of(topics.RETRAIN_DECISIONS, model)]
    return any(offset is not None and offset < first for offset in spoken_of)


def _compare(
    model: str, topic: str, recorded: Sequence[Record], again: Iterable[Outgoing], since: Since
) -> tuple[int, Difference | None]:
    then = {json.loads(bytes_of(record))["message_id"]: record for record in recorded}
    now = {json.loads(out.value)["message_id"]: out.value for out in again}
    counts = _counts_from(since)
    same = 0
    for message_id, record in then.items():
        if not counts(json.loads(bytes_of(record))):
            continue
        found = now.get(message_id)
        if found != bytes_of(record):
            return same, _difference(model, topic, offset_of(record), bytes_of(record), found)
        same += 1
    for message_id, value in now.items():
        if message_id not in then and topic not in _LATEST_ONLY and counts(json.loads(value)):
            return same, _difference(model, topic, None, None, value)
    return same, None


def _counts_from(since: Since) -> Callable[[dict[str, Any]], bool]:
    if since is None:
        return lambda _message: True
    if isinstance(since, datetime):
        return lambda message: datetime.fromisoformat(message["occurred_at"]) >= since
    return lambda message: (_place(message) or 0) >= since


def _place(message: dict[str, Any]) -> int | None:
    data = message.get("data") or {}
    position = message.get("position") or message.get("from_position") or data.get("until")
    return position["offset"] if position else None


def _difference(model: str, topic: str, offset: int | None, then: bytes | None, now: bytes | None) -> Difference:
    before, after = (json.loads(value) if value else None for value in (then, now))
    if before is None or after is None:
        names = ["message"]
        shown = [_short(_gist(message)) if message else "not there" for message in (before, after)]
        return Difference(model, topic, offset, names[0], *shown)
    field = next((name for name in before if before[name] != after.get(name)), "bytes")
    return Difference(model, topic, offset, field, _short(before.get(field)), _short(after.get(field)))


def _gist(message: dict[str, Any]) -> dict[str, Any]:
    telling = ("action", "event", "kind", "subject", "detector", "trigger", "version", "candidate", "row", "segment")
    return {name: message[name] for name in telling if message.get(name) not in (None, "")}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else text[:297] + "..."
