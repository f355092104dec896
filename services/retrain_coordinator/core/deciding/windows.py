"""Which rows a run learns from: a number of them, though a policy may speak of a span of time.

A request names rows by count, so that it picks the same rows for ever. Where a policy says "the last
30 days", the coordinator notes now and then how many labelled rows there were, and counts back.
"""

from collections.abc import Sequence
from datetime import timedelta

from driftloop.contracts.training_requests import DataRule, RowSpan
from driftloop.spec.policy import Window
from retrain_coordinator.core.decide import Decision
from retrain_coordinator.core.deciding import quarantine
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.step import Step

MARKS = 200
"""Marks that a span is noted with: rows are counted to a two-hundredth of it."""


def note(step: Step) -> None:
    """Note the number of labelled rows if the window is a span of time; drop marks that are no longer needed."""
    state, seconds = step.state, step.policy.window.seconds
    if seconds is None:
        return
    if not state.marks or step.now - state.marks[-1][0] >= timedelta(seconds=seconds / MARKS):
        state.mark(step.now, state.labelled_rows)
    state.drop_marks(step.now - timedelta(seconds=seconds))


def data_rule(step: Step, decision: Decision) -> DataRule:
    """The rows of a run; raises ValueError if no frame of the model has been seen."""
    state, rule, window = step.state, step.spec.training, step.policy.window
    if state.applied is None:
        raise ValueError(f"no frame of {state.model_id} has been seen, so there is nothing to learn from")
    wished = min(decision.rows or window.rows or rule.maximum_rows, _rows_within(state, step, window))
    there = max(state.labelled_rows - state.target_row, rule.minimum_rows)
    rows = max(1, min(wished, rule.maximum_rows, there))
    spans = quarantine.left_out(state, step.policy.safeguards.quarantine_rows)
    for span in reversed(spans):  # the newest first: as many older rows come in for those that are left out
        rows += max(0, min(span.oldest, rows) - span.newest)
    rows = min(rows, there)
    fresh = _fresh_rows(decision.fresh_rows, spans, rows) if window.onset else None
    return DataRule(
        until=state.applied,
        rows=rows,
        fresh_rows=fresh,
        replay_rows=0 if fresh is None else _replay_rows(fresh, rows, window, rule.minimum_rows),
        minimum_rows=min(rule.minimum_rows, rows),
        validation_share=rule.validation_share,
        left_out=tuple(span for span in spans if span.newest < rows),
    )


def _fresh_rows(wished: int | None, spans: Sequence[RowSpan], rows: int) -> int | None:
    """Rows since the onset that a run may learn; None where no onset is known, or all of its rows came since."""
    if wished is None or wished >= rows:
        return None
    hidden = sum(max(0, min(span.oldest, wished) - span.newest) for span in spans)
    return wished - hidden if wished > hidden else None


def _replay_rows(fresh: int, rows: int, window: Window, least: int) -> int:
    """Older rows beside `fresh` ones: the policy's share, as many as a run needs at least, and no more than there are.

    >>> _replay_rows(400, 5000, Window(replay_share=0.2), 100), _replay_rows(30, 5000, Window(), 100)
    (100, 70)
    """
    share = window.replay_share
    wished = round(fresh * share / (1.0 - share))
    return max(1, min(max(wished, least - fresh), rows - fresh))


def _rows_within(state: ModelState, step: Step, window: Window) -> int:
    """Labelled rows that came within the span; all of them where none is set or none is older."""
    if window.seconds is None or not state.marks:
        return max(state.labelled_rows, step.spec.training.minimum_rows)
    begin = step.now - timedelta(seconds=window.seconds)
    before = [rows for moment, rows in state.marks if moment <= begin]
    return max(state.labelled_rows - (before[-1] if before else 0), step.spec.training.minimum_rows)
