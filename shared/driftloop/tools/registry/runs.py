"""Training runs as the registry's view tells them: the request, and its result where it has come."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.tools.registry.tables import RequestRow, ResultRow
from driftloop.tools.registry.view import RegistryView


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run. `status` is `running` until its result has come (a run that waits for a place is running too)."""

    run_id: str
    model_id: str
    version: str
    mode: str
    asked_at: datetime
    reason: str
    status: str = "running"
    seconds: float | None = None
    cpu_seconds: float | None = None
    rows: int | None = None
    artifact: str | None = None
    failure: str | None = None
    remarks: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {**asdict(self), "asked_at": self.asked_at.isoformat(), "remarks": list(self.remarks)}


def runs(view: RegistryView, model_id: str | None = None) -> list[RunInfo]:
    """The runs of a model, or of all, in the order in which they were asked for."""
    with Session(view.engine) as session:
        asked, ended = select(RequestRow.body), select(ResultRow.body)
        if model_id is not None:
            asked, ended = asked.where(RequestRow.model_id == model_id), ended.where(ResultRow.model_id == model_id)
        requests = [TrainingRequest.from_json(body) for body in session.scalars(asked)]
        results = {result.run_id: result for result in map(TrainingResult.from_json, session.scalars(ended))}
    ordered = sorted(requests, key=lambda request: (request.occurred_at, request.model_id))
    return [_run(request, results.get(request.message_id)) for request in ordered]


def _run(request: TrainingRequest, result: TrainingResult | None) -> RunInfo:
    told: dict[str, Any] = {}
    if result is not None:
        told = {"status": result.status, "artifact": result.artifact, "failure": result.failure}
        told |= {"remarks": result.remarks, "metrics": result.metrics}
        told |= {"rows": result.data.rows} if result.data else {}
        told |= {"seconds": result.cost.seconds, "cpu_seconds": result.cost.cpu_seconds} if result.cost else {}
    return RunInfo(
        str(request.message_id), request.model_id, request.version, request.mode, request.occurred_at, request.reason,
        **told,
    )  # fmt: skip
