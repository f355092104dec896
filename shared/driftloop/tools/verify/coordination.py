"""Coordination once more: signals, statuses, scores, results and commands in, decisions out.

Evidence needs no order but that of the frames. A result, a command or a timer takes effect on arrival,
between two frames; which two is on the log, because what it caused says up to where evidence had
been taken in.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop
from typing import Any

import msgspec

from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_checkpoints import ModelCheckpoint
from driftloop.cores.checkpoints import Checkpoints
from driftloop.processor import Outgoing, Record
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.declaring import spec_message
from driftloop.tools.verify.checkpoints import Kept
from driftloop.tools.verify.detection import Answer
from driftloop.tools.verify.recorded import Recorded, bytes_of, milliseconds_of, offset_of
from retrain_coordinator.core.processor import Coordinator

_Order = tuple[int, float]
"""When the log took the first message that was caused, and the offset of the first decision."""
_BEFORE_ALL = -1
_NEVER = float("inf")
_STATUSES_KNOWN = 4_096
_FOR_EVER = timedelta(days=36_500)


@dataclass(slots=True)
class Arrival:
    """Something that takes effect after the frame `after`: a record, or (None) a timer at `at_ms`.

    `after` is None where it caused nothing: it is then placed by the log's time. `order` is that of what was caused:
    records of several topics that came in one batch need not have taken effect in the order of their times.
    `cause`: of a timer, what the decision names as its cause.
    """

    after: int | None
    at_ms: int
    record: Record | None
    order: _Order
    cause: str = ""


class Arrivals:
    """What is still to take effect. Each is looked at once: a log of months has many of them, and many frames."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals
        self._by_frame = [(one.after, place) for place, one in enumerate(arrivals) if one.after is not None]
        self._by_time = [(one.at_ms, place) for place, one in enumerate(arrivals) if one.after is None]
        heapify(self._by_frame)
        heapify(self._by_time)

    def due(self, before: int, before_ms: int) -> list[Arrival]:
        """What takes effect ahead of that frame, or where it caused nothing of that moment, in the order given."""
        found: list[int] = []
        for heap, end in ((self._by_frame, before), (self._by_time, before_ms)):
            while heap and heap[0][0] < end:
                found.append(heappop(heap)[1])
        return [self._arrivals[place] for place in sorted(found)]


class CoordinationAgain:
    """Runs the coordinator over what the log holds about a model, from its first frame or from a checkpoint."""

    def __init__(
        self, recorded: Recorded, model: str, start: Kept | None = None, checkpoints: Checkpoints | None = None
    ) -> None:
        self._core, self._model = Coordinator(checkpoints=checkpoints), model
        self._caused = _Caused(recorded, model)
        self._without = _Unscored(self._caused.decisions)
        self._scores = _by_frame(recorded.of(topics.CHALLENGE_SCORES, model))
        self._specs = list(recorded.of(topics.MODEL_SPECS, model))
        self._last, self._statuses = _BEFORE_ALL, dict[str, None]()
        self._known = {_Id.of(record) for record in recorded.of(topics.DRIFT_SIGNALS, model)}
        begun = None if start is None else start.read()
        arrivals = list(_arrivals(recorded, model, self._caused, begun))
        self._arrivals = Arrivals(arrivals)
        self._known |= {_Id.of(one.record) for one in arrivals if one.record is not None}
        if begun is None or start is None:
            self._core.take_table(topics.MODEL_SPECS, [self._specs.pop(0) for _ in self._specs[:1]])
        else:
            self._begin(begun, start.log_ms)

    def _begin(self, begun: ModelCheckpoint, log_ms: int) -> None:
        self._show_specs(log_ms)
        content = json.loads(begun.unpacked())
        spec = spec_message(ModelSpec.model_validate(content["spec"]), begun.occurred_at, begun.spec_version)
        row = FakeRecord(topics.MODEL_SPECS, key=self._model, value=spec.to_json(), at_ms=log_ms)
        self._core.take_table(topics.MODEL_SPECS, [row])
        self._core.restore(begun.position.partition, [(self._model, json.dumps(content["entry"]).encode())])
        self._last = begun.position.offset
        position = begun.position
        self._note_frame([str(derive_id("drift-status", self._model, "", position.partition, position.offset))])

    def take(self, frame: Record, answers: Sequence[Outgoing]) -> list[Outgoing]:
        """What it says up to and with the next frame, of which detection said `answers`."""
        offset, frame_ms = offset_of(frame), milliseconds_of(frame)
        said = self._let_arrive(offset, frame_ms)
        self._last = offset
        self._note_frame(_Id.of(answer) for answer in answers if answer.topic == topics.DRIFT_STATUS)
        at_ms = self._caused.status_ms(offset, frame_ms)
        self._show_specs(at_ms)
        told = [record for record in self._scores.pop(offset, ()) if not self._without.leaves_out(record)]
        evidence = [*told, *(_record(frame, answer, at_ms) for answer in answers)]
        now = datetime.fromtimestamp(at_ms / 1000, UTC)
        said.extend(self._core.process(evidence, now, tables_current=True).outgoing)
        if self._without.speaks_of(offset):
            said.extend(self._core.go_on(now + _FOR_EVER).outgoing)
        return said

    def end(self) -> list[Outgoing]:
        """What it says after the last frame."""
        return self._let_arrive(2**63, 2**63)

    def _let_arrive(self, before: int, before_ms: int) -> list[Outgoing]:
        """Let take effect what does so ahead of the next frame."""
        due = self._arrivals.due(before, before_ms)
        for one in due:
            one.after = self._last if one.after is None else one.after
        said: list[Outgoing] = []
        for one in sorted(due, key=lambda one: (one.after, one.order, one.at_ms)):
            if one.record is None and (one.cause in self._known or one.cause in self._statuses):
                continue  # a step of a frame or of a record: no timer
            self._show_specs(one.at_ms)
            now = datetime.fromtimestamp(one.at_ms / 1000, UTC)
            records = [] if one.record is None else [one.record]
            effects = self._core.process(records, now, tables_current=True) if records else self._core.wake(now)
            said.extend(effects.outgoing)
        return said

    def _note_frame(self, status_ids: Iterable[str]) -> None:
        """Decisions that statuses caused are no timers; those of the newest frames are enough to know."""
        self._statuses.update(dict.fromkeys(status_ids))
        for old in list(self._statuses)[:-_STATUSES_KNOWN]:
            del self._statuses[old]

    def _show_specs(self, until_ms: int) -> None:
        while self._specs and milliseconds_of(self._specs[0]) <= until_ms:
            self._core.take_table(topics.MODEL_SPECS, [self._specs.pop(0)])


def coordinate_again(recorded: Recorded, model: str, detected: Sequence[Answer]) -> list[Outgoing]:
    """All that the coordinator says about a model in memory, in order."""
    core = CoordinationAgain(recorded, model)
    said = [out for frame, answers in detected for out in core.take(frame, answers)]
    return said + core.end()


class _Id(msgspec.Struct):
    """A message's id, read without the rest of it."""

    message_id: str

    @classmethod
    def of(cls, record: Record | Outgoing) -> str:
        """Empty for what is no message."""
        value = record.value if isinstance(record, Outgoing) else bytes_of(record)
        try:
            return msgspec.json.decode(value, type=cls).message_id
        except msgspec.DecodeError:
            return ""


class _Placed(msgspec.Struct):
    """The frame that a message is about, read without the rest of it."""

    position: dict[str, int]


class _Caused:
    """What the log says was caused, and after which frame."""

    def __init__(self, recorded: Recorded, model: str) -> None:
        self._after: dict[str, int] = {}
        self._order: dict[str, _Order] = {}
        self._status_ms: dict[int, int] = {}
        for record in recorded.of(topics.DRIFT_STATUS, model):
            self._status_ms.setdefault(_offset_in(record), milliseconds_of(record))
        self.decisions: list[dict[str, Any]] = []
        for topic in (topics.RETRAIN_DECISIONS, topics.MODEL_EVENTS):
            for record in recorded.of(topic, model):
                message = json.loads(bytes_of(record))
                position = message.get("position") or message.get("from_position")
                after = position["offset"] if position else _BEFORE_ALL
                decided = offset_of(record) if topic == topics.RETRAIN_DECISIONS else _NEVER
                order = milliseconds_of(record), decided
                self.decisions.append({**message, "after": after, "order": order})
                for cause in message["caused_by"]:
                    self._after[cause] = min(after, self._after.get(cause, after))
                    known = self._order.get(cause, order)
                    self._order[cause] = min(known[0], order[0]), min(known[1], order[1])

    def after(self, message_id: str) -> int | None:
        """The frame after which a message took effect; None where it caused nothing."""
        return self._after.get(message_id)

    def order(self, message_id: str, at_ms: int) -> _Order:
        """The place of a message among those that took effect after the same frame."""
        return self._order.get(message_id, (at_ms, _NEVER))

    def status_ms(self, offset: int, otherwise: int) -> int:
        """When the log took the first status of a frame; a segment's may follow a second later, and older ones are
        compacted away."""
        return self._status_ms.get(offset, otherwise)


class _Unscored:
    """The frames that were taken in without scores which did not come in time, as the decisions tell it.

    When they came is a matter of the machine, so the log has to say it: the decision that begins such a span
    names the versions that were missing, and the one that ends it its last frame.
    """

    def __init__(self, decisions: Sequence[dict[str, Any]]) -> None:
        told = [one["evidence"] for one in decisions if one.get("trigger") == "scores"]
        ends = {one["from_frame"]: one["to_frame"] for one in told if "to_frame" in one}
        self._spans = [
            (one["from_frame"], ends.get(one["from_frame"], float("inf")), set(one["missing"].split(", ")))
            for one in told
            if "missing" in one
        ]

    def speaks_of(self, offset: int) -> bool:
        """Whether the frame went on without scores."""
        return any(first <= offset <= last for first, last, _ in self._spans)

    def leaves_out(self, record: Record) -> bool:
        """Whether scores came too late for their frame."""
        message = json.loads(bytes_of(record))
        offset, versions = message["position"]["offset"], {*message["losses"], *message.get("refused", {})}
        return any(first <= offset <= last and versions & missing for first, last, missing in self._spans)


def _arrivals(recorded: Recorded, model: str, caused: _Caused, begun: ModelCheckpoint | None) -> Iterator[Arrival]:
    """What takes effect on arrival, but for what the checkpoint that the run begins with has taken in already."""
    taken = {} if begun is None else begun.inputs
    for topic in (topics.TRAINING_RESULTS, topics.MODEL_COMMANDS):
        for record in recorded.of(topic, model):
            message_id = _Id.of(record)
            if message_id and offset_of(record) > taken.get(topic, -1):  # no id, no message: it was buried
                at_ms = milliseconds_of(record)
                yield Arrival(caused.after(message_id), at_ms, record, caused.order(message_id, at_ms))
    first = _BEFORE_ALL if begun is None else begun.position.offset
    for message in caused.decisions:
        if "action" in message and message["after"] >= first:
            at = datetime.fromisoformat(message["occurred_at"])
            at_ms = int(at.timestamp() * 1000)
            yield Arrival(message["after"], at_ms, None, message["order"], message["caused_by"][-1])


def _by_frame(scores: Sequence[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = {}
    for record in scores:
        found.setdefault(_offset_in(record), []).append(record)
    return found


def _offset_in(record: Record) -> int:
    return int(msgspec.json.decode(bytes_of(record), type=_Placed).position["offset"])


def _record(frame: Record, answer: Outgoing, at_ms: int) -> FakeRecord:
    return FakeRecord(answer.topic, key=answer.key, value=answer.value, at_partition=frame.partition(), at_ms=at_ms)
