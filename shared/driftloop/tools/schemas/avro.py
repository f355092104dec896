"""The Avro schema of a contract, made from its pydantic fields.

Why our own generator: it is a page of rules, and the rules are the promise. What may be missing is
a union with null first; a choice stays a string (an enum could never gain a symbol without
breaking readers); a moment is microseconds in UTC; a number keeps its kind in a union (boolean,
then integer, then double); and what has no Avro type, a learner's free parameters, is JSON text.
"""

from datetime import datetime
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from driftloop.contracts.message import Series

NAMESPACE = "driftloop"
JSON_TEXT = {"type": "string", "logicalType": "json"}
"""A value of any shape, as JSON text."""

_PRIMITIVES: dict[object, Any] = {
    NoneType: "null",
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    UUID: {"type": "string", "logicalType": "uuid"},
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
    AwareDatetime: {"type": "long", "logicalType": "timestamp-micros"},
    Any: JSON_TEXT,
}
_UNION_ORDER = ("null", "boolean", "long", "double", "string")


def avro_schema(contract: type[BaseModel]) -> dict[str, Any]:
    """The Avro record of `contract`; a class met again is named, not repeated.

    Raises TypeError for a field of a kind that has no rule.

    >>> from driftloop.contracts.message import FramePosition
    >>> [field["type"] for field in avro_schema(FramePosition)["fields"]]
    ['long', 'long']
    """
    schema: dict[str, Any] = _record(contract, set())
    return schema


def _record(contract: type[BaseModel], seen: set[str]) -> Any:
    if contract.__name__ in seen:
        return f"{NAMESPACE}.{contract.__name__}"
    seen.add(contract.__name__)
    fields = [_field(name, info, seen) for name, info in contract.model_fields.items()]
    record = {"type": "record", "name": contract.__name__, "namespace": NAMESPACE}
    return record | {"doc": _first_sentence(contract.__doc__), "fields": fields}


def _field(name: str, info: FieldInfo, seen: set[str]) -> dict[str, Any]:
    field = {"name": name, "type": _type(info.annotation, seen)}
    if info.is_required():
        return field
    return field | {"default": to_jsonable_python(info.get_default(call_default_factory=True))}


def _type(annotation: Any, seen: set[str]) -> Any:
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _record(annotation, seen)
    return _generic(annotation, get_origin(annotation), get_args(annotation), seen)


def _generic(annotation: Any, origin: Any, arguments: tuple[Any, ...], seen: set[str]) -> Any:
    if origin is Annotated:
        return _type(arguments[0], seen)
    if origin in (Union, UnionType):
        return _union([_type(argument, seen) for argument in arguments if argument != Series])
    if origin is Literal and all(isinstance(choice, str) for choice in arguments):
        return "string"
    if origin is dict:
        return {"type": "map", "values": _type(arguments[1], seen)}
    if origin in (list, tuple):
        return {"type": "array", "items": _items(arguments, seen)}
    raise TypeError(f"no Avro rule for {annotation!r}")


def _items(arguments: tuple[Any, ...], seen: set[str]) -> Any:
    """A tuple of mixed numbers is an array of doubles; any other mixture a union."""
    kinds = _union([_type(argument, seen) for argument in arguments if argument is not Ellipsis])
    return "double" if kinds == ["long", "double"] else kinds


def _union(kinds: list[Any]) -> Any:
    flat = [part for kind in kinds for part in (kind if isinstance(kind, list) else [kind])]
    unique = [kind for position, kind in enumerate(flat) if kind not in flat[:position]]
    unique.sort(key=lambda kind: _UNION_ORDER.index(kind) if kind in _UNION_ORDER else len(_UNION_ORDER))
    return unique[0] if len(unique) == 1 else unique


def _first_sentence(doc: str | None) -> str:
    # from Python 3.13 on the compiler takes the indentation out of docstrings
    return cleandoc(doc or "").partition("\n\n")[0].replace("\n", " ")
