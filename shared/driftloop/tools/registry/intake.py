"""Records of the log into the view's tables: each message once, whatever is read twice."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy.orm import Session

from driftloop.contracts import topics
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.message import ControlMessage
from driftloop.contracts.model_events import STATUS_AFTER, ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.processor import Record
from driftloop.tools.registry.tables import (
    CursorRow,
    DecisionRow,
    EventRow,
    RequestRow,
    ResultRow,
    SignalRow,
    SpecRow,
    VersionRow,
)


def take_in(session: Session, records: Iterable[Record]) -> int:
    """Write records that the view has not seen; how many were new. Unreadable ones are passed over."""
    new = 0
    for record in records:
        take = _TAKERS.get(record.topic())
        value = record.value()
        if take is not None and value is not None:
            new += take(session, record, value)
        _advance(session, record)
    return new


def _advance(session: Session, record: Record) -> None:
    place = {"topic": record.topic(), "log_partition": record.partition()}
    offset = record.offset() + 1
    cursor = session.get(CursorRow, tuple(place.values()))
    if cursor is None:
        session.add(CursorRow(**place, next_offset=offset))
    else:
        cursor.next_offset = max(cursor.next_offset, offset)


def _shared(message: ControlMessage, record: Record) -> dict[str, Any]:
    return {
        "message_id": str(message.message_id),
        "model_id": message.model_id,
        "occurred_at": message.occurred_at,
        "log_partition": record.partition(),
        "log_offset": record.offset(),
        "caused_by": [str(cause) for cause in message.caused_by],
        "body": message.to_json().decode(),
    }


def _event(session: Session, record: Record, value: bytes | str) -> bool:
    event = ModelEvent.from_json(value)
    if session.get(EventRow, str(event.message_id)) is not None:
        return False
    session.add(EventRow(**_shared(event, record), event=event.event, version=event.version, reason=event.reason))
    _follow(session, event)
    return True


def _follow(session: Session, event: ModelEvent) -> None:
    """Bring the version's row to where the event leaves it."""
    status = STATUS_AFTER.get(event.event)
    if event.version is None or status is None:
        return
    row = session.get(VersionRow, (event.model_id, event.version))
    if row is None:
        row = VersionRow(
            model_id=event.model_id,
            version=event.version,
            registered_at=event.occurred_at,
            promoted_at=None,
            metrics={},
        )
        session.add(row)
    row.status, row.changed_at = status, event.occurred_at
    row.run_id = str(event.run_id) if event.run_id else row.run_id
    row.spec_version = event.spec_version or row.spec_version
    row.artifact, row.artifact_sha256 = event.artifact or row.artifact, event.artifact_sha256 or row.artifact_sha256
    if event.event == "registered":
        row.metrics = dict(event.evidence)
    if status == "champion":
        row.promoted_at = event.occurred_at
        before = session.get(VersionRow, (event.model_id, event.previous_version)) if event.previous_version else None
        if before is not None and before is not row and before.status == "champion":
            before.status, before.changed_at = "archived", event.occurred_at


def _decision(session: Session, record: Record, value: bytes | str) -> bool:
    made = RetrainDecision.from_json(value)
    if session.get(DecisionRow, str(made.message_id)) is not None:
        return False
    row = DecisionRow(
        **_shared(made, record), action=made.action, trigger=made.trigger, reason=made.reason, candidate=made.candidate
    )
    session.add(row)
    return True


def _request(session: Session, record: Record, value: bytes | str) -> bool:
    request = TrainingRequest.from_json(value)
    if session.get(RequestRow, str(request.message_id)) is not None:
        return False
    session.add(RequestRow(**_shared(request, record), version=request.version, mode=request.mode))
    return True


def _result(session: Session, record: Record, value: bytes | str) -> bool:
    result = TrainingResult.from_json(value)
    if session.get(ResultRow, str(result.message_id)) is not None:
        return False
    row = ResultRow(
        **_shared(result, record), run_id=str(result.run_id), status=result.status, version=result.version,
        seconds=result.cost.seconds if result.cost else None,
    )  # fmt: skip
    session.add(row)
    return True


def _signal(session: Session, record: Record, value: bytes | str) -> bool:
    signal = DriftSignal.from_json(value)
    if session.get(SignalRow, str(signal.message_id)) is not None:
        return False
    row = SignalRow(**_shared(signal, record), kind=signal.kind, subject=signal.subject, harmful=signal.harmful)
    session.add(row)
    return True


def _spec(session: Session, record: Record, value: bytes | str) -> bool:  # noqa: ARG001  (takers are alike)
    published = ModelSpecPublished.from_json(value)
    row = session.get(SpecRow, published.model_id)
    if row is not None and row.spec_version >= published.spec_version:
        return False
    if row is None:
        row = SpecRow(model_id=published.model_id)
        session.add(row)
    row.spec_version, row.applied_at = published.spec_version, published.occurred_at
    row.body = published.spec.model_dump_json()
    return True


_TAKERS: dict[str, Callable[[Session, Record, bytes | str], bool]] = {
    topics.MODEL_EVENTS: _event,
    topics.RETRAIN_DECISIONS: _decision,
    topics.TRAINING_REQUESTS: _request,
    topics.TRAINING_RESULTS: _result,
    topics.DRIFT_SIGNALS: _signal,
    topics.MODEL_SPECS: _spec,
}
TOPICS = tuple(_TAKERS)
"""What the view is made from."""
