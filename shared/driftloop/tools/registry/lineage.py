"""Where a version comes from: signal → decision → run → data → proof → promotion."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingData, TrainingResult
from driftloop.tools.registry.tables import DecisionRow, EventRow, RequestRow, ResultRow, SignalRow
from driftloop.tools.registry.view import RegistryView, VersionInfo


@dataclass(frozen=True, slots=True)
class Lineage:
    """A version's whole story. Lists are in the order of the log; what the log lacks is None or empty."""

    version: VersionInfo
    signals: tuple[DriftSignal, ...]
    decision: RetrainDecision | None
    request: TrainingRequest | None
    result: TrainingResult | None
    proof: tuple[RetrainDecision, ...]
    events: tuple[ModelEvent, ...]

    @property
    def data(self) -> TrainingData | None:
        """The rows that the version learnt from: their frames and their hash."""
        return self.result.data if self.result else None


def lineage(view: RegistryView, model_id: str, version: str) -> Lineage | None:
    """The story of a version; None if the view does not know it."""
    known = view.version(model_id, version)
    if known is None:
        return None
    with Session(view.engine) as session:
        request = _request(session, known.run_id)
        result = _result(session, known.run_id)
        decisions = _decisions(session, model_id, version)
        decision = next((one for one in decisions if one.action == "retrain"), None)
        causes = [*(decision.caused_by if decision else ()), *(request.caused_by if request else ())]
        return Lineage(
            version=known,
            signals=_signals(session, causes),
            decision=decision,
            request=request,
            result=result,
            proof=tuple(one for one in decisions if one.action != "retrain"),
            events=_events(session, model_id, version),
        )


def _request(session: Session, run_id: UUID | None) -> TrainingRequest | None:
    row = session.get(RequestRow, str(run_id)) if run_id else None
    return TrainingRequest.from_json(row.body) if row else None


def _result(session: Session, run_id: UUID | None) -> TrainingResult | None:
    body = session.scalar(select(ResultRow.body).where(ResultRow.run_id == str(run_id))) if run_id else None
    return TrainingResult.from_json(body) if body else None


def _decisions(session: Session, model_id: str, version: str) -> list[RetrainDecision]:
    about = select(DecisionRow.body).where(DecisionRow.model_id == model_id, DecisionRow.candidate == version)
    bodies = session.scalars(about.order_by(DecisionRow.log_partition, DecisionRow.log_offset))
    return [RetrainDecision.from_json(body) for body in bodies]


def _events(session: Session, model_id: str, version: str) -> tuple[ModelEvent, ...]:
    about = select(EventRow.body).where(EventRow.model_id == model_id, EventRow.version == version)
    bodies = session.scalars(about.order_by(EventRow.log_partition, EventRow.log_offset))
    return tuple(ModelEvent.from_json(body) for body in bodies)


def _signals(session: Session, causes: list[UUID]) -> tuple[DriftSignal, ...]:
    wanted = {str(cause) for cause in causes}
    rows = session.scalars(select(SignalRow).where(SignalRow.message_id.in_(wanted)))
    ordered = sorted(rows, key=lambda row: (row.log_partition, row.log_offset))
    return tuple(DriftSignal.from_json(row.body) for row in ordered)
