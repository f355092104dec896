"""How each version came about: signal → decision → run → data → proof → promotion, in one line."""

from uuid import UUID

from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.counted import counted
from driftloop.tools.replay.journal import Journal


def lineage(journal: Journal) -> list[str]:
    """One line for each version that was trained, in the order of the runs."""
    decisions = {decision.run_id: decision for decision in journal.decisions if decision.action == "retrain"}
    return [_line(journal, run, decisions.get(run)) for run in journal.requests]


def _line(journal: Journal, run: UUID, decision: RetrainDecision | None) -> str:
    request = journal.requests[run]
    result = journal.results.get(run)
    because = f"{decision.trigger} at row {decision.row:,}" if decision and decision.row is not None else request.reason
    parts = [f"{request.version}", f"because of {because}"]
    if result is None:
        return " ← ".join([*parts, "run not ended"])
    if result.data is not None:
        parts.append(f"{counted(result.data.rows, 'row')} up to frame {result.data.last.offset}")
    if result.cost is not None:
        parts.append(f"{result.status} in {result.cost.seconds:.1f} s")
    return " · ".join([*parts, _ending(journal.events, request.version)])


def _ending(events: list[ModelEvent], version: str) -> str:
    ends = [e for e in events if e.version == version and e.event in ("promoted", "rejected", "rolled_back")]
    return "; then ".join(f"{e.event.replace('_', ' ')}: {e.reason}" for e in ends) or "still a challenger"
