"""The messages that end a run, and those on the way. Ids and times come from the request alone."""

from uuid import UUID

from driftloop.contracts.message import derive_id
from driftloop.contracts.topics import MODEL_PROFILES, TRAINING_PROGRESS, TRAINING_RESULTS
from driftloop.contracts.training_progress import TrainingProgress
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.processor import Outgoing
from trainer_worker.core.train.run_report import Failed, Progress, Reused, Succeeded


def progress_message(request: TrainingRequest, progress: Progress) -> Outgoing:
    """A `training-progress` record, keyed by the run."""
    message = TrainingProgress(
        message_id=derive_id("training-progress", request.message_id, progress.step),
        model_id=request.model_id,
        occurred_at=request.occurred_at,
        caused_by=_chain(request),
        run_id=request.message_id,
        **progress.model_dump(exclude={"kind"}),
    )
    return Outgoing(TRAINING_PROGRESS, str(request.message_id), message.to_json(), partition_by=request.model_id)


def success_messages(request: TrainingRequest, report: Succeeded) -> tuple[Outgoing, ...]:
    """The version's profile, then the result that names the version."""
    profile, version = report.profile, request.version
    result = TrainingResult(
        message_id=result_id(request),
        model_id=request.model_id,
        occurred_at=request.occurred_at,
        caused_by=_chain(request),
        run_id=request.message_id,
        status="succeeded",
        version=version,
        **{name: getattr(report, name) for name in ("artifact", "artifact_sha256", "metrics", "validation")},
        **{name: getattr(report, name) for name in ("loss_bound", "data", "cost", "remarks", "refitted", "sandbox")},
    )
    return (
        Outgoing(MODEL_PROFILES, f"{request.model_id}/{version}", profile.to_json(), partition_by=request.model_id),
        Outgoing(TRAINING_RESULTS, request.model_id, result.to_json()),
    )


def reuse_message(request: TrainingRequest, report: Reused) -> Outgoing:
    """The result of a run that found an archived version good enough: there is no new one."""
    result = TrainingResult(
        message_id=result_id(request),
        model_id=request.model_id,
        occurred_at=request.occurred_at,
        caused_by=_chain(request),
        run_id=request.message_id,
        status="succeeded",
        version=request.version,
        reused_version=report.version,
        **{name: getattr(report, name) for name in ("metrics", "validation", "loss_bound", "data", "cost")},
        **{name: getattr(report, name) for name in ("remarks", "sandbox")},
    )
    return Outgoing(TRAINING_RESULTS, request.model_id, result.to_json())


def failure_message(request: TrainingRequest, report: Failed, *, cancelled: bool = False) -> Outgoing:
    """The result of a run that came to nothing, with its reason."""
    result = TrainingResult(
        message_id=result_id(request),
        model_id=request.model_id,
        occurred_at=request.occurred_at,
        caused_by=_chain(request),
        run_id=request.message_id,
        status="cancelled" if cancelled else "failed",
        version=request.version,
        cost=report.cost,
        failure=report.reason,
    )
    return Outgoing(TRAINING_RESULTS, request.model_id, result.to_json())


def result_id(request: TrainingRequest) -> UUID:
    """One run, one result, one id."""
    return derive_id("training-result", request.message_id)


def _chain(request: TrainingRequest) -> tuple[UUID, ...]:
    return (*request.caused_by, request.message_id)
