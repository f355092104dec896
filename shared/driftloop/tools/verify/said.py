"""What was said about a model, and what is said again: matched by message id, one after the other."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftloop.contracts import topics
from driftloop.contracts.model_checkpoints import Keeper
from driftloop.processor import Outgoing, Record
from driftloop.tools.verify.checkpoints import Kept, Since, difference_of
from driftloop.tools.verify.recorded import Recorded, bytes_of, json_of, offset_of, place_of

_LATEST_ONLY = frozenset({topics.DRIFT_STATUS})
"""Compacted: of older messages nothing may be left, so one that is not on the log is no difference."""
_OF_DETECTION = frozenset({topics.DRIFT_SIGNALS, topics.DRIFT_STATUS})
COMPARED = (
    topics.DRIFT_SIGNALS,
    topics.DRIFT_STATUS,
    topics.RETRAIN_DECISIONS,
    topics.TRAINING_REQUESTS,
    topics.MODEL_EVENTS,
)
_HASHES = ("spec_sha256", "state_sha256")
"""Fields that decisions of earlier releases have not."""


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


class Said:
    """What the log holds of a model's messages, and how far it came out the same."""

    def __init__(self, recorded: Recorded, model: str, since: Since, checkpoints: Sequence[Kept]) -> None:
        self._model, self._counts_since = model, _counts_from(since)
        self._left = {
            topic: {str(json_of(record)["message_id"]): record for record in recorded.of(topic, model)}
            for topic in COMPARED
        }
        self._checkpoints = {(one.service, one.position.offset): one for one in checkpoints if not one.fault}
        self._hashed_from = _first_with_hashes(recorded.of(topics.RETRAIN_DECISIONS, model))
        self._found: dict[str, Difference] = {}
        self.same = 0
        self.begin(-1, -1)

    def begin(self, detected_to: int, decided_to: int) -> None:
        """Frames up to these were taken in before: what is about them is not said again."""
        self._detected_to, self._decided_to = detected_to, decided_to

    def take(self, again: Iterable[Outgoing]) -> None:
        """What is said again, in order."""
        for out in again:
            if out.topic == topics.MODEL_CHECKPOINTS:
                self._take_checkpoint(out.value)
            elif out.topic in self._left:
                self._take(out)

    def end(self) -> None:
        """All is said: what is left of the log has not come again."""
        for topic, left in self._left.items():
            for record in left.values():
                message = json_of(record)
                if self._is_due(topic, message) and self._counts_since(message):
                    self._differ(_difference(self._model, topic, offset_of(record), bytes_of(record), None))

    def differences(self) -> Iterator[Difference]:
        """The first of each topic."""
        return (self._found[topic] for topic in sorted(self._found))

    def _take(self, out: Outgoing) -> None:
        now = json.loads(out.value)
        record = self._left[out.topic].pop(now["message_id"], None)
        if not self._counts_since(now if record is None else json_of(record)):
            return
        if record is None:
            if out.topic not in _LATEST_ONLY:
                self._differ(_difference(self._model, out.topic, None, None, out.value))
            return
        then, value = bytes_of(record), self._as_then(out, record)
        if value == then:
            self.same += 1
        else:
            self._differ(_difference(self._model, out.topic, offset_of(record), then, value))

    def _as_then(self, out: Outgoing, record: Record) -> bytes:
        """The bytes that the release of then would have written: the first decisions have no hashes."""
        if out.topic != topics.RETRAIN_DECISIONS or offset_of(record) >= self._hashed_from:
            return out.value
        message = json.loads(out.value)
        said = [f',"{name}":{json.dumps(message[name])}' for name in _HASHES if name in message]
        return out.value.replace("".join(said).encode(), b"")

    def _take_checkpoint(self, value: bytes) -> None:
        message = json.loads(value)
        service: Keeper = message["service"]
        kept = self._checkpoints.get((service, message["position"]["offset"]))
        if kept is None:
            return
        found = difference_of(kept, value)
        if found is None:
            self.same += 1
        else:
            name = f"{found[0]} of the {service} checkpoint of frame {kept.position.offset}"
            self._differ(Difference(self._model, topics.MODEL_CHECKPOINTS, offset_of(kept.record), name, *found[1:]))

    def _is_due(self, topic: str, message: dict[str, Any]) -> bool:
        """Whether a run that began behind a checkpoint would have said it. Of the coordinator's own frame it may have
        been said before the checkpoint or after it."""
        place = place_of(message)
        place = -1 if place is None else place
        return place > (self._detected_to if topic in _OF_DETECTION else self._decided_to) or self._from_the_first

    @property
    def _from_the_first(self) -> bool:
        return self._decided_to < 0

    def _differ(self, difference: Difference) -> None:
        """Keep the first of a topic by offset; what is not on the log comes last."""
        known = self._found.get(difference.topic)
        if known is None or _order(difference) < _order(known):
            self._found[difference.topic] = difference


def _order(difference: Difference) -> float:
    return float("inf") if difference.offset is None else difference.offset


def _first_with_hashes(decisions: Sequence[Record]) -> float:
    with_hashes = (offset_of(record) for record in decisions if b'"state_sha256"' in bytes_of(record))
    return min(with_hashes, default=float("inf"))


def _counts_from(since: Since) -> Callable[[dict[str, Any]], bool]:
    if since is None:
        return lambda _message: True
    if isinstance(since, datetime):
        return lambda message: datetime.fromisoformat(message["occurred_at"]) >= since
    return lambda message: (place_of(message) or 0) >= since


def _difference(model: str, topic: str, offset: int | None, then: bytes | None, now: bytes | None) -> Difference:
    before, after = (json.loads(value) if value else None for value in (then, now))
    if before is None or after is None:
        names = ["message"]
        shown = [_short(_gist(message)) if message else "not there" for message in (before, after)]
        return Difference(model, topic, offset, names[0], *shown)
    field = next((name for name in {**before, **after} if before.get(name) != after.get(name)), "bytes")
    return Difference(model, topic, offset, field, _short(before.get(field)), _short(after.get(field)))


def _gist(message: dict[str, Any]) -> dict[str, Any]:
    telling = ("action", "event", "kind", "subject", "detector", "trigger", "version", "candidate", "row", "segment")
    return {name: message[name] for name in telling if message.get(name) not in (None, "")}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else text[:297] + "..."
