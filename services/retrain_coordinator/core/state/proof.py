"""What is being proven: challengers against the champion, the champion against its predecessor, alarms that wait."""

from datetime import datetime

from pydantic import Field

from driftloop.contracts.message import Version
from retrain_coordinator.core.state.entries import ChallengeEntry, Part, ProbationEntry, Suspicion

SPANS_KEPT = 50
"""Spans of rows that were never confirmed; older ones are let go, they are far from every window by then."""


class ProofPart(Part):
    """Challenges and the probation."""

    challenges: dict[Version, ChallengeEntry] = Field(default_factory=dict)
    probation: ProbationEntry | None = None

    def hold_challenge(self, entry: ChallengeEntry) -> None:
        """A challenge as it stands now."""
        self.challenges[entry.version] = entry

    def drop_challenge(self, version: Version) -> ChallengeEntry | None:
        """The challenge of a version is over; gives it, if there was one."""
        return self.challenges.pop(version, None)

    def watch(self, entry: ProbationEntry | None) -> None:
        """The probation as it stands now; None: there is none."""
        self.probation = entry


class WindowPart(Part):
    """Which rows may be learnt from."""

    suspicions: dict[str, Suspicion] = Field(default_factory=dict)
    """By trigger, where the policy has a quarantine."""
    spoilt: list[tuple[int, int]] = Field(default_factory=list)
    """Spans of labelled rows (first, after the last) whose evidence passed unconfirmed."""
    marks: list[tuple[datetime, int]] = Field(default_factory=list)
    """(moment, labelled rows then), now and then, where the policy's window is a span of time."""

    def suspect(self, trigger: str, suspicion: Suspicion) -> None:
        """A trigger asks by rows that a second window has to confirm."""
        self.suspicions[trigger] = suspicion

    def drop_suspicion(self, trigger: str) -> Suspicion:
        """What a trigger went by has passed."""
        return self.suspicions.pop(trigger)

    def clear_suspicions(self) -> None:
        """A run has begun: what asked for it has been answered."""
        self.suspicions = {}

    def spoil(self, first: int, end: int) -> None:
        """These rows are never learnt from."""
        self.spoilt = [*self.spoilt, (first, end)][-SPANS_KEPT:]

    def mark(self, moment: datetime, labelled_rows: int) -> None:
        """Note the number of labelled rows at that time."""
        self.marks = [*self.marks, (moment, labelled_rows)]

    def drop_marks(self, begin: datetime) -> None:
        """Drop the marks up to `begin`, except the newest."""
        while len(self.marks) > 1 and self.marks[1][0] <= begin:
            self.marks = self.marks[1:]

    def forget_windows(self) -> None:
        """Rows of another target are no evidence about this one."""
        self.suspicions, self.spoilt, self.marks = {}, [], []
