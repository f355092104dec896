"""What all messages share: frozen, UTC-aware, and an identity that a redo reproduces.

Why ids are derived and not drawn: a step that is done again after a crash must give the same
message, so that a reader can tell a repeat from a second event.
"""

from typing import Annotated, Self
from uuid import UUID, uuid5

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

NAMESPACE = UUID("6d1f2a52-6f0e-5c0b-9b1e-0d4a4c9f7a11")
"""The uuid5 namespace of every id that driftloop derives."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$")]
"""A model id, or a name of a feature set or learner: safe in keys, paths and metric labels."""

LONGEST_ID = 200
"""Characters that a prediction's id has at most."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A name that users choose freely: a feature, a field, a segment."""

Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,119}$")]
"""A version: `major.minor.patch` where driftloop numbered it, and else whatever its owner calls it."""

_EXACT_WHOLE = 1 << 53


def plain_scalar(value: object) -> object:
    """A NumPy scalar as the Python value that it is, anything else as it stands.

    Why: of `float | int | bool | str` the contract would take `np.bool_` for a number, and round an `np.int64`.
    """
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()  # type: ignore[attr-defined]
    return value


def _plain_value(value: object, check: ValidatorFunctionWrapHandler) -> object:
    """A feature's value; a whole number that no double holds (a category's) stays what it is."""
    plain = plain_scalar(value)
    return plain if type(plain) is int and abs(plain) > _EXACT_WHOLE else check(plain)


Scalar = Annotated[float | int | bool | str, BeforeValidator(plain_scalar)]
Series = list[float | list[float | None] | None]
"""A list of numbers, null for a gap; of a forecast with quantiles, one list a step may stand for its values."""
Truth = Scalar | Series
"""What is predicted or true of one target field."""
Value = Annotated[
    float | str | Series | None,
    WrapValidator(_plain_value),
    PlainSerializer(lambda value: value, return_type=float | int | str | Series | None),
]
"""A feature's value; None is missing."""


def derive_id(kind: str, *parts: object) -> UUID:
    """The id of a message of `kind` caused by `parts`; the same parts give the same id.

    >>> derive_id("signal", "plant", 17) == derive_id("signal", "plant", 17)
    True
    """
    return uuid5(NAMESPACE, "\x1f".join([kind, *map(str, parts)]))


class Message(BaseModel):
    """A frozen message. Unknown fields are ignored, so that a newer producer can speak."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null", protected_namespaces=())

    def to_json(self) -> bytes:
        """UTF-8 JSON, fields in their declared order."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, value: bytes | str) -> Self:
        """The message in `value`; raises `pydantic.ValidationError` (a ValueError)."""
        return cls.model_validate_json(value)


class ControlMessage(Message):
    """The envelope of every message but the hot ones.

    `caused_by` is the chain from signal to version: ids of the messages that led here.
    """

    message_id: UUID
    model_id: Name
    occurred_at: AwareDatetime
    caused_by: tuple[UUID, ...] = ()


class FramePosition(Message):
    """A frame on `outcome-frames`. A model's frames share a partition, so `offset` orders all
    that is ever said about them: it is the model's logical clock."""

    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class RowPosition(Message):
    """A row in a model's stream.

    `row` counts the model's labelled rows from 0 in the order of the frames, over all versions.
    """

    row: int = Field(ge=0)
    prediction_id: str
    at: AwareDatetime
