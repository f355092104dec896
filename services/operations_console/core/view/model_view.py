"""All that the console knows of one model, folded message by message."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from driftloop.contracts.model_events import STATUS_AFTER
from operations_console.core.view.heads import (
    Block,
    CommandHead,
    DecisionHead,
    ErasureHead,
    EventHead,
    ProgressHead,
    RequestHead,
    ResultHead,
    SignalHead,
    StatusHead,
)
from operations_console.core.view.kept import Entry, Kept
from operations_console.core.view.paired import Paired

MOST = 400
"""Messages kept of each kind and model; the log has them all."""
MOST_BLOCKS = 600
MOST_STEPS = 200
MOST_RUNS = 100


@dataclass(slots=True)
class VersionView:
    """A version as its events have left it."""

    version: str
    status: str
    changed_at: datetime
    registered_at: datetime | None = None
    promoted_at: datetime | None = None
    run_id: str | None = None
    spec_version: int | None = None
    artifact: str | None = None
    artifact_sha256: str | None = None
    reason: str = ""


@dataclass(slots=True)
class RunView:
    """A training run: asked for, in progress, ended. Parts may come in any order."""

    run_id: str
    request: RequestHead | None = None
    steps: dict[int, ProgressHead] = field(default_factory=dict)
    result: ResultHead | None = None
    cancelled: bool = False

    @property
    def status(self) -> str:
        """`asked`, `running`, `succeeded`, `failed` or `cancelled`."""
        if self.result is not None:
            return self.result.status
        if self.cancelled:
            return "cancelled"
        return "running" if self.steps else "asked"

    @property
    def last_step(self) -> ProgressHead | None:
        """How far it is."""
        return self.steps[max(self.steps)] if self.steps else None

    @property
    def began_at(self) -> datetime | None:
        """When it was asked for; the earliest that is known."""
        if self.request is not None:
            return self.request.occurred_at
        known = [step.occurred_at for step in self.steps.values()] + ([self.result.occurred_at] if self.result else [])
        return min(known, default=None)


@dataclass(slots=True)
class ModelView:
    """One model. `spec` is its declared spec as JSON; None where only its messages are known."""

    model_id: str
    spec: bytes | None = None
    spec_version: int = 0
    applied_at: datetime | None = None
    champion: str | None = None
    frozen: str | None = None
    versions: dict[str, VersionView] = field(default_factory=dict)
    statuses: dict[str, StatusHead] = field(default_factory=dict)
    raw_statuses: dict[str, bytes] = field(default_factory=dict)
    blocks: dict[int, Block] = field(default_factory=dict)
    runs: dict[str, RunView] = field(default_factory=dict)
    signals: Kept[SignalHead] = field(default_factory=lambda: Kept(MOST))
    decisions: Kept[DecisionHead] = field(default_factory=lambda: Kept(MOST))
    events: Kept[EventHead] = field(default_factory=lambda: Kept(MOST))
    commands: Kept[CommandHead] = field(default_factory=lambda: Kept(MOST))
    paired: dict[str, Paired] = field(default_factory=dict)
    """Version → how it does beside the champion."""
    means: dict[str, dict[str, str]] = field(default_factory=dict)
    """Command → by which means and from where it came (headers of its record)."""
    erasures: dict[str, ErasureHead] = field(default_factory=dict)
    """What was erased from the archive, by the rows' own name: the newest message counts."""
    changes: int = 0
    """Counts up whenever something is told of the model: what was computed before is out of date."""
    _followed: set[str] = field(default_factory=set)

    @property
    def whole(self) -> StatusHead | None:
        """The newest status of the whole model."""
        return self.statuses.get("")

    def validated(self) -> list[tuple[float, str, datetime]]:
        """(Validation loss, version, end) of the runs that made a version, in the order in which they ended."""
        results = [run.result for run in self.runs.values() if run.result and run.result.status == "succeeded"]
        found = [(one.metrics["loss"], one.version, one.occurred_at) for one in results if "loss" in one.metrics]
        return sorted(found, key=lambda one: (one[2], one[1]))

    def erased(self) -> list[ErasureHead]:
        """What was erased from the archive, the oldest first."""
        return sorted(self.erasures.values(), key=lambda one: (one.occurred_at, one.erasure))

    # -- what is read ---------------------------------------------------------------------------

    def take_status(self, head: StatusHead, raw: bytes) -> bool:
        """The newest status of a segment: the last on the log stands, as in any compacted topic."""
        self.statuses[head.segment], self.raw_statuses[head.segment] = head, raw
        if not head.segment:
            self.blocks.update((block.index, block) for block in head.loss_blocks)
            while len(self.blocks) > MOST_BLOCKS:
                del self.blocks[min(self.blocks)]
        return True

    def drop_status(self, segment: str) -> None:
        """A segment that is not watched any more."""
        self.statuses.pop(segment, None)
        self.raw_statuses.pop(segment, None)

    def take_erasure(self, head: ErasureHead) -> bool:
        """Rows were erased: the newest of the same rows stands, in whatever order they come."""
        known = self.erasures.get(head.erasure)
        if known is not None and (known.occurred_at, known.message_id) >= (head.occurred_at, head.message_id):
            return False
        self.erasures[head.erasure] = head
        while len(self.erasures) > MOST:
            del self.erasures[self.erased()[0].erasure]
        return True

    def take_event(self, head: EventHead, raw: bytes, offset: int) -> bool:
        """An event in the life of a version; each is followed once, in the order of the log."""
        if head.message_id in self._followed:
            return False
        self._followed.add(head.message_id)
        self.events.add(head, raw, offset)
        self._follow(head)
        return True

    def _follow(self, event: EventHead) -> None:
        if event.event in ("frozen", "unfrozen"):
            self.frozen = event.reason if event.event == "frozen" else None
            return
        status = STATUS_AFTER.get(event.event)
        if event.version is None or status is None:
            return
        known = self.versions.get(event.version) or VersionView(event.version, status, event.occurred_at)
        self.versions[event.version] = known
        known.status, known.changed_at, known.reason = status, event.occurred_at, event.reason
        known.run_id = event.run_id or known.run_id
        known.spec_version = event.spec_version or known.spec_version
        known.artifact = event.artifact or known.artifact
        known.artifact_sha256 = event.artifact_sha256 or known.artifact_sha256
        if event.event == "registered":
            known.registered_at = event.occurred_at
        if status == "champion":
            self._enthrone(known, event)

    def _enthrone(self, champion: VersionView, event: EventHead) -> None:
        champion.promoted_at = event.occurred_at
        before = self.versions.get(event.previous_version or "")
        if before is not None and before is not champion and before.status == "champion":
            before.status, before.changed_at = "archived", event.occurred_at
        self.champion = champion.version

    def take_decision(self, head: DecisionHead, raw: bytes, offset: int) -> bool:
        """A decision; one to cancel ends its run."""
        if head.action == "cancel" and head.run_id:
            self.run(head.run_id).cancelled = True
        return self.decisions.add(head, raw, offset)

    def take_request(self, head: RequestHead) -> bool:
        """A run that was asked for."""
        run = self.run(head.message_id)
        new, run.request = run.request is None, head
        return new

    def take_progress(self, head: ProgressHead) -> bool:
        """A step of a run; of two words on the same step the later one stands."""
        steps = self.run(head.run_id).steps
        known = steps.get(head.step)
        if known is not None and known.occurred_at >= head.occurred_at:
            return False
        steps[head.step] = head
        while len(steps) > MOST_STEPS:
            del steps[min(steps)]
        return True

    def take_result(self, head: ResultHead) -> bool:
        """The end of a run."""
        run = self.run(head.run_id)
        new, run.result = run.result is None, head
        return new

    def run(self, run_id: str) -> RunView:
        """The run of that id, made where it is not known yet; the oldest ends are let go."""
        known = self.runs.get(run_id)
        if known is None:
            known = self.runs[run_id] = RunView(run_id)
        return known

    def let_go(self) -> None:
        """Forget the oldest runs that have ended, past the number that is kept."""
        if len(self.runs) <= MOST_RUNS:
            return
        ended = [run for run in self.runs.values() if run.result is not None]
        for run in sorted(ended, key=_when)[: len(self.runs) - MOST_RUNS]:
            del self.runs[run.run_id]

    # -- what is asked --------------------------------------------------------------------------

    def recent_runs(self) -> list[RunView]:
        """The newest first."""
        return sorted(self.runs.values(), key=_when, reverse=True)

    def losses(self) -> list[Block]:
        """The loss over time, the oldest first."""
        return [self.blocks[index] for index in sorted(self.blocks)]

    def answers(self, message_id: str) -> Iterator[Entry[DecisionHead]]:
        """Decisions that a command or a signal has led to, the newest first."""
        return (entry for entry in self.decisions.newest() if message_id in entry.head.caused_by)


def _when(run: RunView) -> tuple[float, str]:
    began = run.began_at
    return began.timestamp() if began else 0.0, run.run_id
