"""Runs: the one in flight and those before it; what asked for one and was refused."""

from datetime import datetime

from pydantic import Field

from retrain_coordinator.core.state.entries import RUNS_KEPT, Part, RunEntry

REFUSALS_KEPT = 50


class RunsPart(Part):
    """The run that has not ended, and what safeguards want to know of earlier ones."""

    run: RunEntry | None = None
    runs_at: list[datetime] = Field(default_factory=list)
    rows_at_run: int = 0
    feedback_at_run: float = 0.0
    failures: int = 0
    failed_row: int = 0
    scheduled_from: datetime | None = None
    last_trigger: str = ""

    def begin_run(self, run: RunEntry, labelled_rows: int, feedback: float) -> None:
        """A run was asked for at this number of labelled rows and of feedback."""
        self.run, self.last_trigger = run, run.trigger
        self.runs_at = [*self.runs_at, run.requested_at][-RUNS_KEPT:]
        self.rows_at_run, self.feedback_at_run = labelled_rows, feedback
        self.scheduled_from = run.requested_at

    def note_named(self) -> None:
        """Outcomes named the version of the run that is in flight."""
        if self.run is not None:
            self.run.named = True

    def end_run(self) -> None:
        """No run is in flight."""
        self.run = None

    def succeed(self) -> None:
        """The newest run gave a version."""
        self.failures = 0

    def fail(self, labelled_rows: int) -> None:
        """The newest run gave none."""
        self.failures += 1
        self.failed_row = labelled_rows

    def count_rows_from(self, labelled_rows: int) -> None:
        """Rows before these do not count as new: they are of another target."""
        self.rows_at_run = labelled_rows

    def begin_schedule(self, now: datetime) -> None:
        """The calendar begins with the first version that serves."""
        self.scheduled_from = self.scheduled_from or now


class RefusalsPart(Part):
    """What asked for a run and did not get it."""

    approved: bool = False
    waits_for_approval: str | None = None
    refusals: list[str] = Field(default_factory=list)
    retry_at: datetime | None = None

    def refuse(self, cause: str, retry_at: datetime | None) -> None:
        """A refusal was published; the safeguards let go at `retry_at`, if they know when."""
        self.retry_at = retry_at
        self.refusals = [*self.refusals, cause][-REFUSALS_KEPT:]

    def retried(self) -> None:
        """The moment to decide again has come."""
        self.retry_at = None

    def clear_refusals(self) -> None:
        """Every cause is told once more."""
        self.refusals = []

    def wait_for_approval(self, trigger: str) -> None:
        """Only a person's word is missing."""
        self.waits_for_approval = trigger

    def approve(self) -> None:
        """A person gave it."""
        self.approved, self.refusals = True, []

    def withdraw(self) -> None:
        """A person refused it."""
        self.waits_for_approval, self.refusals = None, []

    def settle_wishes(self) -> None:
        """Nothing asks any more: a run has begun, or the target is another."""
        self.refusals, self.approved, self.waits_for_approval = [], False, None
