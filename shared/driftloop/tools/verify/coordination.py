"""Coordination once more: signals, statuses, scores, results and commands in, decisions out.

Evidence needs no order but that of the frames. A result, a command or a timer takes effect on arrival,
between two frames; which two is on the log, because what it caused says up to where evidence had
been taken in.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from driftloop.contracts import topics
from driftloop.processor import Outgoing, Record
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.detection import Answer
from driftloop.tools.verify.recorded import Recorded, bytes_of, milliseconds_of, offset_of
from retrain_coordinator.core.processor import Coordinator

_BEFORE_ALL = -1
_FOR_EVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Something that takes effect after the frame `after`: a record, or (None) a timer at `at_ms`."""

    after: int
    at_ms: int
    record: Record | None


def coordinate_again(recorded: Recorded, model: str, detected: Sequence[Answer]) -> list[Outgoing]:
    """All that the coordinator says about a model, in order."""
    core = Coordinator()
    said: list[Outgoing] = []
    caused = _Caused(recorded, model)
    arrivals = sorted(_arrivals(recorded, model, detected, caused), key=lambda arrival: (arrival.after, arrival.at_ms))
    scores, without = _by_frame(recorded.of(topics.CHALLENGE_SCORES, model)), _Unscored(caused.decisions)
    specs = list(recorded.of(topics.MODEL_SPECS, model))
    core.take_table(topics.MODEL_SPECS, [specs.pop(0) for _ in specs[:1]])

    def show_specs(until_ms: int) -> None:
        while specs and milliseconds_of(specs[0]) <= until_ms:
            core.take_table(topics.MODEL_SPECS, [specs.pop(0)])

    def let_arrive(until: int) -> None:
        while arrivals and arrivals[0].after < until:
            arrival = arrivals.pop(0)
            show_specs(arrival.at_ms)
            now = datetime.fromtimestamp(arrival.at_ms / 1000, UTC)
            records = [] if arrival.record is None else [arrival.record]
            effects = core.process(records, now, tables_current=True) if records else core.wake(now)
            said.extend(effects.outgoing)

    for frame, answers in detected:
        let_arrive(offset_of(frame))
        at_ms = caused.status_ms(offset_of(frame), milliseconds_of(frame))
        show_specs(at_ms)
        told = [record for record in scores.get(offset_of(frame), ()) if not without.leaves_out(record)]
        evidence = [*told, *(_record(frame, answer, at_ms) for answer in answers)]
        now = datetime.fromtimestamp(at_ms / 1000, UTC)
        said.extend(core.process(evidence, now, tables_current=True).outgoing)
        if without.speaks_of(offset_of(frame)):
            said.extend(core.go_on(now + _FOR_EVER).outgoing)
    let_arrive(2**63)
    return said


class _Caused:
    """What the log says was caused, and after which frame."""

    def __init__(self, recorded: Recorded, model: str) -> None:
        self._after: dict[str, int] = {}
        self._status_ms = {
            json.loads(bytes_of(record))["position"]["offset"]: milliseconds_of(record)
            for record in recorded.of(topics.DRIFT_STATUS, model)
        }
        self.decisions: list[dict[str, Any]] = []
        for topic in (topics.RETRAIN_DECISIONS, topics.MODEL_EVENTS):
            for record in recorded.of(topic, model):
                message = json.loads(bytes_of(record))
                position = message.get("position") or message.get("from_position")
                after = position["offset"] if position else _BEFORE_ALL
                self.decisions.append({**message, "after": after})
                for cause in message["caused_by"]:
                    self._after[cause] = min(after, self._after.get(cause, after))

    def after(self, message_id: str) -> int | None:
        """The frame after which a message took effect; None where it caused nothing."""
        return self._after.get(message_id)

    def status_ms(self, offset: int, otherwise: int) -> int:
        """When the log took the status of a frame; older ones are compacted away."""
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


def _arrivals(recorded: Recorded, model: str, detected: Sequence[Answer], caused: _Caused) -> Iterator[_Arrival]:
    frames = [(milliseconds_of(frame), offset_of(frame)) for frame, _ in detected]
    known = set()
    for topic in (topics.TRAINING_RESULTS, topics.MODEL_COMMANDS):
        for record in recorded.of(topic, model):
            try:
                message_id = str(json.loads(bytes_of(record))["message_id"])
            except (ValueError, KeyError, TypeError):
                continue  # no message at all: the coordinator has buried it
            known.add(message_id)
            after = caused.after(message_id)
            if after is None:
                after = max((offset for at, offset in frames if at <= milliseconds_of(record)), default=_BEFORE_ALL)
            yield _Arrival(after, milliseconds_of(record), record)
    known |= {json.loads(answer.value)["message_id"] for _, answers in detected for answer in answers}
    for message in caused.decisions:
        if "action" in message and message["caused_by"][-1] not in known:  # the last cause is the step's own
            at = datetime.fromisoformat(message["occurred_at"])
            yield _Arrival(message["after"], int(at.timestamp() * 1000), None)


def _by_frame(scores: Sequence[Record]) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = {}
    for record in scores:
        found.setdefault(json.loads(bytes_of(record))["position"]["offset"], []).append(record)
    return found


def _record(frame: Record, answer: Outgoing, at_ms: int) -> FakeRecord:
    return FakeRecord(answer.topic, key=answer.key, value=answer.value, at_partition=frame.partition(), at_ms=at_ms)
