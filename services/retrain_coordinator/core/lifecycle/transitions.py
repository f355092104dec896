"""What becomes of versions, as `state.life.TRANSITIONS` allows it: decided, published, and written down.

Promotion puts the predecessor on probation duty: it is scored beside the new champion until the
probation's rows are through, and comes back where the champion proves worse.
"""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from driftloop.contracts.message import Version
from driftloop.contracts.retrain_decisions import SafeguardState
from retrain_coordinator.core.decide import Decision
from retrain_coordinator.core.lifecycle.target import obstacle, opponent
from retrain_coordinator.core.lifecycle.versions import highest_of, signature
from retrain_coordinator.core.payoff import rule as payoff
from retrain_coordinator.core.proof import challenge, probation
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.state import PROVEN_WAITS, AskedToServe, ChallengeEntry, ProbationEntry, VersionEntry
from retrain_coordinator.core.step import Step

Figures = dict[str, float | str | None]


def register(step: Step, version: Version, artifact: str, sha256: str, reason: str) -> None:
    """Take in a version that was made elsewhere: the champion if there is none, else a challenger."""
    state = step.state
    serving = state.versions[state.champion] if state.champion else None
    bound, overlap = (serving.loss_bound, serving.overlap) if serving else (1.0, 1.0)
    state.add_version(VersionEntry(
        version=version, status="registered", spec_version=step.spec_version, artifact=artifact, sha256=sha256,
        loss_bound=bound, overlap=overlap, lineage=step.chain(), target=signature(step.spec)["target"],
    ))  # fmt: skip
    state.number(highest_of(state.highest, version), signature(step.spec))
    step.event("registered", reason, version=version)
    if state.champion is None:
        promote(step, version, reason, trigger="register")
        return
    state.hold_challenge(
        challenge.unproven(
            version, state.champion, step.spec.challenge, state.applied, state.labelled_rows,
            loss_bound=bound, overlap=overlap, unopposed=opponent(state, step.spec) is None,
        )
    )  # fmt: skip
    state.move(version, "challenged")
    step.decision("wait", "register", f"{reason}; it is held against {state.champion}", candidate=version)
    step.event("challenged", f"challenges {state.champion}", version=version, previous_version=state.champion)
    settle(step)


def reuse(step: Step, decision: Decision) -> None:
    """Let an archived version serve again, because it does better now: no run, the same probation."""
    if decision.version is not None:
        promote(
            step, decision.version, decision.reason, action="reuse", trigger=decision.trigger,
            evidence=decision.evidence, safeguards=decision.safeguards,
        )  # fmt: skip


def promote(
    step: Step,
    version: Version,
    reason: str,
    *,
    action: Literal["promote", "reuse"] = "promote",
    trigger: str = "proof",
    evidence: Figures | None = None,
    safeguards: tuple[SafeguardState, ...] = (),
) -> None:
    """Decide that a version serves, and let it: as `take_over` does, or by asking those who serve the model."""
    state, entry = step.state, step.state.versions[version]
    causes = tuple(dict.fromkeys((*entry.lineage, *step.chain())))
    state.drop_challenge(version)
    made = step.decision(action, trigger, reason, candidate=version, run_id=entry.run_id, safeguards=safeguards,
                         evidence=evidence, causes=causes)  # fmt: skip
    chain = (*causes, made.message_id)
    if step.spec.serving == "external":
        _ask(step, version, "promoted", reason, chain, evidence)
    else:
        take_over(step, version, reason, chain, evidence)


def take_over(
    step: Step, version: Version, reason: str, causes: tuple[UUID, ...], evidence: Figures | None = None
) -> None:
    """A version serves from now on: publish the event, and begin the probation of its predecessor."""
    state, entry = step.state, step.state.versions[version]
    before = state.champion
    state.drop_challenge(version)
    end_probation(step, f"{version} was promoted")
    _serve(step, version, "promoted")
    step.event("promoted", reason, version=version, previous_version=before, causes=causes, evidence=evidence)
    if before is None or before == version:
        return
    if (
        step.spec.automation.roll_back
        and step.spec.challenge.probation_rows
        and not state.versions[before].withdrawn
        and obstacle(state, before, step.spec) is None
    ):
        state.move(before, "relieved")
        state.watch(ProbationEntry(
            champion=version, predecessor=before, since=state.applied, since_row=state.labelled_rows,
            loss_bound=entry.loss_bound, harm=PairedTest(overlap=entry.overlap),
        ))  # fmt: skip
    else:
        _archive(step, before, f"{version} was promoted")
    for other in tuple(state.challenges):
        reject(step, other, f"{version} was promoted", trigger="superseded")


def reject(
    step: Step, version: Version, reason: str, *, trigger: str = "proof", evidence: Figures | None = None
) -> None:
    """End a challenge without a promotion; the books of the payoff rule are told."""
    state = step.state
    entry = state.drop_challenge(version)
    figures = evidence or (challenge.verdict(entry, step.spec.challenge).evidence if entry else {})
    known = state.versions[version]
    made = step.decision("reject", trigger, reason, candidate=version, run_id=known.run_id, evidence=figures,
                         causes=tuple(dict.fromkeys((*known.lineage, *step.chain()))))  # fmt: skip
    state.move(version, "rejected")
    step.event("rejected", reason, version=version, causes=(*made.caused_by, made.message_id), evidence=figures)
    state.keep_books(payoff.ended_training(state.payoff, promoted=False))
    _forget_oldest(step)


def roll_back(step: Step, to: Version, reason: str, *, trigger: str, evidence: Figures | None = None) -> None:
    """Decide that an earlier version serves again, and let it: as `come_back` does, or by asking for it."""
    made = step.decision("roll_back", trigger, reason, candidate=to, evidence=evidence)
    chain: tuple[UUID, ...] = (*made.caused_by, made.message_id)
    if step.spec.serving == "external":
        _ask(step, to, "rolled_back", reason, chain, evidence)
    else:
        come_back(step, to, reason, chain, evidence)


def come_back(step: Step, to: Version, reason: str, causes: tuple[UUID, ...], evidence: Figures | None = None) -> None:
    """An earlier version serves again; the one that served is archived and no longer scored."""
    state = step.state
    bad = state.champion
    if state.probation and state.probation.predecessor != to:
        end_probation(step, f"{to} came back")
    state.watch(None)
    state.drop_challenge(to)
    state.take_back((bad, to))
    _serve(step, to, "rolled_back")
    step.event("rolled_back", reason, version=to, previous_version=bad, causes=causes, evidence=evidence)
    if bad is not None:
        _archive(step, bad, f"{to} came back: {reason}")
    for other in tuple(state.challenges):
        reject(step, other, f"{to} came back", trigger="superseded")


def _ask(  # noqa: PLR0917  (as `take_over` and `come_back`, and which of them is asked for)
    step: Step,
    version: Version,
    event: Literal["promoted", "rolled_back"],
    reason: str,
    chain: tuple[UUID, ...],
    evidence: Figures | None,
) -> None:
    """Ask those who serve the model to let a version serve. It is true when its outcomes come (`external.observe`)."""
    state = step.state
    if event == "rolled_back":
        state.watch(None)
    asked: Literal["promotion_asked", "roll_back_asked"]
    asked = "promotion_asked" if event == "promoted" else "roll_back_asked"
    made = step.event(asked, reason, version=version, previous_version=state.champion, causes=chain, evidence=evidence)
    state.ask_to_serve(
        AskedToServe(version=version, event=event, since=step.now, reason=reason, lineage=(*chain, made.message_id))
    )


def settle(step: Step) -> None:
    """Act on what the rows so far prove: promote, reject, roll back, end a probation, or nothing."""
    state = step.state
    for version in tuple(state.challenges):
        entry = state.challenges.get(version)
        if entry is not None:
            _settle_challenge(step, entry)
    if state.probation is not None:
        _settle_probation(step, state.probation)


def look_anew(step: Step) -> None:
    """A freeze has ended: what proved a challenger has to stand by the rows that came meanwhile.

    Why: a freeze is asked for where something is wrong and may last for months, and a proof at its peak says how it
    was then. What the rows since took away is under proof again (`settle` says so).
    """
    for entry in tuple(step.state.challenges.values()):
        if entry.waits_for is not None:
            step.state.hold_challenge(challenge.looked_anew(entry))


def _settle_challenge(step: Step, entry: ChallengeEntry) -> None:
    refused = obstacle(step.state, entry.version, step.spec)
    if refused is not None:
        reject(step, entry.version, refused, trigger="unusable")
        return
    word = challenge.verdict(entry, step.spec.challenge)
    if word.outcome == "reject":
        reject(step, entry.version, word.reason, trigger=word.gate, evidence=word.evidence)
    elif word.outcome == "promote" and not _must_wait(step, entry, word):
        promote(step, entry.version, word.reason, evidence=word.evidence)
    elif word.outcome == "continue" and entry.waits_for is not None:
        reason = f"{entry.version} was proven, and by the rows as they stand it is not: it is under proof again"
        step.decision("wait", "proof", reason, candidate=entry.version, evidence=word.evidence)
        step.state.hold_challenge(challenge.waits_no_longer(entry))


def _must_wait(step: Step, entry: ChallengeEntry, word: challenge.ChallengeVerdict) -> bool:
    """Whether a proven challenger waits: for the end of a freeze, a person's word, or a veto window."""
    rules, state = step.policy.safeguards, step.state
    if state.frozen is not None:
        why, until = "freeze", None
    elif "promote" in rules.approval or not step.spec.automation.promote:
        why, until = "approval", None
    elif rules.veto_window_seconds:
        why, until = "veto_window", entry.waits_until or step.now + timedelta(seconds=rules.veto_window_seconds)
        if step.now >= until:
            return False
    else:
        return False
    if entry.waits_for != why:
        reason = f"{entry.version} is proven ({word.reason}); it waits for {PROVEN_WAITS[why]}"
        step.decision("wait", why, reason, candidate=entry.version, evidence=word.evidence)
        entry = challenge.waiting(entry, step.spec.challenge, state.applied)
        state.hold_challenge(entry.model_copy(update={"waits_for": why, "waits_until": until}))
    return True


def _settle_probation(step: Step, entry: ProbationEntry) -> None:
    rule = step.spec.challenge
    if probation.is_harmful(entry, rule.risk) and step.spec.automation.roll_back and step.state.frozen is None:
        figures = probation.figures(entry)
        reason = (
            f"{entry.champion} is worse than {entry.predecessor} by {entry.harm.mean:.4f} on {entry.harm.rows} rows"
        )
        refused = obstacle(step.state, entry.predecessor, step.spec)
        if refused is None:
            roll_back(step, entry.predecessor, reason, trigger="harm", evidence=figures)
            return
        step.decision("refuse", "harm", f"{reason}; but {refused}", candidate=entry.predecessor, evidence=figures)
        end_probation(step, refused)
    elif _probation_rows(step, entry) >= rule.probation_rows:
        end_probation(step, f"{entry.champion} came through its probation of {entry.harm.rows} rows")


def _probation_rows(step: Step, entry: ProbationEntry) -> int:
    """Rows of the probation so far. A predecessor that others ran may not be scored on any: then those that came."""
    if step.spec.serving == "external":
        return step.state.labelled_rows - entry.since_row
    return entry.harm.rows


def end_probation(step: Step, reason: str) -> None:
    """Stop scoring the predecessor beside the champion, if one is."""
    entry = step.state.probation
    step.state.watch(None)
    if entry is not None:
        _archive(step, entry.predecessor, reason)


def _archive(step: Step, version: Version, reason: str) -> None:
    step.state.move(version, "archived")
    step.event("archived", reason, version=version)
    _forget_oldest(step)


def _serve(step: Step, version: Version, event: Literal["promoted", "rolled_back"]) -> None:
    state = step.state
    if version != state.champion:
        state.move(version, event)
    state.serve(version, step.now, state.applied)
    state.begin_schedule(step.now)
    state.clear_refusals()
    state.clear_feed()
    state.keep_harm(None)
    state.keep_books(payoff.began_serving(state.payoff, version, trained_rows=state.versions[version].rows))


def _forget_oldest(step: Step) -> None:
    state = step.state
    needed = {*state.champions[-2:], *state.challenges, state.probation.predecessor if state.probation else None}
    needed.add(state.asked.version if state.asked else None)
    state.forget_oldest(needed)
