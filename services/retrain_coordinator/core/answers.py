"""Every harmful signal gets an answer on the log, at once, with the reason; and one more if nothing comes of it.

Said is little: once when a signal comes, once for each new thing that the harm waits for, and once when it has
stood for `OVERDUE`. A run, a reuse or a roll-back is an answer by itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from driftloop.contracts.drift_signals import DriftSignal
from retrain_coordinator.core.decide import Decision
from retrain_coordinator.core.deciding import quarantine
from retrain_coordinator.core.payoff.rule import Verdict
from retrain_coordinator.core.state import SIGNALS_KEPT, Harm
from retrain_coordinator.core.step import Step
from retrain_coordinator.core.waiting import Obstacle, obstacle_to_acting

OVERDUE = timedelta(days=1)
"""A harm that stands so long (by the model's clock) and nothing was done is said once more."""
TRIGGER = "harm"
_SERVES = frozenset({"reuse", "promote", "roll_back"})
_TOLD_ELSEWHERE = ("run", "proof")
"""A run and a challenge are on the log already."""


def is_harm(signal: DriftSignal) -> bool:
    """Whether a signal asks for an answer."""
    return signal.harmful and signal.severity == "drift"


def answer(step: Step, signals: Sequence[DriftSignal], decision: Decision, word: Verdict | None) -> None:
    """Answer the harmful signals of a frame, and say what is new about a harm that stands."""
    state = step.state
    harmful = [signal for signal in signals if is_harm(signal)]
    _close(step, kept=bool(harmful))
    if not harmful and state.harm is None:
        return
    found = obstacle_to_acting(state, step.known, decision, word)
    served = any(made.action in _SERVES for made in step.decisions)
    asked = [made for made in step.decisions if made.trigger == decision.trigger != ""]
    told_now = served or bool(asked) or any(made.action == "retrain" for made in step.decisions)
    if harmful and not served:
        _open(step, harmful)
        if not told_now:
            _say(step, found, f"{_said(harmful)}; nothing is done now: {found.reason}")
    harm = state.harm
    if harm is None:
        return
    if not harmful and not told_now and found.name not in harm.told:
        _say(step, found, f"the harm of row {harm.since_row} stands: {found.reason}")
    harm.told = tuple(dict.fromkeys((*harm.told, found.name)))


def answer_former(step: Step, signals: Sequence[DriftSignal]) -> None:
    """Answer harmful signals of frames that were made under the target before."""
    harmful = [signal for signal in signals if is_harm(signal)]
    if harmful:
        causes = (*(signal.message_id for signal in harmful), *step.chain())
        reason = f"{_said(harmful)}; nothing is done: it is about the target that was declared before"
        step.decision("wait", TRIGGER, reason, causes=causes, evidence={"waits_for": "target"})


def overdue_at(harm: Harm | None) -> datetime | None:
    """When a harm that stands has to be said once more; None if none does, or it was."""
    return None if harm is None or harm.overdue else harm.since + OVERDUE


def remind(step: Step, decision: Decision, word: Verdict | None) -> None:
    """Publish once that a harm has stood for long without being mended."""
    harm = step.state.harm
    due = overdue_at(harm)
    if harm is None or due is None or step.now < due:
        return
    harm.overdue = True
    found = obstacle_to_acting(step.state, step.known, decision, word)
    hours = OVERDUE / timedelta(hours=1)
    _say(step, found, f"the harm of row {harm.since_row} has stood for {hours:g} h and is not mended: {found.reason}")


def _open(step: Step, harmful: Sequence[DriftSignal]) -> None:
    state, before = step.state, step.state.harm
    ids = tuple(signal.message_id for signal in harmful)
    alarms = () if any(signal.segment for signal in harmful) else tuple(map(quarantine.alarm_name, harmful))
    if before is None:
        told = _TOLD_ELSEWHERE
        state.keep_harm(Harm(signals=ids, alarms=alarms, since=step.now, since_row=state.labelled_rows, told=told))
        return
    before.signals = (*before.signals, *ids)[-SIGNALS_KEPT:]
    before.alarms = (*before.alarms, *alarms)[-SIGNALS_KEPT:] if before.alarms and alarms else ()


def _close(step: Step, *, kept: bool) -> None:
    """Forget a harm whose alarms do not stand any more; one of a segment, once it was said to be overdue."""
    harm, active = step.state.harm, step.state.active_signals
    if harm is None or kept:
        return
    if not set(harm.alarms) & set(active) if harm.alarms else harm.overdue:
        step.state.keep_harm(None)


def _say(step: Step, found: Obstacle, reason: str) -> None:
    harm = step.state.harm
    causes = (*(harm.signals if harm else ()), *step.chain())
    step.decision("wait", TRIGGER, reason, causes=causes, evidence={"waits_for": found.name})


def _said(harmful: Sequence[DriftSignal]) -> str:
    newest = harmful[-1]
    what = f"{newest.kind} {newest.subject}".strip()
    where = f" of segment {newest.segment}" if newest.segment else ""
    return f"{newest.detector} found a harmful drift of {what}{where}"
