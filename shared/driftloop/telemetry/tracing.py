"""One trace from a frame of outcomes to the version that serves: W3C context in record headers, spans by message.

Why ids are derived: a step that is done again after a crash gives the same message, so it gives the same span. Why a
trace is handed on in headers and not in messages: what is decided is a function of the messages; a header is read by
nobody but the tracer. A message continues the trace of its direct cause, wherever that came from; if the cause's
context is not known any more (it was read before a restart), the trace is derived from the chain's first message.
"""

import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Protocol

import msgspec

from driftloop.contracts import topics
from driftloop.processor import Outgoing, Record

HEADER = "traceparent"
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_MOST_KNOWN = 50_000
_SPANNED = frozenset(
    {
        topics.OUTCOME_FRAMES, topics.DRIFT_SIGNALS, topics.RETRAIN_DECISIONS, topics.TRAINING_REQUESTS,
        topics.TRAINING_RESULTS, topics.MODEL_EVENTS, topics.MODEL_COMMANDS,
    }
)  # fmt: skip
"""Topics whose messages are spans. Those of the others only hand the context on: there is one for every frame."""
_CARRIED = _SPANNED | {topics.DRIFT_STATUS, topics.CHALLENGE_SCORES, topics.TRAINING_PROGRESS}


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span's place: the ids of its trace and of itself, in hex."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def header(self) -> bytes:
        """As the value of a `traceparent` header."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}".encode()


def context_in(headers: Iterable[tuple[str, bytes | None]] | None) -> TraceContext | None:
    """The context that a record carries; None where there is none, or one that W3C's form does not allow.

    >>> context_in([("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")])
    TraceContext(trace_id='0af7651916cd43dd8448eb211c80319c', span_id='b7ad6b7169203331', sampled=True)
    """
    found = next((value for name, value in headers or () if name == HEADER and value), None)
    match = _TRACEPARENT.fullmatch(found) if found else None
    return TraceContext(match[1].decode(), match[2].decode(), bool(int(match[3], 16) & 1)) if match else None


@dataclass(frozen=True, slots=True)
class Span:
    """A message that was published, from the moment its batch was taken up until it was committed."""

    name: str
    context: TraceContext
    parent: TraceContext | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str]
    links: tuple[TraceContext, ...] = ()


class _Position(msgspec.Struct, frozen=True):
    partition: int
    offset: int


class _Envelope(msgspec.Struct, frozen=True):
    """What a tracer reads of a message."""

    message_id: str
    model_id: str = ""
    caused_by: tuple[str, ...] = ()
    position: _Position | None = None
    action: str = ""
    event: str = ""
    command: str = ""
    status: str = ""


class Tracer(Protocol):
    """What the loop tells of its batches."""

    def take(self, records: Sequence[Record]) -> None:
        """A batch was taken up."""
        ...

    def trace(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """The same messages with their context in a header."""
        ...

    def committed(self) -> None:
        """What was traced last is on the log."""
        ...


class NoTracer:
    """Nobody asks for traces."""

    def take(self, records: Sequence[Record]) -> None:
        """Nothing is kept."""

    def trace(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """As they are."""
        return outgoing

    def committed(self) -> None:
        """Nothing is told."""


@dataclass(slots=True)
class LoopTracer:
    """See `Tracer`. Spans go to `export` once they are committed."""

    service: str
    export: Callable[[Sequence[Span]], None]
    clock_ns: Callable[[], int] = time.time_ns
    _known: dict[Hashable, TraceContext] = field(default_factory=dict)
    _batch: TraceContext | None = None
    _began_ns: int = 0
    _spans: list[Span] = field(default_factory=list)

    def take(self, records: Sequence[Record]) -> None:
        """Remember the contexts that records carry, by message and by frame."""
        self._began_ns, self._batch = self.clock_ns(), None
        for record in records:
            context = context_in(record.headers())
            if context is None:
                continue
            self._batch = self._batch or context
            topic = str(record.topic())
            if topic == topics.OUTCOME_FRAMES:
                self._know((int(record.partition() or 0), int(record.offset() or 0)), context)
            elif topic in _CARRIED and (envelope := _envelope(record.value())):
                self._know(envelope.message_id, context)

    def trace(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """Give each message its context; messages that are caused by others of the same step follow them."""
        self._spans = []
        return [self._traced(one) if one.topic in _CARRIED else one for one in outgoing]

    def committed(self) -> None:
        """Hand the spans over."""
        if self._spans:
            end = self.clock_ns()
            self.export([replace(span, end_ns=end) for span in self._spans])
            self._spans = []

    def _traced(self, one: Outgoing) -> Outgoing:
        envelope = _envelope(one.value) if one.topic != topics.OUTCOME_FRAMES else None
        parent, links = self._causes(envelope)
        seed = envelope.message_id.encode() if envelope else sha256(one.value).digest()
        first = envelope.caused_by[0].encode() if envelope and envelope.caused_by else seed
        trace_id = parent.trace_id if parent else sha256(b"trace" + first).hexdigest()[:32]
        context = TraceContext(trace_id, sha256(b"span" + seed).hexdigest()[:16], parent.sampled if parent else True)
        if one.topic not in _SPANNED and parent is not None:
            context = parent
        elif one.topic in _SPANNED:
            self._spans.append(self._span(one, envelope, context, parent, links))
        if envelope:
            self._know(envelope.message_id, context)
        return replace(one, headers=(*one.headers, (HEADER, context.header())))

    def _causes(self, envelope: _Envelope | None) -> tuple[TraceContext | None, tuple[TraceContext, ...]]:
        """The direct cause's context, and those of other traces that led here."""
        if envelope is None:
            return self._batch, ()
        position = envelope.position
        keys: list[Hashable] = [
            *reversed(envelope.caused_by),
            *([(position.partition, position.offset)] if position else []),
        ]
        found = [context for key in keys if (context := self._known.get(key)) is not None]
        if not found:
            return (None if envelope.caused_by else self._batch), ()
        others = {context.trace_id: context for context in found if context.trace_id != found[0].trace_id}
        return found[0], tuple(others.values())

    def _span(
        self, one: Outgoing, envelope: _Envelope | None, context: TraceContext, parent: TraceContext | None,
        links: tuple[TraceContext, ...],
    ) -> Span:  # fmt: skip
        attributes = {"messaging.system": "kafka", "messaging.destination.name": one.topic}
        what = ""
        if envelope:
            what = envelope.action or envelope.event or envelope.command or envelope.status
            attributes |= {
                "messaging.message.id": envelope.message_id, "driftloop.model_id": envelope.model_id,
                "driftloop.caused_by": " ".join(envelope.caused_by), "driftloop.what": what,
            }  # fmt: skip
        name = f"publish {one.topic} {what}".rstrip()
        return Span(name, context, parent, self._began_ns or self.clock_ns(), 0, attributes, links)

    def _know(self, key: Hashable, context: TraceContext) -> None:
        self._known.pop(key, None)
        self._known[key] = context
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]


def _envelope(value: bytes | str | None) -> _Envelope | None:
    """What a message says of itself; None where it is none."""
    try:
        return msgspec.json.decode(value or b"", type=_Envelope)
    except msgspec.MsgspecError:
        return None
