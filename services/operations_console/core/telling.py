"""The view made into answers."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from operations_console.core import told
from operations_console.core.view.attention import Standing, Waits, standing
from operations_console.core.view.fleet import MEANS, FleetView
from operations_console.core.view.heads import CommandHead
from operations_console.core.view.kept import Entry
from operations_console.core.view.letters import LetterHead
from operations_console.core.view.model_view import ModelView, RunView, VersionView
from operations_console.core.view.paired import Paired

PROOFS = frozenset({"promote", "reject", "wait"})


def wait_told(waits: Waits) -> told.WaitTold:
    """What waits for a person."""
    return told.WaitTold(
        kind=waits.kind, version=waits.version, reason=waits.reason, since=waits.since, decision_id=waits.decision_id
    )


def glance(model: ModelView, at: Standing) -> dict[str, Any]:
    """The fields of `ModelTold`."""
    whole, runs = model.whole, model.recent_runs()
    spec = json.loads(model.spec) if model.spec else {}
    policy = spec.get("policy", "default")
    return {
        "model_id": model.model_id,
        "health": at.health,
        "champion": model.champion,
        "spec_version": model.spec_version,
        "task": spec.get("task"),
        "policy": policy if isinstance(policy, str) else "inline",
        "learner": spec.get("learner", {}).get("name"),
        "versions": len(model.versions),
        "rows": whole.rows if whole else 0,
        "labelled_rows": whole.labelled_rows if whole else 0,
        "loss": at.loss,
        "reference": at.reference,
        "rise": at.rise,
        "active_signals": list(whole.active_signals) if whole else [],
        "waits": [wait_told(one) for one in at.waits],
        "frozen": model.frozen,
        "run_status": runs[0].status if runs else None,
        "as_of": whole.as_of if whole else None,
        "signals": len(model.signals),
        "runs": len(model.runs),
        "promotions": sum(entry.head.event == "promoted" for entry in model.events),
    }


@dataclass(slots=True)
class Glances:
    """Every model at a glance; one is looked at anew only when something was told of it since."""

    _seen: dict[str, tuple[int, Standing, told.ModelTold]] = field(default_factory=dict)

    def of(self, model: ModelView) -> tuple[Standing, told.ModelTold]:
        """How a model stands, and what is said of it."""
        seen = self._seen.get(model.model_id)
        if seen is None or seen[0] != model.changes:
            at = standing(model)
            seen = self._seen[model.model_id] = model.changes, at, told.ModelTold(**glance(model, at))
        return seen[1], seen[2]

    def fleet(
        self, view: FleetView, models: Iterable[ModelView], *, whole: bool, limit: int, health: str | None = None
    ) -> told.FleetTold:
        """The fleet, of those models that the caller may see, what needs a person first."""
        looked = [self.of(model) for model in models]
        looked.sort(key=lambda one: (tuple(-part for part in one[0].urgency), one[1].model_id))
        shown = [model for _, model in looked if health in (None, model.health)]
        return told.FleetTold(
            models=shown[:limit],
            total=len(shown),
            health=dict(Counter(model.health for _, model in looked)),
            waiting=sum(bool(model.waits) for _, model in looked),
            dead_letters=sum(view.letters.counts.values()),
            whole=whole,
        )


def detail_told(model: ModelView) -> told.ModelDetailTold:
    """A model in full; segments that hurt most come first."""
    whole = model.whole
    segments = [_segment(model, name) for name in model.statuses if name]
    segments.sort(key=lambda one: (-(one.rise or 0.0), one.segment))
    return told.ModelDetailTold(
        **glance(model, standing(model)),
        metrics=dict(whole.metrics) if whole else {},
        attribution=dict(whole.attribution) if whole else {},
        segments=segments,
        losses=[
            told.BlockTold(
                first_row=one.first_row, rows=one.rows, version=one.model_version, loss=one.loss, last_at=one.last_at
            )
            for one in model.losses()
        ],
        erasures=[
            told.ErasureTold(erased_at=one.occurred_at, rows=one.rows, versions=list(one.versions))
            for one in reversed(model.erased())
        ],
    )


def _segment(model: ModelView, name: str) -> told.SegmentTold:
    status = model.statuses[name]
    return told.SegmentTold(
        segment=name,
        labelled_rows=status.labelled_rows,
        loss=status.metrics.get("loss"),
        reference=status.metrics.get("loss_reference"),
        rise=status.metrics.get("loss_rise"),
        active_signals=list(status.active_signals),
    )


def version_told(version: VersionView) -> told.VersionTold:
    """A version."""
    return told.VersionTold(
        version=version.version, status=version.status, reason=version.reason, registered_at=version.registered_at,
        promoted_at=version.promoted_at, changed_at=version.changed_at, run_id=version.run_id,
        spec_version=version.spec_version, artifact=version.artifact, artifact_sha256=version.artifact_sha256,
    )  # fmt: skip


def versions_told(model: ModelView) -> told.VersionsTold:
    """A model's versions, the newest first: in the order in which the log first names them."""
    return told.VersionsTold(versions=[version_told(one) for one in reversed(model.versions.values())])


def run_told(model: ModelView, run: RunView, *, steps: bool = False) -> told.RunTold:
    """A run; with `steps`, each of them."""
    request, result, last = run.request, run.result, run.last_step
    return told.RunTold(
        run_id=run.run_id,
        model_id=model.model_id,
        version=(result.version if result else None) or (request.version if request else None),
        status=run.status,
        mode=request.mode if request else None,
        learner=request.learner if request else None,
        reason=request.reason if request else None,
        began_at=run.began_at,
        ended_at=result.occurred_at if result else None,
        progress=1.0 if result and result.status == "succeeded" else min(1.0, last.step / last.steps) if last else None,
        seconds_left=last.seconds_left if last and result is None else None,
        seconds=result.cost.seconds if result and result.cost else None,
        metrics=dict(result.metrics) if result else {},
        failure=result.failure if result else None,
        reused_version=result.reused_version if result else None,
        steps=[
            told.StepTold(
                step=one.step, steps=one.steps, training_loss=one.training_loss, validation_loss=one.validation_loss,
                seconds_left=one.seconds_left, at=one.occurred_at,
            )
            for _, one in sorted(run.steps.items())
        ] if steps else [],
    )  # fmt: skip


def lineage_told(model: ModelView, version: VersionView) -> told.LineageTold:
    """Where a version comes from."""
    about = [_decision(entry) for entry in model.decisions if entry.head.candidate == version.version]
    decision = next((one for one in about if one.action == "retrain"), None)
    causes = {str(cause) for cause in decision.caused_by} if decision else set()
    run = model.runs.get(version.run_id or "")
    return told.LineageTold(
        version=version_told(version),
        signals=[DriftSignal.from_json(entry.raw) for entry in model.signals if entry.head.message_id in causes],
        decision=decision,
        run=run_told(model, run) if run else None,
        proof=[one for one in about if one.action in PROOFS],
        events=[ModelEvent.from_json(entry.raw) for entry in model.events if entry.head.version == version.version],
    )


def _decision(entry: Entry[Any]) -> RetrainDecision:
    return RetrainDecision.from_json(entry.raw)


def decisions_told(model: ModelView, limit: int, action: str | None = None) -> told.DecisionsTold:
    """The newest decisions."""
    found = [entry for entry in model.decisions.newest() if action in (None, entry.head.action)]
    return told.DecisionsTold(decisions=[_decision(entry) for entry in found[:limit]])


def signals_told(model: ModelView, limit: int) -> told.SignalsTold:
    """The newest signals."""
    return told.SignalsTold(signals=[DriftSignal.from_json(entry.raw) for entry in model.signals.newest(limit)])


def challenges_told(model: ModelView) -> told.ChallengesTold:
    """Versions that were, or are, under proof, and what was found."""
    pending = {one.version: one for one in standing(model).waits if one.version}
    found = [
        challenge
        for version in reversed(model.versions.values())
        if (challenge := _challenge(model, version, pending.get(version.version))) is not None
    ]
    return told.ChallengesTold(challenges=found)


def _challenge(model: ModelView, version: VersionView, waits: Waits | None) -> told.ChallengeTold | None:
    since = next(
        (
            e.head.occurred_at
            for e in model.events
            if e.head.event == "challenged" and e.head.version == version.version
        ),
        None,
    )
    words = [e for e in model.decisions.newest() if e.head.candidate == version.version and e.head.action in PROOFS]
    if since is None and not words:
        return None
    newest, paired = _decision(words[0]) if words else None, model.paired.get(version.version)
    return told.ChallengeTold(
        version=version.version,
        status=version.status,
        since=since,
        **_scored(paired),
        evidence=newest.evidence if newest else {},
        last_word=newest.reason if newest else "under proof",
        waits=wait_told(waits) if waits else None,
    )


def _scored(paired: Paired | None) -> dict[str, Any]:
    if paired is None or not paired.rows:
        return dict.fromkeys(("champion", "champion_loss", "challenger_loss", "gain", "gain_error")) | {"rows": 0}
    return {
        "champion": paired.champion,
        "rows": paired.rows,
        "champion_loss": paired.champion_loss / paired.rows,
        "challenger_loss": paired.challenger_loss / paired.rows,
        "gain": paired.gain,
        "gain_error": paired.error,
    }


def command_told(model: ModelView, head: CommandHead, *, repeated: bool = False) -> told.CommandTold:
    """A command and its answer."""
    answer = next(model.answers(head.message_id), None)
    means = model.means.get(head.message_id, {})
    return told.CommandTold(
        command_id=head.message_id, model_id=model.model_id, command=head.command, version=head.version,
        reason=head.reason, requested_by=head.requested_by, requested_at=head.occurred_at,
        came_from=means.get(MEANS[0]), means=means.get(MEANS[1]),
        decision=_decision(answer) if answer else None, repeated=repeated,
    )  # fmt: skip


def letter_told(head: LetterHead) -> told.LetterTold:
    """A dead letter's head."""
    return told.LetterTold(**letter_facts(head))


def letter_facts(head: LetterHead) -> dict[str, Any]:
    """The fields of `LetterTold`."""
    return {
        "place": head.place,
        "at": datetime.fromtimestamp(head.at_ms / 1000, UTC),
        "error_class": head.error_class,
        "stage": head.stage,
        "topic": head.topic,
        "message": head.message,
        "key": head.key,
        "bytes": head.bytes,
    }


def adaptation_told(model: ModelView) -> told.AdaptationTold:
    """Preset adaptive-feedback: the summary of a model."""
    runs = model.recent_runs()
    made = [run for run in runs if run.status == "succeeded"]
    whole = model.whole
    return told.AdaptationTold(
        model_id=model.model_id,
        health=standing(model).health,
        champion=model.champion,
        adaptations=len(made),
        failed=sum(run.status == "failed" for run in runs),
        last_adaptation=run_told(model, made[0]) if made else None,
        signals=len(model.signals),
        feedback_rows=(whole.metrics.get("feedback_rows") if whole else None) or 0.0,
        monitoring=model.spec is not None,
    )
