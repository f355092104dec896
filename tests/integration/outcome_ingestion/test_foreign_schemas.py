"""Schemas of others in a real registry (Apicurio): by Confluent's ids, and by Apicurio's own."""

import json
import urllib.request

import pytest
from tests.foreign.bytes_of import AVRO_SCHEMA, PATHS, avro, confluent, descriptor_set, protobuf
from tests.foreign.cases import IN_AVRO, IN_PROTO, rec

from driftloop.spec.model_source import ModelSource
from driftloop.testing.clock import START
from outcome_ingestion.adapters.foreign_registry import ForeignRegistry
from outcome_ingestion.adapters.registry_client import RegistryAddress, RegistryClient
from outcome_ingestion.core.translate.translating import Translate

pytestmark = pytest.mark.slow


def post(url: str, body: object) -> dict:
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.fixture
def translated(schema_registry):
    """Translates a value with the real registry; its fields, or the reason."""

    def run(value, headers=(), **source):
        declared = ModelSource.model_validate(
            {"name": "s", "model_id": "fraud", "topics": ["t"], "paths": PATHS, **source}
        )
        core = Translate(declared, ForeignRegistry(RegistryClient(RegistryAddress(schema_registry))))
        effects = core.process([rec(value, headers)], START)
        if effects.dead_letters:
            return effects.dead_letters[0].message
        return json.loads(effects.outgoing[0].value)

    return run


def holds(found, told):
    assert not isinstance(found, str), found
    assert {name: found.get(name) for name in told} == told


def test_avro_by_each_id(schema_registry, translated):
    schema_id = post(f"{schema_registry}/subjects/scored-value/versions", {"schema": json.dumps(AVRO_SCHEMA)})["id"]
    holds(translated(confluent(schema_id, avro())), IN_AVRO)
    root = schema_registry.partition("/apis/")[0]
    own = get(f"{root}/apis/registry/v2/groups/default/artifacts/scored-value/meta")
    for kind in ("globalId", "contentId"):
        holds(translated(avro(), ((f"apicurio.value.{kind}", own[kind].to_bytes(8, "big")),)), IN_AVRO)
    holds(translated(confluent(own["contentId"], avro()), registry_ids="content"), IN_AVRO)
    assert "nothing for the schema id 999" in translated(confluent(999, avro()))


def test_protobuf_that_the_registry_gives_as_text_asks_for_a_descriptor(schema_registry, translated):
    text = (
        'syntax = "proto3"; package bank; message Features { double amount = 1; int64 logins = 2; } message Unused {} '
        "message Scored { string id = 1; string version = 3; Features features = 4; float score = 5; }"
    )
    schema_id = post(f"{schema_registry}/subjects/proto-value/versions", {"schema": text, "schemaType": "PROTOBUF"})[
        "id"
    ]
    value = confluent(schema_id, b"\x02\x04" + protobuf())
    found = translated(value)
    if isinstance(found, str):
        assert "give the source `descriptor` and `message`" in found
    holds(translated(value, descriptor=descriptor_set(), message="bank.Scored"), IN_PROTO)
