"""Quarantine: the rows that raise an alarm are not learnt from before a second window confirms it.

A drift is there still when the next rows come; a campaign of wrong labels, or an outage, passes. So
where the policy says so, a trigger that goes by the newest rows has to ask still after as many rows
more. Until then those rows enter no run, whatever asks for it (a calendar, a person); if it stops
asking before, they never do.
"""

from collections.abc import Collection, Sequence

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.training_requests import RowSpan
from retrain_coordinator.core.state import Asked, ModelState, Suspicion

_GROWTH = 1.02
"""A sum that is so many times what it was has grown."""


def still_standing(signals: Sequence[DriftSignal], active: Collection[str]) -> list[DriftSignal]:
    """Signals whose alarm stands; those of a segment are taken to, only the whole model's alarms are told."""
    return [signal for signal in signals if signal.segment or alarm_name(signal) in active]


def observe(state: ModelState, asked: Sequence[Asked], row: int, rows: int, silent: Collection[str] = ()) -> None:
    """Note which triggers ask at labelled row `row` on evidence of the newest rows.

    What those said that are `silent` now stands. `rows` more confirm one, or as many as its figure is the
    mean of: the second window must not be the first. A sum (a debt) must go on growing: where it stands
    still for a quarter of the second window, what made it has passed.
    """
    asking = {one.trigger: one for one in asked if one.suspects}
    stopped = [known for known in state.suspicions if known not in asking and known not in silent]
    stopped += [trigger for trigger, one in asking.items() if _stands_still(state.suspicions.get(trigger), one, row)]
    for trigger in stopped:
        passed = state.drop_suspicion(trigger)
        asking.pop(trigger, None)
        if lacking(passed, row):
            state.spoil(passed.from_row, row)
    for trigger, one in asking.items():
        needed, known = max(rows, one.rests_on), state.suspicions.get(trigger)
        if known is None:
            first = max(0, row - (one.fresh_rows or needed))
            state.suspect(trigger, Suspicion(since_row=row, from_row=first, rows=needed))
        else:
            known.rows = max(known.rows, needed)


def _stands_still(known: Suspicion | None, one: Asked, row: int) -> bool:
    """Whether a sum has stopped growing; where it grows, that is noted."""
    amount = one.evidence.get("debt")
    if known is None or not isinstance(amount, float):
        return False
    if amount > _GROWTH * known.amount:
        known.amount, known.grew_row = amount, row
    return row - known.grew_row >= known.rows / 4


def lacking(suspicion: Suspicion, labelled_rows: int) -> int:
    """Labelled rows that the second window still lacks; 0 if it is whole."""
    return max(0, suspicion.rows - (labelled_rows - suspicion.since_row))


def left_out(state: ModelState, rows: int) -> tuple[RowSpan, ...]:
    """The spans that a run must not learn from now, counted back from the newest row; none overlap."""
    if not rows:
        return ()
    now = state.labelled_rows
    waiting = [(one.from_row, now) for one in state.suspicions.values() if lacking(one, now)]
    merged: list[tuple[int, int]] = []
    for first, end in sorted(span for span in (*state.spoilt, *waiting) if span[0] < span[1]):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((first, end))
    return tuple(RowSpan(oldest=now - first, newest=now - end) for first, end in reversed(merged))


def alarm_name(signal: DriftSignal) -> str:
    """As `drift-status` names the alarm."""
    match signal.kind:
        case "error":
            return f"error:{signal.detector}"
        case "performance":
            return f"performance:{signal.subject}"
        case "confidence" | "combined":
            return signal.kind
    return f"{signal.kind}.{signal.subject}"
