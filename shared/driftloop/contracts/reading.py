"""How a reader takes a message of another release: fields that it does not know are named and left out.

Why two ways: a person who applies a spec with a field that nobody knows has made a typing error, and is told.
A service that meets the same field on the log reads what the next release wrote, in the middle of an upgrade or
a roll-back: to stop there would stop every model for one field that does not concern it.
"""

from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
_NAMED = 8


class Read(NamedTuple, Generic[M]):
    """A message, and the fields in it that this release does not know (dotted; the first eight)."""

    message: M
    unknown: tuple[str, ...]


def read_message(kind: type[M], value: bytes | str) -> Read[M]:
    """The message in JSON text, unknown fields at any depth left out; raises `pydantic.ValidationError`.

    >>> from driftloop.spec.model_spec import LabelDelay
    >>> read_message(LabelDelay, '{"expected_seconds": 5, "calendar": "banking"}')
    Read(message=LabelDelay(expected_seconds=5.0, give_up_seconds=604800.0), unknown=('calendar',))
    """
    try:
        return Read(kind.model_validate_json(value, extra="forbid"), ())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        unknown = [".".join(map(str, one["loc"])) for one in found if one["type"] == "extra_forbidden"]
        if not unknown:
            raise
    return Read(kind.model_validate_json(value, extra="ignore"), tuple(unknown[:_NAMED]))


def readable(kind: type[M], value: bytes | str) -> M | None:
    """The message, unknown fields left out; None where it cannot be read, which must not hide the others of its topic.

    >>> from driftloop.spec.model_spec import LabelDelay
    >>> readable(LabelDelay, '{"expected_seconds": 5, "calendar": "banking"}').expected_seconds
    5.0
    >>> readable(LabelDelay, "{") is None
    True
    """
    try:
        return read_message(kind, value).message
    except ValidationError:
        return None
