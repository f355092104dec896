"""What stands in the parts of a model's state: versions, runs, challenges, waits."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from driftloop.contracts.message import FramePosition, Version
from driftloop.spec.policy import Mode
from retrain_coordinator.core.proof.paired_test import PairedTest

VERSIONS_KEPT = 40
"""Archived and rejected versions remembered (for reuse and roll-back); the log has them all."""
RUNS_KEPT = 200
COMMANDS_KEPT = 100
SIGNALS_KEPT = 50

Status = Literal["registered", "challenger", "champion", "archived", "rejected"]


class Part(BaseModel):
    """A part of a model's state, or an entry in one; not validated when a field is set."""

    model_config = ConfigDict(validate_assignment=False, protected_namespaces=())


class VersionEntry(Part):
    """A registered version."""

    version: Version
    status: Status
    run_id: UUID | None = None
    spec_version: int
    artifact: str
    sha256: str
    rows: int = 0
    loss_bound: float = 1.0
    overlap: float = 1.0
    """Rows of a stream that share truths with the next ones: of a forecaster, how many are made within a horizon."""
    lineage: tuple[UUID, ...] = ()
    target: str = ""
    """What it predicts (`compatibility.target_of`); empty in entries of earlier releases."""
    unusable: str | None = None
    """Why scoring could not run it, where it could not."""
    withdrawn: bool = Field(default=False, exclude_if=lambda withdrawn: not withdrawn)
    """A person rolled it back: it serves again by a person's word only."""
    named: bool = Field(default=False, exclude_if=lambda named: not named)
    """Outcomes named it while it did not serve, and that was said."""


class AskedToServe(Part):
    """A version that the owner of an external server was asked to let serve, and is not known to serve yet."""

    version: Version
    event: Literal["promoted", "rolled_back"]
    since: datetime
    reason: str
    lineage: tuple[UUID, ...] = ()


class RunEntry(Part):
    """A training run that has been asked for and has not ended."""

    run_id: UUID
    version: Version
    spec_version: int
    trigger: str
    requested_at: datetime
    lineage: tuple[UUID, ...] = ()
    target: str = ""
    named: bool = Field(default=False, exclude_if=lambda named: not named)
    """Outcomes named its version before it ended: that name is somebody else's too."""


class Arm(Part):
    """Losses of the rows that a version served while a canary ran, as shares of the loss bound."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0


PROVEN_WAITS = {
    "freeze": "the end of the freeze",
    "approval": "a person's `approve`",
    "veto_window": "the end of the veto window",
}
"""What a proven challenger may wait for (`ChallengeEntry.waits_for`), in words."""


class Afterwards(Part):
    """The rows that came after a challenger was proven, while it waited: bets that it is worse on them."""

    since: FramePosition | None
    harm: PairedTest


class ChallengeEntry(Part):
    """A challenger under proof: bets on its gain over the champion, on its lack of one, and on its harm by segment."""

    version: Version
    champion: Version
    since: FramePosition | None
    since_row: int
    validated_rows: int = 0
    loss_bound: float = 1.0
    gain: PairedTest
    harm: PairedTest
    segments: dict[str, PairedTest] = Field(default_factory=dict)
    arms: dict[Version, Arm] = Field(default_factory=dict)
    """In mode `canary`, by version: the rows that it served itself."""
    champion_loss: float = 0.0
    challenger_loss: float = 0.0
    unopposed: bool = False
    """The champion predicts another target, so there is nothing to compare with."""
    served_before: bool = Field(default=False, exclude_if=lambda served: not served)
    """It is an archived version that a run brought back: outcomes may name it, as labels come late."""
    answered_rows: int = Field(default=0, exclude_if=lambda rows: not rows)
    """Rows that the version answered, where the spec bounds those that fail."""
    failed_rows: int = Field(default=0, exclude_if=lambda rows: not rows)
    corrected_rows: int = 0
    """Rows that count by another label than the one that they were scored by first."""
    waits_until: datetime | None = None
    waits_for: str | None = None
    afterwards: Afterwards | None = Field(default=None, exclude_if=lambda rows: rows is None)
    """None where it does not wait, or has nothing to be compared with, and in entries of earlier releases."""


class ProbationEntry(Part):
    """The champion's first rows, beside the predecessor that it took over from.

    `look` is the standard score of the harm at the one look that was fixed beforehand.
    """

    champion: Version
    predecessor: Version
    since: FramePosition | None
    since_row: int
    loss_bound: float = 1.0
    harm: PairedTest = PairedTest()
    look: float | None = None


class Suspicion(Part):
    """Evidence of drift that a second window has to confirm: rows from `from_row` on are in quarantine."""

    since_row: int
    """Labelled rows when the trigger asked first."""
    from_row: int
    rows: int
    """Labelled rows of the second window."""
    amount: float = 0.0
    grew_row: int = 0
    """Of a trigger that adds up: how much it had when it grew last, and where that was."""


class Reading(Part):
    """A host's figure and when it was read."""

    value: float
    at: datetime


class Waiting(Part):
    """Evidence on a frame whose other sources have not yet reported it: raw messages and times."""

    scores: list[str] = Field(default_factory=list)
    signals: list[str] = Field(default_factory=list)
    status: str | None = None
    at: datetime | None = None
    told: list[Version] = Field(default_factory=list)
    """Versions that scoring has told of; empty in entries of earlier releases."""
    signals_raised: int | None = None
    """How many signals the status counts; None where it has not come, and in entries of earlier releases."""
    carried: list[str] = Field(default_factory=list)
    """Signals of earlier frames that no status came of."""


class Harm(Part):
    """Harmful signals that nothing has been done about yet, and what was answered."""

    signals: tuple[UUID, ...]
    alarms: tuple[str, ...] = ()
    """As `drift-status` names them; empty where a segment's alarm is among them, which it does not tell."""
    since: datetime
    since_row: int
    told: tuple[str, ...] = ()
    """What it was said to wait for so far."""
    overdue: bool = False
    """Whether it was said that nothing came of it for long."""


class Unscored(Part):
    """Frames in a row that were taken in without all scores that were expected."""

    first: int
    last: int


class Asked(BaseModel):
    """A trigger that asks for a run: its name, why, and what it wants."""

    model_config = ConfigDict(frozen=True)

    trigger: str
    reason: str
    mode: Mode | None = None
    rows: int | None = None
    fresh_rows: int | None = None
    reuse: Version | None = None
    manual: bool = False
    suspects: bool = False
    """Whether it is the newest rows that it goes by, so that they may be in quarantine."""
    rests_on: int = 0
    """Rows that its figure is the mean of."""
    evidence: dict[str, float | str | None] = Field(default_factory=dict)
