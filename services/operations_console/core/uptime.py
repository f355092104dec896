"""How much of a span a model had outcomes, and how much of it nothing harmed it: from the log, not from processes.

Why from blocks and signals: statuses are compacted, so what stood last week is not on the log any more; blocks of
losses and signals are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from operations_console.core.view.attention import standing
from operations_console.core.view.model_view import ModelView

USUAL_GAPS = 3
"""Outcomes are missing once nothing has come for so many times the usual gap between blocks."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Uptime:
    """Shares of the span, from the model's first outcome on; None where too little is known."""

    outcomes: float | None = None
    healthy: float | None = None


def uptime(model: ModelView, since: datetime, until: datetime) -> Uptime:
    """Of a model over a span."""
    moments = sorted({block.last_at for block in model.losses()} | ({model.whole.as_of} if model.whole else set()))
    moments = [moment for moment in moments if moment <= until]
    if not moments or (begin := max(since, moments[0])) >= until:
        return Uptime()
    of = begin, until
    gaps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    patience = timedelta(seconds=USUAL_GAPS * median(gaps)) if gaps else None
    with_outcomes = None if patience is None else _share(_with_outcomes(moments, patience, until), of)
    return Uptime(with_outcomes, round(1.0 - _share(_harmed(model, until), of), 6))


def _with_outcomes(moments: Sequence[datetime], patience: timedelta, until: datetime) -> Iterable[Span]:
    for before, after in pairwise([*moments, until]):
        yield before, min(after, before + patience)


def _harmed(model: ModelView, until: datetime) -> Iterable[Span]:
    """From each harmful signal until another version serves, or the losses are back at the reference."""
    at = standing(model)
    changes = [
        one.head.occurred_at for one in model.events if one.head.event in ("promoted", "rolled_back", "deployed")
    ]
    good = [
        block.last_at
        for block in model.losses()
        if at.reference is not None and block.loss is not None and block.loss <= at.reference
    ]
    otherwise = until if at.health == "harmed" or model.whole is None else model.whole.as_of
    for entry in model.signals:
        if entry.head.harmful:
            begin = entry.head.occurred_at
            yield begin, min((end for end in (*changes, *good) if end > begin), default=max(begin, otherwise))


def _share(spans: Iterable[Span], of: Span) -> float:
    """The share of `of` that the spans cover together.

    >>> from datetime import UTC
    >>> at = lambda hour: datetime(2026, 3, 2, hour, tzinfo=UTC)
    >>> _share([(at(1), at(3)), (at(2), at(4)), (at(9), at(23))], (at(0), at(10)))
    0.4
    """
    begin, end = of
    covered, reached = timedelta(0), begin
    for first, last in sorted(spans):
        low, high = max(first, reached), min(last, end)
        if high > low:
            covered, reached = covered + (high - low), high
    return round(covered / (end - begin), 6)
