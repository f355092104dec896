"""Safeguards: rules that can only refuse. Each says how it stands, and when it would let go.

A person's command passes those that protect against too much automation (quiet period, gap, number
of runs, amount of evidence, approval), and none of those that protect the machinery (freeze, one
run at a time, disk).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftloop.contracts.retrain_decisions import SafeguardState
from driftloop.spec.policy import Policy
from retrain_coordinator.core.deciding.evidence import Evidence, History
from retrain_coordinator.core.state import Asked


@dataclass(frozen=True, slots=True)
class Case:
    """What a safeguard looks at."""

    asked: Asked
    evidence: Evidence
    history: History
    policy: Policy
    now: datetime


Safeguard = Callable[[Case], Iterator[SafeguardState]]


def states(case: Case) -> tuple[SafeguardState, ...]:
    """Every safeguard's state, the quiet period first."""
    found = (state for safeguard in _ORDER for state in safeguard(case))
    if case.asked.reuse is not None:
        return tuple(_for_a_reuse(state) for state in found)
    return tuple(_for_a_person(state) if case.asked.manual else state for state in found)


def _for_a_reuse(state: SafeguardState) -> SafeguardState:
    if state.passed or state.name in _HOLDS_FOR_REUSE:
        return state
    return SafeguardState(name=state.name, passed=True, detail=f"{state.detail}; no run is needed")


def _for_a_person(state: SafeguardState) -> SafeguardState:
    if state.passed or state.name in _HOLDS_FOR_ALL:
        return state
    return SafeguardState(name=state.name, passed=True, detail=f"{state.detail}; a person may")


def _quiet(case: Case) -> Iterator[SafeguardState]:
    for rule in case.policy.safeguards.quiet:
        name, reading = f"quiet:{rule.reading}", case.evidence.readings.get(rule.reading)
        if reading is None:
            yield SafeguardState(name=name, passed=False, detail=f"no reading of {rule.reading} has come")
            continue
        age = (case.now - reading.at).total_seconds()
        if age > rule.maximum_age_seconds:
            detail = f"the reading of {rule.reading} is {age:.0f} s old, {rule.maximum_age_seconds:.0f} s are allowed"
            yield SafeguardState(name=name, passed=False, detail=detail)
            continue
        detail = f"{rule.reading} is {reading.value:g} ({age:.0f} s ago), must be below {rule.below:g}"
        yield SafeguardState(name=name, passed=reading.value < rule.below, detail=detail)


def _freeze(case: Case) -> Iterator[SafeguardState]:
    frozen = case.history.frozen
    yield SafeguardState(name="freeze", passed=frozen is None, detail=f"frozen: {frozen}" if frozen else "not frozen")


def _automation(case: Case) -> Iterator[SafeguardState]:
    on = case.history.automation.retrain
    yield SafeguardState(name="automation", passed=on, detail=f"automatic retraining is {'on' if on else 'off'}")


def _one_run(case: Case) -> Iterator[SafeguardState]:
    run = case.history.run_in_flight
    detail = f"the run for {run} has not ended" if run else "no run in progress"
    yield SafeguardState(name="one_run", passed=run is None, detail=detail)


def _fleet(case: Case) -> Iterator[SafeguardState]:
    fleet = case.history.fleet
    detail = "no limit is set" if fleet is None else f"{fleet[0]} of {fleet[1]} runs are in progress over all models"
    yield SafeguardState(name="fleet", passed=fleet is None or fleet[0] < fleet[1], detail=detail)


def _patience(case: Case) -> Iterator[SafeguardState]:
    history, needed = case.history, case.policy.safeguards.patience_rows
    if history.challenger is None:
        yield SafeguardState(name="patience", passed=True, detail="no challenger under proof")
        return
    detail = f"challenger {history.challenger} has been scored on {history.challenger_rows} of {needed} rows"
    yield SafeguardState(name="patience", passed=history.challenger_rows >= needed, detail=detail)


def in_quarantine(asked: Asked, history: History, policy: Policy) -> bool:
    """Whether a trigger goes by rows that no second window has confirmed yet."""
    return asked.suspects and history.suspected.get(asked.trigger, policy.safeguards.quarantine_rows) > 0


def _quarantine(case: Case) -> Iterator[SafeguardState]:
    needed, asked = case.policy.safeguards.quarantine_rows, case.asked
    if not needed or not asked.suspects:
        detail = "none is set" if not needed else "the run is not asked for by the newest rows"
        yield SafeguardState(name="quarantine", passed=True, detail=detail)
        return
    rows = case.history.suspected.get(asked.trigger, needed)
    detail = f"{rows} more labelled rows have to confirm {asked.trigger} before those that raised it are learnt from"
    held = in_quarantine(asked, case.history, case.policy)
    yield SafeguardState(name="quarantine", passed=not held, detail=detail)


def _least_gap(case: Case) -> Iterator[SafeguardState]:
    gap = case.policy.safeguards.least_gap_seconds
    last = case.history.runs_at[-1] if case.history.runs_at else None
    if last is None or not gap:
        yield SafeguardState(name="least_gap", passed=True, detail="no earlier run" if gap else "none is set")
        return
    allowed_at = last + timedelta(seconds=gap)
    since = (case.now - last).total_seconds()
    detail = f"{since / 3600:.2f} h since the last run, {gap / 3600:.2f} h are the least"
    passed = case.now >= allowed_at
    yield SafeguardState(name="least_gap", passed=passed, detail=detail, allowed_at=None if passed else allowed_at)


def _most_per_span(case: Case) -> Iterator[SafeguardState]:
    rules = case.policy.safeguards
    if rules.maximum_runs is None:
        yield SafeguardState(name="most_per_span", passed=True, detail="none is set")
        return
    span = timedelta(seconds=rules.span_seconds)
    recent = [moment for moment in case.history.runs_at if moment > case.now - span]
    passed = len(recent) < rules.maximum_runs
    detail = f"{len(recent)} of {rules.maximum_runs} runs in the last {span / timedelta(days=1):g} days"
    allowed_at = None if passed else recent[-rules.maximum_runs] + span
    yield SafeguardState(name="most_per_span", passed=passed, detail=detail, allowed_at=allowed_at)


def _minimum_rows(case: Case) -> Iterator[SafeguardState]:
    rules, rows = case.policy.safeguards, case.evidence.labelled_rows - case.history.target_row
    detail = f"{rows} labelled rows, {rules.minimum_rows} are needed"
    yield SafeguardState(name="minimum_rows", passed=rows >= rules.minimum_rows, detail=detail)
    fresh = case.evidence.labelled_rows - case.history.rows_at_run
    passed = case.history.champion is None or fresh >= rules.minimum_new_rows
    detail = f"{fresh} labelled rows since the last run, {rules.minimum_new_rows} are needed"
    yield SafeguardState(name="minimum_new_rows", passed=passed, detail=detail)


def _retry(case: Case) -> Iterator[SafeguardState]:
    failures, rules = case.history.failures, case.policy.safeguards
    if not failures:
        yield SafeguardState(name="retry", passed=True, detail="the last run did not fail")
        return
    needed = rules.retry_rows * 2 ** min(failures - 1, 10)
    since = case.evidence.labelled_rows - case.history.failed_row
    detail = f"{since} labelled rows since failure {failures}, {needed} are waited for"
    yield SafeguardState(name="retry", passed=since >= needed, detail=detail)


def _free_disk(case: Case) -> Iterator[SafeguardState]:
    needed = case.policy.safeguards.free_disk_gb
    if needed is None:
        return
    reading = case.evidence.readings.get("free_disk_gb")
    found = "unknown" if reading is None else f"{reading.value:g} GB"
    passed = reading is None or reading.value > needed
    yield SafeguardState(
        name="free_disk", passed=passed, detail=f"free disk is {found}, more than {needed:g} GB needed"
    )


def _approval(case: Case) -> Iterator[SafeguardState]:
    needed = "retrain" in case.policy.safeguards.approval
    passed = not needed or case.history.approved
    detail = "none needed" if not needed else "approved" if passed else "waits for a person's `approve`"
    yield SafeguardState(name="approval", passed=passed, detail=detail)


_ORDER: tuple[Safeguard, ...] = (
    _quiet, _freeze, _automation, _one_run, _fleet, _patience, _quarantine, _least_gap, _most_per_span,
    _minimum_rows, _retry, _free_disk, _approval,
)  # fmt: skip
_HOLDS_FOR_ALL = frozenset({"freeze", "one_run", "fleet", "minimum_rows", "free_disk"})
_HOLDS_FOR_REUSE = frozenset({"freeze", "automation", "approval"})
WAITS = frozenset(
    {"one_run", "fleet", "patience", "quarantine", "minimum_rows", "minimum_new_rows", "retry", "approval"}
)
"""Safeguards that time or rows or a person will lift of themselves: the answer is `wait`, not `refuse`."""
