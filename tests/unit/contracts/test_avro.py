"""Avro schemas are made from contracts by rules, and compared by the rules of schema resolution."""

import io
from typing import Any, Literal

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from pydantic import AwareDatetime, BaseModel

from driftloop.contracts.evolution import avro_breaks
from driftloop.contracts.message import FramePosition, Scalar, Value
from driftloop.tools.schemas.avro import avro_schema


class Sample(BaseModel):
    """A contract with a field of every kind."""

    name: str
    at: AwareDatetime
    kind: Literal["a", "b"] = "a"
    value: Value = None
    answer: Scalar | dict[str, Scalar] | None = None
    first: FramePosition
    last: FramePosition | None = None
    bins: tuple[tuple[float, int], ...] = ()
    extras: dict[str, Any] = {}


def types() -> dict[str, Any]:
    return {field["name"]: field["type"] for field in avro_schema(Sample)["fields"]}


def test_what_may_be_missing_is_a_union_with_null_first():
    assert types()["value"] == ["null", "double", "string"]


def test_a_scalar_keeps_its_kind():
    assert types()["answer"][:5] == ["null", "boolean", "long", "double", "string"]


def test_a_choice_is_a_string():
    assert types()["kind"] == "string"


def test_a_record_met_again_is_named():
    assert types()["first"]["name"] == "FramePosition"
    assert types()["last"] == ["null", "driftloop.FramePosition"]


def test_a_tuple_of_numbers_is_an_array_of_doubles():
    assert types()["bins"]["items"] == {"type": "array", "items": "double"}


def test_fields_with_defaults_may_be_left_out():
    required = {field["name"] for field in avro_schema(Sample)["fields"] if "default" not in field}
    assert required == {"name", "at", "first"}


def test_a_type_without_a_rule_is_refused():
    class Odd(BaseModel):
        blob: complex

    with pytest.raises(TypeError, match="no Avro rule"):
        avro_schema(Odd)


def record(*fields: tuple[Any, ...]) -> dict[str, Any]:
    named = [dict(zip(("name", "type", "default"), field, strict=False)) for field in fields]
    return {"type": "record", "name": "R", "fields": named}


READABLE = {
    "the same": (record(("a", "long")), record(("a", "long"))),
    "a field with a default comes": (record(("a", "long")), record(("a", "long"), ("b", "string", ""))),
    "a field goes": (record(("a", "long"), ("b", "string")), record(("a", "long"))),
    "a long becomes a double": (record(("a", "long")), record(("a", "double"))),
    "null is taken too": (record(("a", "long")), record(("a", ["null", "long"]))),
    "the items widen": ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}),
}
UNREADABLE = {
    "a field without a default comes": (record(("a", "long")), record(("a", "long"), ("b", "string"))),
    "a double becomes a long": (record(("a", "double")), record(("a", "long"))),
    "null is refused": (record(("a", ["null", "long"])), record(("a", "long"))),
    "the values of a map change": ({"type": "map", "values": "string"}, {"type": "map", "values": "long"}),
    "the meaning changes": (
        {"type": "long", "logicalType": "timestamp-micros"},
        {"type": "long", "logicalType": "timestamp-millis"},
    ),
}


@pytest.mark.parametrize(("old", "new"), READABLE.values(), ids=READABLE)
def test_a_schema_that_reads_the_older_one_passes(old: Any, new: Any):
    assert avro_breaks(old, new) == []


@pytest.mark.parametrize(("old", "new"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_schema_that_cannot_read_the_older_one_is_named(old: Any, new: Any):
    assert avro_breaks(old, new)


def test_fastavro_reads_with_a_newer_schema_what_the_check_lets_pass():
    old, new = READABLE["a field with a default comes"]
    written = io.BytesIO()
    schemaless_writer(written, parse_schema(old), {"a": 7})
    written.seek(0)
    assert schemaless_reader(written, parse_schema(old), parse_schema(new)) == {"a": 7, "b": ""}
