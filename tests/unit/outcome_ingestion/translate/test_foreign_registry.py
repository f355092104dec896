"""Schemas by every kind of id: what is asked, and what an answer is taken for."""

import json

import pytest
from tests.foreign.cases import PROTO

from outcome_ingestion.adapters.foreign_registry import ForeignRegistry
from outcome_ingestion.core.translate.framing import SchemaReference
from outcome_ingestion.core.translate.schemas import RegisteredSchema

RECORD = json.dumps({"type": "record", "name": "A", "fields": []})
TABLE = {
    "r/apis/ccompat/v7/schemas/ids/1": {"schema": RECORD},
    "r/apis/ccompat/v7/schemas/ids/2": {"schema": '{"type": "object"}', "schemaType": "JSON"},
    "r/apis/ccompat/v7/schemas/ids/3": {"schema": "syntax …", "schemaType": "PROTOBUF"},
    "r/apis/ccompat/v7/schemas/ids/3?format=serialized": {"schema": PROTO.text, "schemaType": "PROTOBUF"},
    "r/apis/ccompat/v7/schemas/ids/4": {"schema": RECORD, "references": [{"name": "B"}]},
    "r/apis/ccompat/v7/schemas/ids/5": {"schema": "<xs/>", "schemaType": "XML"},
    "r/apis/ccompat/v7/schemas/guids/abc": {"schema": RECORD, "schemaType": "AVRO"},
    "r/apis/registry/v3/ids/globalIds/6": RECORD,
    "r/apis/registry/v2/ids/contentIds/7": '{"type": "object", "properties": {}}',
    "r/apis/registry/v2/ids/contentIds/8": 'syntax = "proto3";',
}


class Canned:
    """A client that answers from the table."""

    url = "r/apis/ccompat/v7"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def json(self, url):
        self.asked.append(url)
        return TABLE.get(url)

    text = json


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (("schema", "1"), RegisteredSchema("avro", RECORD)),
        (("schema", "2"), RegisteredSchema("json", '{"type": "object"}')),
        (("schema", "3"), PROTO),
        (("schema", "4"), RegisteredSchema("avro", RECORD, has_references=True)),
        (("schema", "5"), None),
        (("schema", "99"), None),
        (("guid", "abc"), RegisteredSchema("avro", RECORD)),
        (("global", "6"), RegisteredSchema("avro", RECORD)),
        (("content", "7"), RegisteredSchema("json", '{"type": "object", "properties": {}}')),
        (("content", "8"), RegisteredSchema("protobuf", 'syntax = "proto3";')),
    ],
)
def test_a_reference_is_asked_where_its_kind_is_known(reference, found):
    assert ForeignRegistry(Canned())(SchemaReference(*reference)) == found


def test_what_is_not_there_is_not_asked_for_again_at_once():
    client = Canned()
    registry = ForeignRegistry(client)
    assert [registry(SchemaReference("schema", "99")) for _ in range(3)] == [None] * 3
    assert len(client.asked) == 1
