"""The REST calls that the presets' systems knew, answered from the same view and the same log."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from statistics import fmean
from typing import Any

from driftloop.artifacts.storage import Storage
from operations_console.adapters.web.asking import send_command
from operations_console.adapters.web.desk import Call, Desk, model_of, visible
from operations_console.core import told
from operations_console.core.asked import CommandAsked, ReasonAsked, TriggerAsked
from operations_console.core.problems import not_found, unprocessable
from operations_console.core.report import Report, report, span_of
from operations_console.core.telling import adaptation_told, run_told
from operations_console.core.view.model_view import ModelView

ANSWER_SECONDS = 5.0
"""How long the trigger waits for the coordinator's decision before it says `accepted`."""


async def trigger(desk: Desk, call: Call) -> told.TriggerTold:
    """Preset agent-outcomes: ask for a retraining, and answer as its API did."""
    asked: TriggerAsked = call.body
    model = _the_model(desk, call, asked.model_id)
    began = desk.clock()
    wish = CommandAsked(
        command="retrain", reason=asked.reason, full=asked.force_full_retrain, wait_seconds=ANSWER_SECONDS
    )
    sent = await send_command(desk, call, model, wish)
    return _answer(desk, model, sent, asked, began)


def _answer(
    desk: Desk, model: ModelView, sent: told.CommandTold, asked: TriggerAsked, began: datetime
) -> told.TriggerTold:
    decision, now = sent.decision, desk.clock()
    started = decision is not None and decision.action in ("retrain", "reuse")
    status: Any = "accepted" if decision is None else "success" if started else "refused"
    words = "the coordinator has not answered yet" if decision is None else decision.reason
    return told.TriggerTold(
        status=status,
        message=words,
        result=told.TriggerResultTold(
            success=started,
            model_type=model.model_id,
            retrain_type="full" if asked.force_full_retrain else "incremental",
            events_processed=model.whole.labelled_rows if model.whole else 0,
            duration_ms=round((now - began).total_seconds() * 1000, 3),
        ),
        timestamp=now,
    )


def _the_model(desk: Desk, call: Call, name: str | None) -> ModelView:
    """The model that is meant: the one named, or the only one."""
    if name is not None:
        return model_of(desk, call, name)
    known = [model for model in visible(desk, call) if model.spec is not None]
    if len(known) != 1:
        raise unprocessable(f"Name a model_id: {len(known)} models are declared, so it is not clear which is meant.")
    return known[0]


async def agents_report(desk: Desk, call: Call) -> Report:
    """Preset agent-outcomes: `generate_report(include_agents)`; an agent is a segment."""
    model, now = _the_model(desk, call, call.query.model_id), desk.clock()
    return report([model], now - span_of(call.query.since), now, segments=call.query.include_agents)


async def adapt(desk: Desk, call: Call) -> told.CommandTold:
    """Preset adaptive-feedback: `trigger_adaptive_update`."""
    asked: ReasonAsked = call.body
    wish = CommandAsked(command="retrain", reason=asked.reason, full=False)
    return await send_command(desk, call, model_of(desk, call), wish)


async def adaptation(desk: Desk, call: Call) -> told.AdaptationTold:
    """Preset adaptive-feedback: `get_adaptation_summary`."""
    return adaptation_told(model_of(desk, call))


async def start_job(desk: Desk, call: Call) -> told.JobTold:
    """Preset document-extraction: `check_and_trigger_retraining`; the job's id is the command's."""
    asked: ReasonAsked = call.body
    model = model_of(desk, call)
    sent = await send_command(desk, call, model, CommandAsked(command="retrain", reason=asked.reason))
    return _job(model, sent.command_id, sent.decision)


async def job(desk: Desk, call: Call) -> told.JobTold:
    """Preset document-extraction: `get_job_status`."""
    job_id = call.path["job_id"]
    for model in visible(desk, call):
        if model.commands.get(job_id) is not None:
            return _job(model, job_id, None)
        if job_id in model.runs:
            run = run_told(model, model.runs[job_id])
            return told.JobTold(
                job_id=job_id, model_type=model.model_id, status=run.status, message=run.failure or run.status, run=run
            )
    raise not_found(f"There is no job {job_id}.")


def _job(model: ModelView, job_id: str, decision: Any) -> told.JobTold:
    answer = next(model.answers(job_id), None)
    found = decision or (answer.head if answer else None)
    if found is None:
        return told.JobTold(
            job_id=job_id, model_type=model.model_id, status="waiting", message="the coordinator has not answered yet"
        )
    run = model.runs.get(str(found.run_id))
    if found.action not in ("retrain", "reuse"):
        return told.JobTold(job_id=job_id, model_type=model.model_id, status="refused", message=found.reason)
    told_run = run_told(model, run) if run else None
    status: Any = told_run.status if told_run else "asked"
    return told.JobTold(job_id=job_id, model_type=model.model_id, status=status, message=found.reason, run=told_run)


async def statistics(desk: Desk, call: Call) -> told.StatisticsTold:
    """Preset document-extraction: `get_statistics`."""
    models = visible(desk, call)
    counts = Counter(version.status for model in models for version in model.versions.values())
    validated = {model.model_id: found for model in models if (found := model.validated())}
    ends = [at for found in validated.values() for _, _, at in found]
    storage = await asyncio.to_thread(desk.storage) if desk.storage is not None else None
    return told.StatisticsTold(
        total=sum(counts.values()),
        by_status=dict(counts),
        champions={model.model_id: model.champion for model in models if model.champion},
        runs=len(ends),
        mean_validation_loss={name: fmean(loss for loss, *_ in found) for name, found in validated.items()},
        best_validated={name: min(found)[1] for name, found in validated.items()},
        first_run_at=min(ends, default=None),
        last_run_at=max(ends, default=None),
        **_storage(storage, [model.model_id for model in models]),
    )


def _storage(found: Storage | str | None, models: Iterable[str]) -> dict[str, Any]:
    """The bytes of the models that the caller may see."""
    if found is None or isinstance(found, str):
        return {"storage_problem": found}
    seen = {model: dict(found.versions[model]) for model in models if model in found.versions}
    return {"version_bytes": seen, "storage_bytes": {model: found.of(model) for model in seen}}


async def roll_back(desk: Desk, call: Call) -> told.CommandTold:
    """Preset document-extraction: `rollback_to_previous_champion`."""
    asked: ReasonAsked = call.body
    wish = CommandAsked(command="roll_back", reason=asked.reason, wait_seconds=ANSWER_SECONDS)
    return await send_command(desk, call, model_of(desk, call), wish)
