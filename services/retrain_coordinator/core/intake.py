"""Taking a complete frame in: scores first, then signals, then the status and its loss blocks."""

from collections.abc import Sequence
from datetime import datetime

from driftloop.contracts.drift_status import LossBlock
from retrain_coordinator.core import answers
from retrain_coordinator.core.decide import Decision, decide
from retrain_coordinator.core.deciding import quarantine, scoring, windows
from retrain_coordinator.core.deciding.evidence import Command, evidence_of, history_of
from retrain_coordinator.core.deciding.figures import completed
from retrain_coordinator.core.deciding.triggers import asking
from retrain_coordinator.core.lifecycle import external, names, runs, served
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.lifecycle.target import obstacle, opponent
from retrain_coordinator.core.merge import FrameEvidence
from retrain_coordinator.core.payoff import feed as payoff_feed
from retrain_coordinator.core.payoff import rule as payoff
from retrain_coordinator.core.proof import canary, challenge, corrections, critical_errors, probation
from retrain_coordinator.core.proof.segments import by_segment
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import Asked, ModelState
from retrain_coordinator.core.step import Step
from retrain_coordinator.core.waiting import FRAMES, of_frames, of_model

_BACK_AGAIN = 4.0
"""Standard errors by which the predecessor must be better to come back within the champion's probation:
an equal one, looked at block after block, must not swap places with it."""


def take_in(step: Step, frame: FrameEvidence) -> None:
    """Apply a frame to the state; decide after each loss block that closed, and at the end of the frame."""
    state = step.state
    state.apply_frame(frame.position)
    scoring.take(step, frame)
    served.note(state, step.spec, frame.status)
    names.note(step, frame.status)
    if frame.status.spec_version < state.target_spec:
        _take_former(step, frame)
        return
    external.observe(step, frame)
    _take_scores(step, frame)
    if step.known.goes_by_scores:
        _feed(step, frame)
    status = frame.status
    state.take_signals(frame.signals, status.active_signals)
    for block in status.loss_blocks:
        _take_block(step, block)
    state.count_rows(status.rows, status.labelled_rows)
    state.take_figures(completed(status.metrics, step.spec), status.tests)
    step.row = None
    windows.note(step)
    lifecycle.settle(step)
    decision, word = consider(step), payoff_word(step)
    answers.answer(step, frame.signals, decision, word)
    answers.remind(step, decision, word)
    acted = decision.action in ("retrain", "reuse")
    _keep_waits(step, _found(step, word) if acted else decision, word)


def note_waits(step: Step) -> None:
    """Keep what the model waits for now, and since when."""
    word = payoff_word(step)
    _keep_waits(step, _found(step, word), word)


def _found(step: Step, word: payoff.Verdict | None) -> Decision:
    """What would be decided now."""
    return decide(evidence_of(step.state, word), history_of(step.state, step.spec, step.fleet), step.policy, step.now)


def _keep_waits(step: Step, found: Decision, word: payoff.Verdict | None) -> None:
    state = step.state
    names = (*of_model(state, step.known, found, word), *(FRAMES & state.waits.keys()))
    state.keep_waits({name: state.waits.get(name, step.now) for name in names})


def note_frames(state: ModelState, known: Declared, at: datetime) -> None:
    """Keep what the oldest frame waits for since `at`: that hangs on how topics interleave, so not on frames."""
    others = {name: since for name, since in state.waits.items() if name not in FRAMES}
    state.keep_waits(others | {name: state.waits.get(name, at) for name in of_frames(state, known)})


def remind(step: Step) -> None:
    """Say what has to be said once more by this moment, and decide nothing."""
    word = payoff_word(step)
    answers.remind(step, _found(step, word), word)
    note_waits(step)


def _take_former(step: Step, frame: FrameEvidence) -> None:
    """A frame that was made under the target before: its rows count, and it says nothing about this one."""
    state, status = step.state, frame.status
    state.count_rows(status.rows, status.labelled_rows)
    state.count_former(status.labelled_rows)
    state.count_rows_from(status.labelled_rows)
    answers.answer_former(step, frame.signals)
    note_waits(step)


def consider(step: Step, command: Command | None = None) -> Decision:
    """Decide now; publish a decision to act, and a refusal once for each cause."""
    state = step.state
    word = payoff_word(step)
    if step.policy.safeguards.quarantine_rows:
        state.keep_signals(quarantine.still_standing(state.signals, state.active_signals))
    evidence = evidence_of(state, word, command)
    asked = tuple(asking(evidence, history_of(state, step.spec, step.fleet), step.policy, step.now))
    _quarantine(step, word, asked)
    history = history_of(state, step.spec, step.fleet)  # as the quarantine has left it
    decision = decide(evidence, history, step.policy, step.now, asked)
    if decision.action == "retrain":
        runs.start(step, decision)
    elif decision.action == "reuse" and decision.version in state.versions:
        lifecycle.reuse(step, decision)  # no obstacle is in its way: the books of such a version are left out
    elif decision.trigger:
        _refuse(step, decision, answered=command is not None)
    return decision


def _quarantine(step: Step, word: payoff.Verdict | None, asked: Sequence[Asked]) -> None:
    """Bring the quarantine up to what asks now, if the policy has one."""
    state, rows = step.state, step.policy.safeguards.quarantine_rows
    if not rows:
        return
    silent = ("payoff",) if word is not None and word.silent else ()
    row = state.labelled_rows if step.row is None else step.row
    quarantine.observe(state, asked, row, rows, silent)


def _refuse(step: Step, decision: Decision, *, answered: bool) -> None:
    state = step.state
    if decision.refused_by == ("approval",):
        state.wait_for_approval(decision.trigger)
    cause = f"{decision.trigger}:{','.join(decision.refused_by)}"
    same_story = decision.trigger == state.last_trigger and set(decision.refused_by) <= {"one_run", "patience"}
    if not answered and (same_story or cause in state.refusals):
        return
    state.refuse(cause, decision.allowed_at)
    evidence = dict(decision.evidence)
    if decision.allowed_at is not None:
        evidence["allowed_at"] = decision.allowed_at.isoformat()
    step.decision(decision.action, decision.trigger, decision.reason, safeguards=decision.safeguards, evidence=evidence)


def _take_scores(step: Step, frame: FrameEvidence) -> None:
    state, tolerance = step.state, step.spec.challenge.segment_tolerance
    for version, known in tuple(state.challenges.items()):
        entry = critical_errors.after(known, frame.answered)
        pair = frame.losses.get(entry.champion, ()), frame.losses.get(version, ())
        if pair[0] and len(pair[0]) == len(pair[1]):
            entry = challenge.after(entry, pair[0], pair[1])
            if step.spec.challenge.mode == "canary":
                entry = canary.after(entry, frame.losses, frame.served, step.spec.challenge.look_rows)
            if tolerance is not None:
                entry = by_segment(entry, pair, frame.segments, tolerance)
        if frame.corrected:
            entry = corrections.of_challenge(entry, frame.corrected)
        state.hold_challenge(entry)
    watched = state.probation
    if watched is not None:
        both = frame.losses.get(watched.champion, ()), frame.losses.get(watched.predecessor, ())
        if both[0] and len(both[0]) == len(both[1]):
            watched = probation.after(watched, *both)
        state.watch(corrections.of_probation(watched, frame.corrected))


def _take_block(step: Step, block: LossBlock) -> None:
    state = step.state
    state.count_rows(state.rows, block.first_row + block.rows)
    triggers = step.policy.triggers
    if triggers.payoff is None or triggers.attainable or block.model_version != opponent(state, step.spec):
        return
    state.keep_books(payoff.observe(state.payoff, _rule(step), payoff_feed.of_block(block, step.spec)))
    step.row = state.labelled_rows
    consider(step)


def _feed(step: Step, frame: FrameEvidence) -> None:
    """Feed the payoff rule with the rows of a frame, and decide after each whole block."""
    state, block_rows = step.state, step.spec.detection.loss_block_rows
    champion = opponent(state, step.spec)
    if champion is None:
        return
    archived = {version for version in state.versions if state.status_of(version) == "archived"}
    rows = payoff_feed.rows_of(frame, champion, archived)
    state.feed_rows(rows)
    while (block := state.take_block(block_rows)) is not None:
        evidence = payoff_feed.evidence_of_rows(block, state.champion or champion)
        state.keep_books(payoff.observe(state.payoff, _rule(step), evidence))
        step.row = max(0, frame.status.labelled_rows - len(state.feed))
        consider(step)
    step.row = None


def payoff_word(step: Step) -> payoff.Verdict | None:
    """What the payoff rule says now; None if the policy has none, or no version can be judged."""
    state = step.state
    if step.policy.triggers.payoff is None or opponent(state, step.spec) is None:
        return None
    word = payoff.verdict(_fit_books(step), _rule(step), maximum_rows=step.spec.training.maximum_rows)
    back = state.probation.predecessor if state.probation and word.action == "reuse" else None
    if back is not None and word.version == back and not state.payoff.rivals[back].stands_out(_BACK_AGAIN):
        return word.model_copy(update={"action": "wait", "version": None})
    return word


def _fit_books(step: Step) -> payoff.PayoffState:
    """The books without archived versions that must not serve again, or not without a person's word."""
    state = step.state
    fit = {
        version: account
        for version, account in state.payoff.rivals.items()
        if version in state.versions
        and not state.versions[version].withdrawn
        and obstacle(state, version, step.spec) is None
    }
    return state.payoff if len(fit) == len(state.payoff.rivals) else state.payoff.model_copy(update={"rivals": fit})


def _rule(step: Step) -> payoff.PayoffRule:
    if step.rule is None:
        step.rule = payoff.PayoffRule.model_validate(step.policy.triggers.payoff or {})
    return step.rule
