"""The view of the fleet: a fold of the log.

The same records give the same view in whatever order their topics are read, however often each is delivered,
and whatever rubbish stands between them. Records that cannot be read are counted and passed over: a console
that stops at one shows nothing.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from driftloop.contracts import topics
from driftloop.contracts.notification_mutes import NotificationMute
from driftloop.cores.record_fields import key_text
from driftloop.processor import Record
from operations_console.core.notify.mutes import Mutes
from operations_console.core.view import heads
from operations_console.core.view.letters import LetterHeads
from operations_console.core.view.model_view import ModelView
from operations_console.core.view.paired import take_scores

Position = tuple[str, int]
H = TypeVar("H", bound=heads.Head)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", re.ASCII)
MEANS = ("driftloop.from", "driftloop.means")
"""Headers of a command's record: where it came from, and by which means."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something became known: which topic told it, of which model, which message, and a line for a person."""

    topic: str
    model_id: str
    message_id: str
    line: str


@dataclass(slots=True)
class FleetView:
    """Every model by name, and the dead letters by reason."""

    models: dict[str, ModelView] = field(default_factory=dict)
    letters: LetterHeads = field(default_factory=LetterHeads)
    next: dict[Position, int] = field(default_factory=dict)
    """The next offset of every partition: what is below it was taken in."""
    mutes: Mutes = field(default_factory=Mutes)
    unreadable: Counter[str] = field(default_factory=Counter)
    """Topic → records passed over."""

    def take(self, record: Record) -> Change | None:
        """Take a record in; what became known by it, if anything. Records of a partition come in its order."""
        topic, offset = record.topic(), record.offset()
        position = topic, record.partition()
        if offset < self.next.get(position, 0):
            return None
        self.next[position] = offset + 1
        try:
            return self._taken(topic, record)
        except Exception:  # noqa: BLE001  (whatever is wrong with one record: a console that stops at it shows nothing)
            self.unreadable[topic] += 1
            return None

    def _taken(self, topic: str, record: Record) -> Change | None:
        if topic == topics.DEAD_LETTERS:
            line = self.letters.take(record)
            return Change(topic, "", f"{record.partition()}:{record.offset()}", line)
        if topic == topics.NOTIFICATION_MUTES:
            return self._mute(record)
        taker, value = _TAKERS.get(topic), record.value()
        if taker is None:
            return None
        if value is None:
            return self._erase(topic, record)
        return taker(self, topic, record, value)

    def _mute(self, record: Record) -> Change | None:
        if any(one.reason == "unreadable" for one in self.mutes.take([record])):
            raise ValueError("no mute")
        value = record.value()
        if value is None:
            return Change(record.topic(), "", "", "removed")
        mute = NotificationMute.from_json(value)
        what = f"muted until {mute.muted_until:%Y-%m-%d %H:%M} UTC" if mute.muted_until else "not muted any more"
        return Change(record.topic(), "", str(mute.message_id), f"{mute.model_id}: {what} by {mute.requested_by}")

    def model(self, model_id: str) -> ModelView:
        """The model of that name, made where it is not known yet."""
        known = self.models.get(model_id)
        if known is None:
            known = self.models[model_id] = ModelView(model_id)
        return known

    def _erase(self, topic: str, record: Record) -> Change | None:
        """A tombstone of a compacted topic."""
        model_id, _, segment = key_text(record).partition("/")
        known = self.models.get(model_id)
        if known is None:
            return None
        known.changes += 1
        if topic == topics.DRIFT_STATUS:
            known.drop_status(segment)
        elif topic == topics.MODEL_SPECS:
            known.spec, known.spec_version, known.applied_at = None, 0, None
        return Change(topic, model_id, "", "removed")


Taker = Callable[[FleetView, str, Record, bytes], Change | None]


def _taker(kind: type[H], take: Callable[[ModelView, H, bytes, Record], bool], say: Callable[[H], str]) -> Taker:
    decode = msgspec.json.Decoder(kind).decode

    def taker(view: FleetView, topic: str, record: Record, value: bytes) -> Change | None:
        head = decode(value)
        if head.occurred_at.tzinfo is None or _NAME.fullmatch(head.model_id) is None:
            raise ValueError("a moment without a zone, or a name that is none")
        model = view.model(head.model_id)
        new = take(model, head, value, record)
        model.changes += 1
        model.let_go()
        return Change(topic, head.model_id, head.message_id, say(head)) if new else None

    return taker


def _command(model: ModelView, head: heads.CommandHead, raw: bytes, record: Record) -> bool:
    found = {name: text for name, text in record.headers() or () if name in MEANS}
    if found and head.message_id not in model.means:
        model.means[head.message_id] = {name: text.decode("utf-8", "replace") for name, text in found.items()}
    if head.command == "report":
        return False
    return model.commands.add(head, raw, record.offset())


def _spec(model: ModelView, head: heads.SpecHead, _raw: bytes, _record: Record) -> bool:
    if head.spec_version < model.spec_version:
        return False
    model.spec, model.spec_version, model.applied_at = bytes(head.spec), head.spec_version, head.occurred_at
    return True


def _offset(record: Record) -> int:
    return record.offset()


def _signal_line(head: heads.SignalHead) -> str:
    return f"{'harm' if head.harmful else 'warning'}: {head.explanation or head.kind}"


def _step_line(head: heads.ProgressHead) -> str:
    return f"step {head.step} of {head.steps}"


_TAKERS: Mapping[str, Taker] = {
    topics.DRIFT_SIGNALS: _taker(
        heads.SignalHead, lambda model, head, raw, record: model.signals.add(head, raw, _offset(record)), _signal_line
    ),
    topics.DRIFT_STATUS: _taker(
        heads.StatusHead,
        lambda model, head, raw, _record: model.take_status(head, raw),
        lambda head: f"{head.labelled_rows:,} labelled rows",
    ),
    topics.RETRAIN_DECISIONS: _taker(
        heads.DecisionHead,
        lambda model, head, raw, record: model.take_decision(head, raw, _offset(record)),
        lambda head: f"{head.action.replace('_', ' ')}: {head.reason}",
    ),
    topics.MODEL_EVENTS: _taker(
        heads.EventHead,
        lambda model, head, raw, record: model.take_event(head, raw, _offset(record)),
        lambda head: f"{head.version or ''} {head.event.replace('_', ' ')}: {head.reason}".strip(),
    ),
    topics.MODEL_COMMANDS: _taker(
        heads.CommandHead, _command, lambda head: f"{head.command.replace('_', ' ')} by {head.requested_by}"
    ),
    topics.CHALLENGE_SCORES: _taker(
        heads.ScoresHead,
        lambda model, head, _raw, _record: take_scores(model.paired, head),
        lambda head: f"{len(head.losses.get(head.champion, ())):,} rows scored",
    ),
    topics.ARCHIVE_ERASURES: _taker(
        heads.ErasureHead,
        lambda model, head, _raw, _record: model.take_erasure(head),
        lambda head: f"{head.rows:,} rows were erased from the archive",
    ),
    topics.MODEL_SPECS: _taker(heads.SpecHead, _spec, lambda head: f"spec version {head.spec_version}"),
    topics.TRAINING_REQUESTS: _taker(
        heads.RequestHead,
        lambda model, head, _raw, _record: model.take_request(head),
        lambda head: f"{head.mode} run for {head.version} asked for",
    ),
    topics.TRAINING_PROGRESS: _taker(
        heads.ProgressHead, lambda model, head, _raw, _record: model.take_progress(head), _step_line
    ),
    topics.TRAINING_RESULTS: _taker(
        heads.ResultHead,
        lambda model, head, _raw, _record: model.take_result(head),
        lambda head: f"run {head.status}" + (f": {head.failure}" if head.failure else ""),
    ),
}

TOPICS = (*_TAKERS, topics.NOTIFICATION_MUTES, topics.DEAD_LETTERS)
"""What the view is folded from."""
