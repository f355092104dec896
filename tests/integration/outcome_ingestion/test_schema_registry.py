"""Framed Avro with a real registry (Apicurio): the version before ours, ours, and the one after, side by side."""

import io
import json
import urllib.request
from datetime import UTC, datetime

import fastavro
import pytest
from tests.rubbish import good

from driftloop.codec.frames import decode_frame
from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_OUTCOMES, schemas_root
from driftloop.testing.records import FakeRecord
from outcome_ingestion.adapters.schema_registry import SchemaRegistry
from outcome_ingestion.core.ingest import Ingest

pytestmark = pytest.mark.slow

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
OURS = json.loads((schemas_root() / f"{PREDICTION_OUTCOMES}.v1.avsc").read_text())
BEFORE = OURS | {"fields": [field for field in OURS["fields"] if field["name"] not in ("cost", "tokens", "shadow")]}
AFTER = OURS | {"fields": [*OURS["fields"], {"name": "region", "type": ["null", "string"], "default": None}]}


@pytest.fixture
def register(schema_registry):
    """Registers a schema under a subject; its id."""

    def post(schema, subject=f"{PREDICTION_OUTCOMES}-value"):
        body = json.dumps({"schema": json.dumps(schema)}).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = urllib.request.Request(f"{schema_registry}/subjects/{subject}/versions", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["id"]

    return post


def framed(schema, schema_id, number):
    row = {
        "prediction_id": f"p{number}", "model_id": "plant", "model_version": "1.0.0", "predicted_at": AT,
        "features": {"speed": 1.0, "rate": 2.0, "town": "Ulm"}, "prediction": 1.5, "label_source": "system",
        "segment": {}, "shadow": {}, "attributes": {}, "cost": 2.5, "region": "south",
    }  # fmt: skip
    out = io.BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
    out.seek(5)
    fastavro.schemaless_writer(
        out, fastavro.parse_schema(schema), {f["name"]: row.get(f["name"]) for f in schema["fields"]}
    )
    return FakeRecord(PREDICTION_OUTCOMES, key=f"p{number}", value=out.getvalue(), at_ms=int(AT.timestamp() * 1000))


def test_producers_of_three_versions_run_side_by_side(schema_registry, register):
    ids = [register(schema) for schema in (BEFORE, OURS, AFTER)]
    assert len(set(ids)) == 3
    core = Ingest(find_schema=SchemaRegistry(schema_registry))
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=good.MODEL, value=good.spec().value)])
    records = [
        framed(schema, ids[n], 3 * again + n) for again in range(50) for n, schema in enumerate((BEFORE, OURS, AFTER))
    ]
    effects = core.process(records, AT, tables_current=True)
    assert not effects.dead_letters
    rows = [row for out in effects.outgoing for row in decode_frame(out.value, out.headers).batch.to_pylist()]
    assert [row["prediction_id"] for row in rows] == [f"p{n}" for n in range(150)]
    assert [row["cost"] for row in rows] == [None, 2.5, 2.5] * 50


def test_an_id_that_the_registry_does_not_know_and_the_schema_of_something_else_are_buried(schema_registry, register):
    clicks = {"type": "record", "name": "Click", "fields": [{"name": "page", "type": "string"}]}
    other = register(clicks, "clicks-value")
    core = Ingest(find_schema=SchemaRegistry(schema_registry))
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=good.MODEL, value=good.spec().value)])
    effects = core.process([framed(OURS, 4_000_000, 1), framed(OURS, other, 2)], AT, tables_current=True)
    assert [letter.error_class for letter in effects.dead_letters] == ["UnknownSchema", "WrongSchema"]
