"""Which triggers of a policy ask for a run, in the order in which a decision names them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.spec.cron import next_after
from driftloop.spec.policy import MetricRule, Policy
from retrain_coordinator.core.deciding.evidence import Evidence, History
from retrain_coordinator.core.state import Asked


def asking(evidence: Evidence, history: History, policy: Policy, now: datetime) -> Iterator[Asked]:
    """Every trigger that asks now; a person first, then evidence of harm, then counts, then the calendar."""
    if evidence.command is not None:
        command = evidence.command
        yield Asked(
            trigger="manual", reason=f"{command.requested_by} asked: {command.reason}", mode=command.mode, manual=True
        )
    if history.champion is None:
        yield from _first_version(evidence, history, policy)
        return
    yield from _signals(evidence, policy)
    yield from (asked for rule in policy.triggers.metrics for asked in _metric(evidence, rule))
    yield from _payoff(evidence)
    yield from _counts(evidence, history, policy)
    yield from _calendar(history, policy, now)


def next_calendar_moment(history: History, policy: Policy) -> datetime | None:
    """When the schedule or the forced age asks next, by the clock alone."""
    if history.champion is None:
        return None
    moments = []
    if policy.triggers.schedule and history.scheduled_from:
        moments.append(next_after(policy.triggers.schedule.cron, history.scheduled_from))
    if policy.triggers.forced_age_seconds and history.champion_since:
        moments.append(_aged_at(history, policy.triggers.forced_age_seconds))
    return min((moment for moment in moments if moment is not None), default=None)


def _first_version(evidence: Evidence, history: History, policy: Policy) -> Iterator[Asked]:
    needed, rows = policy.triggers.first_version_rows, evidence.labelled_rows - history.target_row
    if needed is not None and rows >= needed:
        reason = f"there is no version yet and {rows} labelled rows are enough for one"
        yield Asked(trigger="first_version", reason=reason, mode="full")


def _signals(evidence: Evidence, policy: Policy) -> Iterator[Asked]:
    harmful = [signal for signal in evidence.signals if signal.harmful and signal.severity == "drift"]
    if policy.triggers.harmful_drift and harmful:
        yield _by_signal("drift", harmful[-1], evidence)
    shifted = [signal for signal in evidence.signals if signal.kind in policy.triggers.signals]
    if shifted:
        yield _by_signal(f"{shifted[-1].kind}_shift", shifted[-1], evidence)


def _by_signal(trigger: str, signal: DriftSignal, evidence: Evidence) -> Asked:
    what = f"{signal.kind} {signal.subject}".strip()
    reason = f"{signal.detector} found a drift of {what}: {signal.statistic:.4g} over {signal.threshold:.4g}"
    return Asked(
        trigger=trigger,
        reason=reason,
        fresh_rows=max(1, evidence.labelled_rows - signal.onset.row),
        suspects=True,
        evidence={"statistic": signal.statistic, "threshold": signal.threshold, "onset_row": float(signal.onset.row)},
    )


def _metric(evidence: Evidence, rule: MetricRule) -> Iterator[Asked]:
    found = [
        (value, subject, rests) for value, subject, rows, rests in _values(evidence, rule) if rows >= rule.minimum_rows
    ]
    broken = [one for one in found if rule.broken_by(one[0])]
    if broken:
        value, subject, rests = max(broken) if rule.above is not None else min(broken)
        side = "above" if rule.above is not None else "below"
        what = f"{rule.metric} of {subject}" if subject else rule.metric
        yield Asked(
            trigger=rule.name,
            reason=f"{what} is {value:.4g}, {side} {rule.limit:g}",
            mode=rule.mode,
            suspects=True,
            rests_on=rests,
            evidence={rule.metric: value, "limit": rule.limit},
        )


def _values(evidence: Evidence, rule: MetricRule) -> Iterator[tuple[float, str, int, int]]:
    """Value, subject, the rows that count for the rule's minimum, and those that the value is the mean of."""
    if rule.metric in evidence.metrics:
        rolling = int(evidence.metrics.get("rolling_rows", 0))
        yield evidence.metrics[rule.metric], "", evidence.labelled_rows, rolling
    for test in evidence.tests:
        if test.name == rule.metric:
            yield test.statistic, test.subject, test.rows, test.rows


def _payoff(evidence: Evidence) -> Iterator[Asked]:
    word = evidence.payoff
    if word is not None and word.action != "wait":
        yield Asked(
            trigger="payoff",
            reason=word.reason,
            rows=word.rows,
            fresh_rows=word.fresh_rows,
            reuse=word.version if word.action == "reuse" else None,
            suspects=word.action == "retrain",
            evidence=word.evidence,
        )


def _counts(evidence: Evidence, history: History, policy: Policy) -> Iterator[Asked]:
    feedback = evidence.metrics.get("feedback_rows", float(evidence.labelled_rows)) - history.feedback_at_run
    if policy.triggers.feedback_rows is not None and feedback >= policy.triggers.feedback_rows:
        yield Asked(trigger="feedback", reason=f"{feedback:.0f} feedback rows came since the last run")
    fresh = evidence.labelled_rows - history.rows_at_run
    if policy.triggers.new_rows is not None and fresh >= policy.triggers.new_rows:
        yield Asked(trigger="new_rows", reason=f"{fresh} labelled rows came since the last run")


def _calendar(history: History, policy: Policy, now: datetime) -> Iterator[Asked]:
    schedule = policy.triggers.schedule
    if schedule and history.scheduled_from:
        due = next_after(schedule.cron, history.scheduled_from)
        if due is not None and due <= now:
            reason = f"the schedule {schedule.cron!r} was due at {due.isoformat()}"
            yield Asked(trigger="schedule", reason=reason, mode=schedule.mode)
    age = policy.triggers.forced_age_seconds
    if age and history.champion_since and now >= _aged_at(history, age):
        since = max([history.champion_since, *history.runs_at[-1:]])
        reason = f"no run for {(now - since) / timedelta(days=1):.1f} days, {age / 86_400:g} are allowed"
        yield Asked(trigger="forced_age", reason=reason)


def _aged_at(history: History, age_seconds: float) -> datetime:
    since = [moment for moment in (history.champion_since, *history.runs_at[-1:]) if moment is not None]
    return max(since) + timedelta(seconds=age_seconds)
