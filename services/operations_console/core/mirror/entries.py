"""What is mirrored of a model: folded from the log, entry by entry of the changelog.

Why it is kept, and not only passed on: the other registry may be lost, and is then filled again from here.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from driftloop.contracts.message import Scalar, Version
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult

Alias = Literal["champion", "challenger"]
ALIASES: tuple[Alias, ...] = ("champion", "challenger")
DEPLOYS = frozenset({"promoted", "rolled_back", "deployed"})
_ENDS_A_CHALLENGE = frozenset({"promoted", "rejected", "archived", "rolled_back", "deprecated", "deployed"})


class Part(BaseModel):
    """A frozen part of the state; fields of another release are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Happened(Part):
    """An event of a version."""

    event_id: UUID
    event: str
    at: AwareDatetime
    version: Version
    previous_version: Version | None = None
    reason: str
    decision: UUID | None = None
    """The decision that it followed from."""


class Training(Part):
    """The run that a version came of."""

    run_id: UUID
    asked_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    parameters: dict[str, Scalar | list[Scalar] | None] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)


class VersionEntry(Part):
    """A version, and all that happened to it."""

    model_id: str
    version: Version
    artifact: str | None = None
    artifact_sha256: str | None = None
    spec_version: int | None = None
    training: Training | None = None
    history: tuple[Happened, ...] = ()

    @property
    def decision(self) -> UUID | None:
        """The newest decision that it followed from."""
        return next((one.decision for one in reversed(self.history) if one.decision), None)


class Held(Part):
    """The version that an alias is to name, and since when."""

    version: Version | None = None
    at: AwareDatetime | None = None


class ModelEntry(Part):
    """A model: which version each alias names. Several may be under proof; the alias names the newest."""

    model_id: str
    champion: Held = Held()
    challengers: tuple[Version, ...] = ()
    changed_at: AwareDatetime | None = None
    """Of the newest event that a challenger came or went by."""

    @property
    def key(self) -> str:
        """Its key in the changelog."""
        return f"{self.model_id}/model"

    def wanted(self, alias: Alias) -> Held:
        """What an alias is to name.

        >>> ModelEntry(model_id="m", challengers=("1.0.1", "1.0.2")).wanted("challenger").version
        '1.0.2'
        """
        if alias == "champion":
            return self.champion
        return Held(version=self.challengers[-1] if self.challengers else None, at=self.changed_at)


def version_key(model_id: str, version: Version) -> str:
    """The key of a version's entry in the changelog."""
    return f"{model_id}/version/{version}"


def take_event(model: ModelEntry, entry: VersionEntry, event: ModelEvent) -> tuple[ModelEntry, VersionEntry]:
    """Model and version after an event of that version; one that was taken in before changes nothing."""
    if any(one.event_id == event.message_id for one in entry.history):
        return model, entry
    happened = Happened(
        event_id=event.message_id, event=event.event, at=event.occurred_at, version=entry.version,
        previous_version=event.previous_version, reason=event.reason,
        decision=event.caused_by[-1] if event.caused_by else None,
    )  # fmt: skip
    update: dict[str, object] = {
        "history": (*entry.history, happened),
        "artifact": event.artifact or entry.artifact,
        "artifact_sha256": event.artifact_sha256 or entry.artifact_sha256,
        "spec_version": event.spec_version or entry.spec_version,
    }
    if event.run_id is not None and (entry.training is None or entry.training.run_id != event.run_id):
        update["training"] = Training(run_id=event.run_id)
    return _aliases(model, entry.version, event), entry.model_copy(update=update)


def _aliases(model: ModelEntry, version: Version, event: ModelEvent) -> ModelEntry:
    update: dict[str, object] = {}
    if event.event in DEPLOYS:
        update["champion"] = Held(version=version, at=event.occurred_at)
    gone = {version, event.previous_version} if event.event == "rolled_back" else {version}
    left = tuple(one for one in model.challengers if one not in gone)
    if event.event == "challenged":
        update |= {"challengers": (*left, version), "changed_at": event.occurred_at}
    elif event.event in _ENDS_A_CHALLENGE and left != model.challengers:
        update |= {"challengers": left, "changed_at": event.occurred_at}
    return model.model_copy(update=update)


def take_request(entry: VersionEntry, request: TrainingRequest) -> VersionEntry:
    """The version that a run may become."""
    known = _training(entry, request.message_id)
    parameters = {
        "learner": request.learner, "mode": request.mode, "seed": request.seed, "spec_version": request.spec_version,
        "rows": request.data.rows, "base_version": request.base_version, "reason": request.reason,
        **request.learner_parameters,
    }  # fmt: skip
    told = {"asked_at": request.occurred_at, "parameters": parameters}
    return entry.model_copy(update={"training": known.model_copy(update=told)})


def take_result(entry: VersionEntry, result: TrainingResult) -> VersionEntry:
    """The version that a run became."""
    known = _training(entry, result.run_id)
    cost = result.cost.model_dump() if result.cost else {}
    metrics = {**result.metrics, **{f"cost_{name}": float(value) for name, value in cost.items()}}
    told = {"ended_at": result.occurred_at, "metrics": metrics}
    return entry.model_copy(update={"training": known.model_copy(update=told)})


def _training(entry: VersionEntry, run_id: UUID) -> Training:
    known = entry.training
    return known if known is not None and known.run_id == run_id else Training(run_id=run_id)


def deployments(entries: list[VersionEntry]) -> list[Happened]:
    """Every change of what serves, in the order in which it happened."""
    found = [one for entry in entries for one in entry.history if one.event in DEPLOYS]
    return sorted(found, key=lambda one: (one.at, str(one.event_id)))
