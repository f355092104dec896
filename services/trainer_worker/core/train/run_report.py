"""What is said across the wall between the worker and the process that trains."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from driftloop.contracts.message import FramePosition, Version
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingData, TrainingResult, Validation
from driftloop.spec.model_spec import ModelSpec

WaitsOn = Literal["archive", "store", "cluster", ""]
SandboxMode = Literal["off", "available", "required"]


class Part(BaseModel):
    """A frozen part; unknown fields are refused, both sides are of one release."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Run(Part):
    """A run that has not ended: the request, the spec it is trained under, and how often it was started.

    The spec goes along because `model-specs` is compacted: after a crash it might be gone.
    """

    request: TrainingRequest
    spec: ModelSpec
    position: FramePosition
    """Where the request stands in its topic; runs are done in this order."""
    starts: int = Field(default=0, ge=0)
    asked_at: AwareDatetime | None = None
    """When the log took the request."""
    answer: TrainingResult | None = None
    """What another system says that it trained, with executor external."""
    announced: bool = False
    """Whether the webhook of the run's entry has taken the request."""

    @property
    def waits_for_answer(self) -> bool:
        """Whether another system trains, and has not answered: nothing is to be started here."""
        return self.spec.training.executor == "external" and self.answer is None

    @property
    def is_to_be_announced(self) -> bool:
        """Whether a webhook is to be told, and has not taken the request."""
        return self.waits_for_answer and self.spec.training.entry is not None and not self.announced

    @property
    def gives_up_at(self) -> datetime | None:
        """When an answer is waited for no longer; None where none is."""
        if not self.waits_for_answer or self.asked_at is None:
            return None
        return self.asked_at + timedelta(seconds=self.spec.training.time_limit_seconds)

    @property
    def run_id(self) -> UUID:
        """The request's id."""
        return self.request.message_id


class Succeeded(Part):
    """A run's fruit."""

    kind: Literal["succeeded"] = "succeeded"
    artifact: str | None
    """None where others serve the version, and nobody can run it here."""
    artifact_sha256: str | None
    metrics: dict[str, float]
    validation: Validation
    loss_bound: float = Field(gt=0)
    data: TrainingData
    cost: TrainingCost
    profile: ModelProfile
    remarks: tuple[str, ...] = ()
    """What the rows were like: sentences for a person."""
    refitted: bool | None = None
    """Whether it was fitted once more after its validation; None: as the spec says."""
    sandbox: tuple[str, ...] | None = None
    """What the process that trained was kept from: `files`, `network`; None where no sandbox could be asked for."""
    left_out: int = 0
    """Labelled rows that were not learnt from, because their labels cannot be meant."""


class Reused(Part):
    """Nothing was trained: an archived version does well again, and these are its losses."""

    kind: Literal["reused"] = "reused"
    version: Version
    metrics: dict[str, float]
    validation: Validation
    loss_bound: float = Field(gt=0)
    data: TrainingData
    cost: TrainingCost
    remarks: tuple[str, ...] = ()
    sandbox: tuple[str, ...] | None = None


class Failed(Part):
    """Why a run came to nothing. `again` says that another start may help (its process was killed)."""

    kind: Literal["failed"] = "failed"
    reason: str
    again: bool = False
    cost: TrainingCost | None = None


class Announced(Part):
    """A webhook has taken the request; the run waits for its answer."""

    kind: Literal["announced"] = "announced"


class Progress(Part):
    """How far a run has come."""

    kind: Literal["progress"] = "progress"
    step: int = Field(ge=0)
    steps: int = Field(ge=1)
    training_loss: float | None = None
    validation_loss: float | None = None
    seconds_left: float | None = None


class Waiting(Part):
    """What a run waits for, or nothing any more. It is for metrics and goes no further than the executor."""

    kind: Literal["waiting"] = "waiting"
    waits_for: WaitsOn


OfChild = Progress | Succeeded | Reused | Failed
Report = OfChild | Announced
Told = OfChild | Waiting
"""What a child says."""
WaitsFor = Callable[[WaitsOn], None]
"""Is told what a run waits for; "" where it goes on."""


class Executor(Protocol):
    """Where runs are executed. Every call returns at once."""

    def start(self, run: Run) -> None:
        """Start a run, or tell the webhook of one that others train.

        One that is running, was told or has ended here already is left as it is.
        """
        ...

    def holds(self, run_id: UUID) -> bool:
        """Whether the run is running here, or has ended here."""
        ...

    def reports(self) -> Iterable[tuple[UUID, Report]]:
        """What is new: progress; and, for as long as the run is kept, its end, or that its webhook has taken it."""
        ...

    def cancel(self, run: Run) -> None:
        """End what a run has begun anywhere: nobody will take it up. `keep` alone leaves it to another worker."""
        ...

    def keep(self, run_ids: frozenset[UUID]) -> None:
        """Stop and forget every run but these."""
        ...
