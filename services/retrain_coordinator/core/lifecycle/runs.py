"""Runs: asking for one, and what becomes of its result."""

from driftloop.contracts.message import derive_id
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import Candidate, TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.cores.version_order import age_order
from retrain_coordinator.core.decide import Decision
from retrain_coordinator.core.deciding.windows import data_rule
from retrain_coordinator.core.lifecycle import names
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.lifecycle.target import obstacle, opponent
from retrain_coordinator.core.lifecycle.versions import next_number, signature, stands_above
from retrain_coordinator.core.payoff import rule as payoff
from retrain_coordinator.core.proof import challenge
from retrain_coordinator.core.state import RunEntry, VersionEntry
from retrain_coordinator.core.step import Step


def start(step: Step, decision: Decision) -> RetrainDecision:
    """Publish the decision to retrain and the request; an unproven challenger gives way to the run."""
    state = step.state
    signals = tuple(cause for signal in state.signals for cause in (*signal.caused_by, signal.message_id))
    causes = (*signals, *step.chain())
    version = next_number(state, step.spec)
    theirs = stands_above(state, step.spec)
    skipped = {} if theirs is None else {"numbered_above": theirs}
    published_as = derive_id("run", state.model_id, step.cause, version)
    made = step.decision(
        "retrain", decision.trigger, decision.reason, candidate=version, run_id=published_as,
        safeguards=decision.safeguards, evidence={**decision.evidence, **skipped}, causes=causes,
    )  # fmt: skip
    room = step.spec.challenge.challengers - 1
    for challenger in tuple(state.challenges)[: max(0, len(state.challenges) - room)]:
        lifecycle.reject(step, challenger, f"superseded by the run for {version}", trigger="superseded")
    request = _request(step, decision, made, version)
    step.request(request)
    run = RunEntry(
        run_id=request.message_id, version=version, spec_version=step.spec_version, trigger=decision.trigger,
        requested_at=step.now, lineage=request.caused_by, target=signature(step.spec)["target"],
    )  # fmt: skip
    state.begin_run(run, state.labelled_rows, state.metrics.get("feedback_rows", float(state.labelled_rows)))
    state.keep_books(payoff.began_training(state.payoff))
    state.number(version, signature(step.spec))
    state.clear_suspicions()
    state.keep_signals(())
    state.settle_wishes()
    return made


def _request(step: Step, decision: Decision, made: RetrainDecision, version: str) -> TrainingRequest:
    state, spec = step.state, step.spec
    serving = opponent(state, spec)
    champion = state.versions.get(serving) if serving else None
    runnable = champion if champion and champion.artifact else None
    incremental = decision.mode == "incremental" and runnable is not None
    return TrainingRequest(
        message_id=made.run_id or made.message_id,
        model_id=state.model_id,
        occurred_at=step.now,
        caused_by=(*made.caused_by, made.message_id),
        version=version,
        mode="incremental" if incremental else "full",
        base_version=runnable.version if runnable and incremental else None,
        base_artifact=runnable.artifact if runnable and incremental else None,
        base_sha256=runnable.sha256 if runnable and incremental else None,
        champion=champion.version if champion else None,
        champion_artifact=runnable.artifact if runnable else None,
        champion_sha256=runnable.sha256 if runnable else None,
        spec_version=step.spec_version,
        learner=spec.learner.name,
        learner_parameters=spec.learner.parameters,
        data=data_rule(step, decision),
        candidates=_candidates(step),
        seed=derive_id("seed", state.model_id, version).int % 2**31,
        reason=made.reason,
    )


def _candidates(step: Step) -> tuple[Candidate, ...]:
    """Archived versions that a run may try first: those that may serve, the newest first."""
    state = step.state
    fit = [
        entry
        for entry in state.versions.values()
        if state.status_of(entry.version) == "archived"
        and entry.artifact
        and not entry.withdrawn
        and obstacle(state, entry.version, step.spec) is None
    ]
    newest = sorted(fit, key=lambda entry: age_order(entry.version))[::-1]
    chosen = newest[: step.policy.safeguards.reuse_candidates]
    return tuple(Candidate(version=entry.version, artifact=entry.artifact, sha256=entry.sha256) for entry in chosen)


def end(step: Step, result: TrainingResult) -> bool:
    """Take in a run's end. False if the run is not one that is waited for."""
    state = step.state
    run = state.run
    if run is None or run.run_id != result.run_id:
        return False
    state.end_run()
    if result.cost is not None and result.reused_version is None:
        state.keep_books(payoff.measured(state.payoff, result.cost.cpu_seconds))
    step.causes = (*run.lineage, run.run_id)
    if result.status == "succeeded" and result.reused_version in state.versions:
        _reuse(step, result)
        return True
    without_artifact = step.spec.serving == "external" and result.artifact is None
    if result.status != "succeeded" or not (without_artifact or (result.artifact and result.artifact_sha256)):
        _failed(step, result)
        return True
    if run.named:
        _not_taken_in(step, result)
        return True
    state.succeed()
    made = VersionEntry(
        version=result.version, status="registered", run_id=run.run_id, spec_version=run.spec_version,
        artifact=result.artifact or "", sha256=result.artifact_sha256 or "",
        rows=result.data.rows if result.data else 0, loss_bound=result.loss_bound or 1.0,
        overlap=challenge.overlap_of(result), lineage=step.chain(), target=run.target,
    )  # fmt: skip
    if result.version in state.versions:
        status = state.complete_version(made)
        reason = f"the run for {result.version} ended after its rows had come: it is {status} already"
        step.decision("wait", "late_result", reason, candidate=result.version, run_id=run.run_id)
        return True
    state.add_version(made)
    metrics: dict[str, float | str | None] = dict(result.metrics)
    if result.cost:
        metrics |= {"training_seconds": result.cost.seconds, "training_cpu_seconds": result.cost.cpu_seconds}
    step.event("registered", f"run for trigger {run.trigger} succeeded", version=result.version, evidence=metrics)
    _prove(step, result)
    return True


def _prove(step: Step, result: TrainingResult) -> None:
    state = step.state
    if state.champion is None:
        lifecycle.promote(step, result.version, "the first version", trigger="first_version")
        return
    entry = challenge.begin(
        result, state.champion, step.spec.challenge, state.applied, state.labelled_rows,
        refitted=step.spec.training.refit if result.refitted is None else result.refitted,
        unopposed=opponent(state, step.spec) is None,
    )  # fmt: skip
    state.hold_challenge(entry)
    state.move(result.version, "challenged")
    word = challenge.verdict(entry, step.spec.challenge)
    step.event("challenged", f"challenges {state.champion}: {word.reason}", version=result.version,
               previous_version=state.champion, evidence=word.evidence)  # fmt: skip
    lifecycle.settle(step)


def _reuse(step: Step, result: TrainingResult) -> None:
    """Nothing was trained: an archived version did well on the newest rows. The same proof as any other's."""
    state, version = step.state, result.reused_version
    if version is None or state.champion is None or version == state.champion:
        step.decision("wait", "reuse", f"the run came back with {version}, which serves already")
        return
    refused = obstacle(state, version, step.spec)
    if refused is None and state.versions[version].withdrawn:
        refused = "a person rolled it back"
    if refused is not None:
        step.decision("refuse", "reuse", f"the run came back with {version}, but {refused}", candidate=version)
        return
    held = result.model_copy(update={"version": version})
    entry = challenge.begin(held, state.champion, step.spec.challenge, state.applied, state.labelled_rows)
    entry = entry.model_copy(update={"served_before": True})
    word = challenge.verdict(entry, step.spec.challenge)
    if word.outcome == "promote" and state.frozen is None:
        reason = f"{version} is good enough again, nothing was trained: {word.reason}"
        lifecycle.promote(step, version, reason, action="reuse", trigger="reuse", evidence=word.evidence)
        return
    state.hold_challenge(entry)
    state.move(version, "challenged")
    step.event("challenged", f"archived {version} challenges {state.champion}: {word.reason}", version=version,
               previous_version=state.champion, evidence=word.evidence)  # fmt: skip
    lifecycle.settle(step)


def _failed(step: Step, result: TrainingResult) -> None:
    reason = f"the run for {result.version} {result.status}: {result.failure or 'no reason was given'}"
    _gave_nothing(step, result, "run_failed", reason)


def _not_taken_in(step: Step, result: TrainingResult) -> None:
    """Rows of its name came before it was there: taken in, it would be judged by what somebody else's model said."""
    reason = (
        f"the run for {result.version} succeeded, and what it made is not taken in: outcomes named {result.version} "
        "before, so somebody else's model bears this number; the next run gets another"
    )
    _gave_nothing(step, result, names.TRIGGER, reason)


def _gave_nothing(step: Step, result: TrainingResult, trigger: str, reason: str) -> None:
    state = step.state
    state.fail(state.labelled_rows)
    step.decision("wait", trigger, reason, candidate=result.version, run_id=result.run_id)
    state.keep_books(payoff.ended_training(state.payoff, promoted=False))
