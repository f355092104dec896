"""Records in Confluent's framing: read with the schema that a registry gives for their id."""

import io
import json

import fastavro
import pytest

from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES, schemas_root
from outcome_ingestion.core.ingest import Ingest

CONFLUENT = "application/vnd.confluent.avro"
OURS, OLDER, NEWER, FOREIGN, LABELS = 7, 6, 8, 9, 17
MICROSECONDS = 1_767_600_000_000_000


def schema_of(topic):
    return json.loads((schemas_root() / f"{topic}.v1.avsc").read_text())


def older():
    """What a version before ours could have been: fields that have a default were not there."""
    schema = schema_of(PREDICTION_OUTCOMES)
    return schema | {"fields": [field for field in schema["fields"] if field["name"] not in ("cost", "tokens")]}


def newer():
    schema = schema_of(PREDICTION_OUTCOMES)
    added = [{"name": "region", "type": ["null", "string"], "default": None}]
    return schema | {"name": "OutcomeOfTheFuture", "fields": [*added, *schema["fields"]]}


SCHEMAS = {
    OURS: schema_of(PREDICTION_OUTCOMES),
    OLDER: older(),
    NEWER: newer(),
    FOREIGN: {"type": "record", "name": "Click", "fields": [{"name": "page", "type": "string"}]},
    LABELS: schema_of(PREDICTION_LABELS),
}


def framed(schema_id, number, **changes):
    schema = SCHEMAS[schema_id]
    row = {
        "prediction_id": f"p{number}", "model_id": "plant", "model_version": "1.0.0", "predicted_at": MICROSECONDS,
        "features": {"speed": 10.0, "rate": 200.0}, "prediction": 1.5, "label_source": "system",
        "segment": {}, "shadow": {}, "attributes": {}, "region": "south", "cost": 2.5,
    }  # fmt: skip
    datum = {field["name"]: (row | changes).get(field["name"]) for field in schema["fields"]}
    out = io.BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), datum)
    return out.getvalue()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def bench(bench, spec, asked):
    def find(schema_id):
        asked.append(schema_id)
        return SCHEMAS.get(schema_id)

    core = Ingest(bench.core.rules, find)
    core._readers = bench.core._readers
    bench.core = core
    return bench


@pytest.mark.parametrize("kind", [CONFLUENT, None])
def test_older_and_newer_producers_run_beside_ours_and_an_id_is_asked_for_once(bench, make, row, asked, kind):
    ids = [OURS, OLDER, NEWER] * 4
    records = [make.raw(framed(schema_id, n), f"p{n}", kind=kind) for n, schema_id in enumerate(ids)]
    bench.feed([make.outcome(row(100)), *records, make.outcome(row(101))])
    assert not bench.dead
    assert {row["prediction_id"]: row["cost"] for row in bench.rows()} == {
        **{f"p{n}": None if schema_id == OLDER else 2.5 for n, schema_id in enumerate(ids)},
        "p100": None,
        "p101": None,
    }
    assert sorted(asked) == [OLDER, OURS, NEWER]


def test_labels_are_framed_too(bench, make, row):
    bench.feed([make.outcome(row(1))])
    label = framed(LABELS, 1, label=7.0, labelled_at=MICROSECONDS + 3_600_000_000)
    bench.feed([make.raw(label, "p1", topic=PREDICTION_LABELS)])
    assert bench.events() == [("p1", "prediction"), ("p1", "label")]


def test_what_cannot_be_read_is_buried_with_its_reason(bench, make, asked):
    whole = framed(OURS, 1)
    bench.feed([
        make.raw(b"\0\0\0\0\x63" + whole[5:], "p1"),
        make.raw(b"\0\0\0\0\x09\x02a", "p1", kind=CONFLUENT),
        make.raw(b"\0\0\0\0\x09\x02a", "p1", kind=CONFLUENT),
        make.raw(whole[:-3], "p1"),
        make.raw(whole + b"x", "p1"),
        make.raw(b"\0\0", "p1"),
        make.raw(b"{}", "p1", kind=CONFLUENT),
        make.raw(None, "p1", kind=CONFLUENT),
        make.raw(framed(OURS, 1), "p2"),
    ])  # fmt: skip
    assert [letter.error_class for letter in bench.dead] == [
        "UnknownSchema", "WrongSchema", "WrongSchema", "Undecodable", "Undecodable", "Undecodable", "Undecodable",
        "NullValue", "WrongKey",
    ]  # fmt: skip
    assert asked.count(FOREIGN) == 1
    assert "id 99" in bench.dead[0].message


def test_without_a_registry_a_framed_record_says_so(make, row, fresh_bench):
    bench, _ = fresh_bench()
    bench.feed([make.raw(framed(OURS, 1), "p1", kind=CONFLUENT)])
    assert [letter.error_class for letter in bench.dead] == ["NoRegistry"]


def test_without_a_registry_a_framed_record_that_says_nothing_of_its_type_names_the_setting(make, row, fresh_bench):
    bench, _ = fresh_bench()
    label = framed(LABELS, 1, label=7.0, labelled_at=MICROSECONDS)
    bench.feed([make.raw(framed(OURS, 1), "p1"), make.raw(label, "p1", topic=PREDICTION_LABELS)])
    assert [letter.error_class for letter in bench.dead] == ["NoRegistry", "NoRegistry"]
    assert "DRIFTLOOP_OUTCOME_INGESTION_SCHEMA_REGISTRY_URL" in bench.dead[0].message
