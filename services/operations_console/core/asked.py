"""What a request may say: the bodies of the REST calls."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from driftloop.contracts.message import LONGEST_ID, Label, Name, Scalar, Version
from driftloop.contracts.notification_mutes import ModelPattern

CommandName = Literal["retrain", "promote", "roll_back", "freeze", "unfreeze", "approve", "veto", "cancel", "register"]

APPROVER: frozenset[str] = frozenset({"promote", "roll_back", "approve", "veto", "register"})
"""Commands that decide which version serves."""


class Asked(BaseModel):
    """A body. Unknown fields are refused: a typing error must not pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class CommandAsked(Asked):
    """A command to the coordinator, which answers it with a decision."""

    command: CommandName
    reason: str = Field(min_length=1, max_length=2000, description="Why; it is written into the decision.")
    version: Version | None = Field(
        default=None, description="What to promote, veto or register; of cancel, which version's run."
    )
    seen_champion: Version | None = Field(
        default=None, description="The champion that you have seen; refused where another version serves by now."
    )
    about: Literal["version", "run"] | None = Field(
        default=None, description="approve and veto without a version: which of the two is meant."
    )
    full: bool = Field(default=True, description="retrain: anew, and not from the champion on")
    artifact: str | None = Field(default=None, max_length=2000, description="register: where the version lies")
    artifact_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    wait_seconds: float = Field(default=0.0, ge=0, le=30, description="How long to wait for the decision.")


class MuteAsked(Asked):
    """That nobody is told of something new about some models for a while, or again."""

    models: ModelPattern = Field(description="A model, or a pattern with * and ?.")
    seconds: float | None = Field(gt=0, le=366 * 86400, description="For how long; null lifts the mute.")
    reason: str = Field(min_length=1, max_length=2000)


class SpecAsked(Asked):
    """A model's spec, as YAML or JSON text."""

    text: str = Field(min_length=1, max_length=500_000)


class ReplayAsked(Asked):
    """Dead letters to send once more to the topic that they came from."""

    places: tuple[str, ...] = Field(min_length=1, max_length=500, description="PARTITION:OFFSET each")


class TriggerAsked(Asked):
    """Preset agent-outcomes: ask for a retraining."""

    reason: str = Field(default="asked for by the API", min_length=1, max_length=2000)
    force_full_retrain: bool = False
    model_id: Name | None = Field(default=None, description="May be left out where one model is declared.")


class ReasonAsked(Asked):
    """A reason, and nothing else."""

    reason: str = Field(default="asked for by the API", min_length=1, max_length=2000)


def _told(name: str) -> JsonValue:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class FeedbackAsked(Asked):
    """What became known of a prediction. It is written as its label; a later one corrects it.

    `feedback_score` is how content the person was, the label's `rating`, and the row's weight in training where no
    `weight` is given. Without a label it is a rating alone.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [_told("label"), _told("feedback_score")]})

    prediction_id: str = Field(min_length=1, max_length=LONGEST_ID)
    model_id: Name
    label: Scalar | dict[Label, Scalar] | None = Field(
        default=None, description="The true value, or one for each target field; none: a rating alone."
    )
    feedback_score: float | None = Field(default=None, ge=0, le=1)
    feedback_details: dict[str, Scalar | None] = Field(default_factory=dict)
    weight: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.label is None and self.feedback_score is None:
            raise ValueError("give a label, a feedback_score, or both")
        return self
