"""A newer JSON Schema is compared with an older one in sentences."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from driftloop.tools.schemas.compatibility import breaks


def an_object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


BREAKING = {
    "a field becomes required": (an_object(), an_object(("id",), id={"type": "string"})),
    "text becomes a number": (an_object(a={"type": "string"}), an_object(a={"type": "number"})),
    "a number becomes an integer": ({"type": "number"}, {"type": "integer"}),
    "null is refused": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}),
    "a choice goes": ({"enum": ["a", "b"]}, {"enum": ["a"]}),
    "text becomes a choice": ({"type": "string"}, {"type": "string", "enum": ["a"]}),
    "a minimum comes": ({"type": "integer"}, {"type": "integer", "minimum": 0}),
    "a maximum falls": ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 8}),
    "a pattern changes": ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}),
    "a format comes": ({"type": "string"}, {"type": "string", "format": "uuid"}),
    "values of a map narrow": (
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"type": "object", "additionalProperties": {"type": "integer"}},
    ),
    "items narrow": ({"type": "array", "items": {"type": "number"}}, {"type": "array", "items": {"type": "integer"}}),
    "an object closes": (an_object(a={"type": "string"}), an_object() | {"additionalProperties": False}),
    "a rule of its own comes": (an_object(), an_object() | {"allOf": [{"required": ["a"]}]}),
    "a tuple grows": ({"type": "array", "prefixItems": [{}]}, {"type": "array", "prefixItems": [{}, {}]}),
}

HARMLESS = {
    "an optional field comes": (an_object(a={"type": "string"}), an_object(a={"type": "string"}, b={"type": "number"})),
    "an optional field goes": (an_object(a={"type": "string"}), an_object()),
    "a required field becomes optional": (an_object(("a",), a={"type": "string"}), an_object(a={"type": "string"})),
    "null is taken too": ({"type": "string"}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
    "an integer becomes a number": ({"type": "integer"}, {"type": "number"}),
    "a choice comes": ({"enum": ["a"]}, {"enum": ["a", "b"]}),
    "a limit goes": ({"type": "integer", "minimum": 0}, {"type": "integer"}),
    "a description changes": ({"type": "string", "description": "x"}, {"type": "string", "description": "y"}),
}


@pytest.mark.parametrize(("old", "new"), BREAKING.values(), ids=BREAKING)
def test_a_change_that_refuses_old_messages_is_named(old: dict[str, Any], new: dict[str, Any]):
    assert breaks(old, new)


@pytest.mark.parametrize(("old", "new"), HARMLESS.values(), ids=HARMLESS)
def test_a_change_that_takes_all_old_messages_passes(old: dict[str, Any], new: dict[str, Any]):
    assert breaks(old, new) == []


def test_a_break_behind_a_reference_is_named_by_its_path():
    old = {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/P"}},
        "$defs": {"P": an_object(o={"type": "number"})},
    }
    new = {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/P"}},
        "$defs": {"P": an_object(o={"type": "string"})},
    }
    assert breaks(old, new) == ["at.o: it takes string now, it took number"]


VERSIONS = {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}
ANY_VERSION = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,119}$"}


def test_a_wider_pattern_takes_what_the_narrow_one_took_and_not_the_other_way_round():
    assert breaks(VERSIONS, ANY_VERSION) == []
    assert breaks(VERSIONS, VERSIONS) == []
    assert breaks(ANY_VERSION, VERSIONS) != []
    by_version = {"type": "object", "patternProperties": {VERSIONS["pattern"]: {"type": "number"}}}
    by_any = {"type": "object", "patternProperties": {ANY_VERSION["pattern"]: {"type": "number"}}}
    assert breaks(by_version, by_any) == []
    assert breaks(by_any, by_version) != []


@given(st.from_regex(r"\A[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}\Z"))
def test_every_semantic_version_fits_the_wider_pattern(version):
    assert re.search(ANY_VERSION["pattern"], version)


LEAF = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "number", "integer", "boolean", "null"])}),
    st.builds(lambda low: {"type": "integer", "minimum": low}, st.integers(-2, 2)),
    st.builds(lambda some: {"enum": some}, st.lists(st.sampled_from(["a", "b", 1, None]), min_size=1, unique=True)),
)
SCHEMA = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda fields, need: {"type": "object", "properties": fields, "required": sorted(need & fields.keys())},
            st.dictionaries(st.sampled_from("ab"), inner),
            st.sets(st.sampled_from("ab")),
        ),
    ),
    max_leaves=5,
)
SCALAR = st.sampled_from([None, True, -1, 0, 1, 2.5, "a", "b"])
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner)),
    max_leaves=4,
)


@given(SCHEMA)
def test_a_schema_never_breaks_itself(schema: dict[str, Any]):
    assert breaks(schema, schema) == []


@given(SCHEMA, SCHEMA, VALUE)
def test_what_passes_takes_every_old_message_that_kept_to_the_known_fields(
    old: dict[str, Any], new: dict[str, Any], value: object
):
    if not breaks(old, new) and Draft202012Validator(closed(old)).is_valid(value):
        assert Draft202012Validator(new).is_valid(value)


def closed(schema: Any) -> Any:
    """The same schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return (
        inner | {"additionalProperties": False} if schema.get("type") == "object" and "properties" in schema else inner
    )
