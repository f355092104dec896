"""Avro messages are read by the fingerprint of whatever version wrote them."""

import contextlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.codec.avro import MARKER, AvroTopic, schema_fingerprint
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.topics import PREDICTION_LABELS, schemas_root

AT = datetime(2026, 3, 9, 8, 15, tzinfo=UTC)
LABEL = PredictionLabel(prediction_id="p-1", model_id="churn", label={"d50": 1.5, "grade": "A"}, labelled_at=AT)


def test_the_fingerprint_is_that_of_the_avro_specification():
    assert schema_fingerprint({"type": "int"})[::-1].hex() == "7275d51a3f395c8f"


def test_a_message_comes_back_as_it_was_written():
    codec = AvroTopic(PREDICTION_LABELS, aware_moments=True)
    assert PredictionLabel.model_validate(codec.decode(codec.encode(LABEL))) == LABEL


def test_moments_come_out_as_microseconds_where_columns_are_made_of_them():
    codec = AvroTopic(PREDICTION_LABELS)
    assert codec.decode(codec.encode(LABEL))["labelled_at"] == 1_773_044_100_000_000


@pytest.mark.parametrize("label", [True, 7, 7.5, "seven", {"a": False, "b": 1, "c": 0.5, "d": "x"}])
def test_a_label_keeps_its_kind(label: object):
    codec = AvroTopic(PREDICTION_LABELS, aware_moments=True)
    message = LABEL.model_copy(update={"label": label})
    read = codec.decode(codec.encode(message))["label"]
    assert (read, type(read)) == (label, type(label))


def test_a_value_of_another_encoding_is_refused():
    with pytest.raises(ValueError, match="single-object"):
        AvroTopic(PREDICTION_LABELS).decode(b'{"prediction_id": "p-1"}')


def test_a_fingerprint_that_nobody_knows_is_named():
    with pytest.raises(ValueError, match="fingerprint 0102030405060708"):
        AvroTopic(PREDICTION_LABELS).decode(MARKER + bytes(range(1, 9)))


def test_bytes_behind_the_datum_are_refused():
    codec = AvroTopic(PREDICTION_LABELS)
    with pytest.raises(ValueError, match="2 bytes follow"):
        codec.decode(codec.encode(LABEL) + b"\0\0")


@given(st.binary(max_size=200), st.integers(0, 60))
def test_damage_anywhere_is_a_value_error_or_another_message_and_nothing_else(noise: bytes, kept: int):
    codec = AvroTopic(PREDICTION_LABELS)
    with contextlib.suppress(ValueError):
        assert isinstance(codec.decode(codec.encode(LABEL)[: 10 + kept] + noise), dict)


def test_every_older_version_is_read_and_resolved_to_the_newest(tmp_path: Path):
    old = json.loads((schemas_root() / f"{PREDICTION_LABELS}.v1.avsc").read_text())
    shutil.copy(schemas_root() / f"{PREDICTION_LABELS}.v1.avsc", tmp_path)
    written = AvroTopic(PREDICTION_LABELS, tmp_path).encode(LABEL)
    old["fields"].append({"name": "annotator", "type": "string", "default": "nobody"})
    (tmp_path / f"{PREDICTION_LABELS}.v2.avsc").write_text(json.dumps(old))
    assert AvroTopic(PREDICTION_LABELS, tmp_path).decode(written)["annotator"] == "nobody"


def test_a_version_of_the_future_is_read_with_the_schema_that_a_registry_gives(tmp_path: Path):
    future = json.loads((schemas_root() / f"{PREDICTION_LABELS}.v1.avsc").read_text())
    future["fields"].insert(0, {"name": "annotator", "type": "string", "default": "nobody"})
    (tmp_path / f"{PREDICTION_LABELS}.v1.avsc").write_text(json.dumps(future))
    datum = AvroTopic(PREDICTION_LABELS, tmp_path).encode(LABEL)[10:]
    ours = AvroTopic(PREDICTION_LABELS)
    read = ours.decode_as(b"\0\0\0\0\x07" + datum, 5, ours.understand(future))
    assert read["prediction_id"] == "p-1"
    assert "annotator" not in read


def test_a_schema_that_does_not_resolve_to_ours_is_a_value_error():
    foreign = {"type": "record", "name": "Other", "fields": [{"name": "prediction_id", "type": "string"}]}
    with pytest.raises(ValueError, match="model_id is new and has no default"):
        AvroTopic(PREDICTION_LABELS).understand(foreign)


@pytest.mark.parametrize(
    "schema", [{}, {"type": "record"}, {"type": "record", "name": "x", "fields": [{}]}, {"type": 7}]
)
def test_a_schema_that_is_none_is_a_value_error(schema: dict[str, object]):
    with pytest.raises(ValueError, match="the registry's schema"):
        AvroTopic(PREDICTION_LABELS).understand(schema)


def test_a_schema_whose_times_mean_something_else_is_refused():
    text = (schemas_root() / f"{PREDICTION_LABELS}.v1.avsc").read_text()
    with pytest.raises(ValueError, match="it means timestamp-micros now, it meant timestamp-millis"):
        AvroTopic(PREDICTION_LABELS).understand(json.loads(text.replace("timestamp-micros", "timestamp-millis")))


def test_a_topic_without_a_schema_is_unknown():
    with pytest.raises(LookupError, match="rumours"):
        AvroTopic("rumours")
