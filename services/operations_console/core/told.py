"""What is answered: the bodies of the REST calls."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from operations_console.core.view.attention import Health


class Told(BaseModel):
    """A body of an answer."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), ser_json_inf_nan="null")


class WaitTold(Told):
    """Something that waits for a person."""

    kind: Literal["run", "challenger", "veto_window"]
    version: str | None
    reason: str
    since: datetime
    decision_id: str


class ModelTold(Told):
    """A model at a glance. Losses are means over the newest rows; `rise` is against the reference."""

    model_id: str
    health: Health
    champion: str | None
    spec_version: int
    task: str | None = None
    policy: str | None = None
    learner: str | None = None
    versions: int = 0
    rows: int
    labelled_rows: int
    loss: float | None
    reference: float | None
    rise: float | None
    active_signals: list[str]
    waits: list[WaitTold]
    frozen: str | None
    run_status: str | None
    as_of: datetime | None
    signals: int = Field(default=0, description="How many signals it had, of the newest 400.")
    runs: int = Field(default=0, description="How many runs, of the newest 100.")
    promotions: int = Field(default=0, description="How many promotions, of the newest 400 events.")


class MuteTold(Told):
    """For how long nobody is told of something new about some models."""

    models: str = Field(description="A model, or a pattern with * and ?.")
    muted_until: datetime | None
    reason: str
    requested_by: str


class MutesTold(Told):
    """Mutes that stand."""

    mutes: list[MuteTold]


class FleetTold(Told):
    """The fleet, what needs a person first."""

    models: list[ModelTold]
    total: int = Field(description="Models in all, whatever the limit.")
    health: dict[str, int] = Field(description="How many models stand how.")
    waiting: int = Field(description="Models of which something waits for a person.")
    dead_letters: int
    whole: bool = Field(description="Whether the view holds all that the log held when the console started.")
    mutes: list[MuteTold] = Field(default_factory=list, description="Of whom nobody is told for a while.")


class SegmentTold(Told):
    """A segment of a model, as of its newest status."""

    segment: str
    labelled_rows: int
    loss: float | None
    reference: float | None
    rise: float | None
    active_signals: list[str]


class BlockTold(Told):
    """Consecutive labelled rows and their mean loss."""

    first_row: int
    rows: int
    version: str
    loss: float | None
    last_at: datetime


class ErasureTold(Told):
    """Rows that were erased from the archive."""

    erased_at: datetime
    rows: int
    versions: list[str] = Field(description="Versions that learnt from them, or go on from one that did.")


class ModelDetailTold(ModelTold):
    """A model in full."""

    metrics: dict[str, float | None]
    attribution: dict[str, float | None] = Field(description="What moved, by its share of the shift or of the harm.")
    segments: list[SegmentTold]
    losses: list[BlockTold]
    erasures: list[ErasureTold] = Field(default=[], description="Rows that left the archive, the newest first.")


class VersionTold(Told):
    """A version as its events have left it."""

    version: str
    status: str
    reason: str
    registered_at: datetime | None
    promoted_at: datetime | None
    changed_at: datetime
    run_id: str | None
    spec_version: int | None
    artifact: str | None
    artifact_sha256: str | None


class VersionsTold(Told):
    """A model's versions, the newest first."""

    versions: list[VersionTold]


class StepTold(Told):
    """A step of a run."""

    step: int
    steps: int
    training_loss: float | None
    validation_loss: float | None
    seconds_left: float | None
    at: datetime


class RunTold(Told):
    """A training run."""

    run_id: str
    model_id: str
    version: str | None
    status: Literal["asked", "running", "succeeded", "failed", "cancelled"]
    mode: str | None
    learner: str | None
    reason: str | None
    began_at: datetime | None
    ended_at: datetime | None
    progress: float | None = Field(description="0 to 1")
    seconds_left: float | None
    seconds: float | None
    metrics: dict[str, float]
    failure: str | None
    reused_version: str | None
    steps: list[StepTold] = []


class RunsTold(Told):
    """Runs, the newest first."""

    runs: list[RunTold]


class LineageTold(Told):
    """Where a version comes from: signals, decision, run, proof, events, in the order of the log."""

    version: VersionTold
    signals: list[DriftSignal]
    decision: RetrainDecision | None
    run: RunTold | None
    proof: list[RetrainDecision]
    events: list[ModelEvent]


class SignalsTold(Told):
    """Drift signals, the newest first."""

    signals: list[DriftSignal]


class EventsTold(Told):
    """What became of a model's versions, the newest first."""

    events: list[ModelEvent]


class StatusesTold(Told):
    """The newest status of a model, and of each of its segments, as they stand on the log."""

    statuses: list[DriftStatus]


class DecisionsTold(Told):
    """Decisions, refusals too, the newest first."""

    decisions: list[RetrainDecision]


class ChallengeTold(Told):
    """A version under proof, or one whose proof has ended, with what was found."""

    version: str
    status: str
    since: datetime | None
    champion: str | None = Field(description="What it was scored beside last.")
    rows: int = Field(description="Rows scored beside that champion, of those that the console has read.")
    champion_loss: float | None
    challenger_loss: float | None
    gain: float | None = Field(description="By how much its mean loss is lower than the champion's.")
    gain_error: float | None = Field(description="The gain's standard error.")
    evidence: dict[str, float | str | None]
    last_word: str
    waits: WaitTold | None


class ChallengesTold(Told):
    """The challenges of a model, the newest first."""

    challenges: list[ChallengeTold]


class CommandTold(Told):
    """A command as it stands on the log, and the decision that answers it, if it has come."""

    command_id: str
    model_id: str
    command: str
    version: str | None
    reason: str
    requested_by: str
    requested_at: datetime
    came_from: str | None
    means: str | None
    decision: RetrainDecision | None
    repeated: bool = Field(default=False, description="Whether the same idempotency key was sent before.")


class CommandsTold(Told):
    """Commands, the newest first."""

    commands: list[CommandTold]


class LetterTold(Told):
    """A dead letter's head."""

    place: str
    at: datetime
    error_class: str
    stage: str
    topic: str
    message: str
    key: str
    bytes: int


class LettersTold(Told):
    """Dead letters, the newest first, and how many there are of each class."""

    letters: list[LetterTold]
    counts: dict[str, int]


class LetterWholeTold(LetterTold):
    """A dead letter whole. Bytes that are no text are escaped."""

    headers: dict[str, str]
    value: str
    truncated: bool


class ReplayTold(Told):
    """How many dead letters were sent once more."""

    sent: int


class SpecTold(Told):
    """A declared spec."""

    model_id: str
    spec_version: int
    applied_at: datetime | None
    spec: dict[str, Any]


class SpecCheckedTold(Told):
    """Whether a spec makes sense, and what differs from the one that is declared."""

    valid: bool
    model_id: str | None
    problems: list[str]
    differences: list[str] = []


class FieldChangeTold(Told):
    """A field of a spec that has another value now; null where it was not, or is no more."""

    field: str
    before: Any = None
    after: Any = None


class SpecAppliedTold(Told):
    """A spec that was applied. `created`: the model had none before."""

    model_id: str
    spec_version: int
    changed: bool
    created: bool = False
    changes: list[FieldChangeTold] = []


class LabelTold(Told):
    """A label that the broker has."""

    prediction_id: str
    model_id: str
    status: Literal["accepted"] = "accepted"


class TriggerResultTold(Told):
    """What came of a request to retrain."""

    success: bool
    model_type: str
    retrain_type: Literal["full", "incremental"]
    events_processed: int
    duration_ms: float


class TriggerTold(Told):
    """Preset agent-outcomes: the answer to a request to retrain."""

    status: Literal["success", "accepted", "refused"]
    message: str
    result: TriggerResultTold
    timestamp: datetime


class AdaptationTold(Told):
    """Preset adaptive-feedback: what became of a model."""

    model_id: str
    health: Health
    champion: str | None
    adaptations: int = Field(description="Runs that made a version.")
    failed: int
    last_adaptation: RunTold | None
    signals: int
    feedback_rows: float
    monitoring: bool


class JobTold(Told):
    """Preset document-extraction: a job. `waiting`: the coordinator has not answered yet."""

    job_id: str
    model_type: str
    status: Literal["waiting", "refused", "asked", "running", "succeeded", "failed", "cancelled"]
    message: str
    run: RunTold | None = None


class StatisticsTold(Told):
    """Preset document-extraction: counts over the registry."""

    total: int
    by_status: dict[str, int]
    champions: dict[str, str]
    runs: int = Field(default=0, description="Of the newest 100 of each model, those that made a version.")
    mean_validation_loss: dict[str, float] = Field(default={}, description="By model, over those runs.")
    best_validated: dict[str, str] = Field(
        default={},
        description="By model, the version of the least validation loss; which one serves is proven, not this.",
    )
    first_run_at: datetime | None = None
    last_run_at: datetime | None = None
    storage_bytes: dict[str, int] | None = Field(
        default=None, description="By model, the bytes of its versions' artifacts, at most a minute old."
    )
    version_bytes: dict[str, dict[str, int]] | None = Field(default=None, description="The same by model and version.")
    storage_problem: str | None = Field(
        default=None, description="Why the bytes are not known; none too where the console has no artifact_uri."
    )


class EventTold(Told):
    """What a line of the event stream says: read the model anew to see what it means."""

    topic: str
    model_id: str
    message_id: str
    line: str
