"""What the coordinator remembers of a model: one JSON entry, bounded, mutable while a step runs."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import TestStatus
from driftloop.contracts.message import FramePosition, Version
from driftloop.spec.policy import Mode
from retrain_coordinator.core.payoff.rule import PayoffState
from retrain_coordinator.core.proof.paired_test import PairedTest

VERSIONS_KEPT = 40
"""Archived and rejected versions remembered (for reuse and roll-back); the log has them all."""
RUNS_KEPT = 200
COMMANDS_KEPT = 100
SIGNALS_KEPT = 50

Status = Literal["registered", "challenger", "champion", "archived", "rejected"]


class _Part(BaseModel):
    model_config = ConfigDict(validate_assignment=False, protected_namespaces=())


class VersionEntry(_Part):
    """A registered version."""

    version: Version
    status: Status
    run_id: UUID | None = None
    spec_version: int
    artifact: str
    sha256: str
    rows: int = 0
    loss_bound: float = 1.0
    lineage: tuple[UUID, ...] = ()
    target: str = ""
    """What it predicts (`compatibility.target_of`); empty in entries of earlier releases."""
    unusable: str | None = None
    """Why scoring could not run it, where it could not."""


class AskedToServe(_Part):
    """A version that the owner of an external server was asked to let serve, and is not known to serve yet."""

    version: Version
    event: Literal["promoted", "rolled_back"]
    since: datetime
    reason: str
    lineage: tuple[UUID, ...] = ()


class RunEntry(_Part):
    """A training run that has been asked for and has not ended."""

    run_id: UUID
    version: Version
    spec_version: int
    trigger: str
    requested_at: datetime
    lineage: tuple[UUID, ...] = ()
    target: str = ""


class Arm(_Part):
    """Losses of the rows that a version served while a canary ran, as shares of the loss bound."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0


class ChallengeEntry(_Part):
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
    corrected_rows: int = 0
    """Rows that count by another label than the one that they were scored by first."""
    waits_until: datetime | None = None
    waits_for: str | None = None


class ProbationEntry(_Part):
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


class Suspicion(_Part):
    """Evidence of drift that a second window has to confirm: rows from `from_row` on are in quarantine."""

    since_row: int
    """Labelled rows when the trigger asked first."""
    from_row: int
    rows: int
    """Labelled rows of the second window."""
    amount: float = 0.0
    grew_row: int = 0
    """Of a trigger that adds up: how much it had when it grew last, and where that was."""


class Reading(_Part):
    """A host's figure and when it was read."""

    value: float
    at: datetime


class Waiting(_Part):
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


class Harm(_Part):
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


class Unscored(_Part):
    """Frames in a row that were taken in without all scores that were expected."""

    first: int
    last: int


class ModelState(_Part):
    """All that the coordinator knows of a model, as of the frame `applied`."""

    model_id: str
    applied: FramePosition | None = None
    as_of: datetime | None = None
    rows: int = 0
    labelled_rows: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    tests: tuple[TestStatus, ...] = ()
    signals: list[DriftSignal] = Field(default_factory=list)
    readings: dict[str, Reading] = Field(default_factory=dict)
    payoff: PayoffState = PayoffState()
    feed: list[dict[str, float]] = Field(default_factory=list)
    """Rows scored since the last whole block, each with its losses by what lost them."""

    champion: Version | None = None
    champion_since: datetime | None = None
    serving_since: int = -1
    """Offset of the frame after which the champion serves."""
    champions: list[Version] = Field(default_factory=list)
    """The versions that served, in order, the present one last; a rolled-back one is taken out."""
    versions: dict[Version, VersionEntry] = Field(default_factory=dict)
    highest: Version | None = None
    signature: dict[str, str] = Field(default_factory=dict)

    run: RunEntry | None = None
    challenges: dict[Version, ChallengeEntry] = Field(default_factory=dict)
    probation: ProbationEntry | None = None

    active_signals: tuple[str, ...] = ()
    """Alarms that stand as of the last status."""
    suspicions: dict[str, Suspicion] = Field(default_factory=dict)
    """By trigger, where the policy has a quarantine."""
    spoilt: list[tuple[int, int]] = Field(default_factory=list)
    """Spans of labelled rows (first, after the last) whose evidence passed unconfirmed."""
    frozen: str | None = None
    marks: list[tuple[datetime, int]] = Field(default_factory=list)
    """(moment, labelled rows then), now and then, where the policy's window is a span of time."""
    runs_at: list[datetime] = Field(default_factory=list)
    rows_at_run: int = 0
    feedback_at_run: float = 0.0
    failures: int = 0
    failed_row: int = 0
    scheduled_from: datetime | None = None
    approved: bool = False
    waits_for_approval: str | None = None
    refusals: list[str] = Field(default_factory=list)
    retry_at: datetime | None = None
    last_trigger: str = ""
    commands: list[UUID] = Field(default_factory=list)
    waiting: dict[int, Waiting] = Field(default_factory=dict)

    target: str = ""
    """What the newest spec that was seen declares to be predicted; empty in entries of earlier releases."""
    spec_seen: int = 0
    """The newest spec version that was seen."""
    target_row: int = 0
    """Labelled rows before it: they tell another target."""
    target_spec: int = 0
    """The spec version that declared it first; 0 where the target never changed."""
    harm: Harm | None = None
    scores_at: datetime | None = None
    """When the log took the newest scores."""
    told: dict[Version, int] = Field(default_factory=dict)
    """By version, the newest frame that scoring has told of."""
    unscored: Unscored | None = None
    refused: dict[Version, str] = Field(default_factory=dict)
    """Versions that scoring could not score on some frame, and why on the first such frame: said once each."""
    asked: AskedToServe | None = None
    """Of a model that others serve."""
    waits: dict[str, datetime] = Field(default_factory=dict)
    """What the model waits for, by the names of `driftloop.waits`, and since when by its own clock."""

    def to_json(self) -> bytes:
        """The entry as it stands in the changelog."""
        return self.model_dump_json(exclude_defaults=True).encode()


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
