"""Bytes that were damaged on the way, or never were a message: a row, or a dead letter, nothing else."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, COLUMNS, JSON

DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)
KINDS = st.sampled_from([JSON, COLUMNS, ARROW])


def sound(kind):
    row = {"prediction_id": "p0", "model_id": "plant", "model_version": "1.0.0", "predicted_at": "2026-01-05T08:00:00Z"}
    if kind == JSON:
        return json.dumps(row | {"features": {"speed": 1.0}, "prediction": 1.0, "label": 2.0}).encode()
    lists = {name: [value] * 2 for name, value in row.items() if name != "model_id"} | {"prediction_id": ["p0", "p1"]}
    if kind == COLUMNS:
        whole = lists | {"model_id": "plant", "features": {"speed": [1.0, 2.0]}, "prediction": [1.0, 2.0]}
        return json.dumps(whole).encode()
    columns = {name: pa.array(values) for name, values in lists.items()}
    columns["predicted_at"] = columns["predicted_at"].cast(pa.timestamp("us", tz="UTC"))
    columns |= {"feature.speed": pa.array([1.0, 2.0]), "prediction.d50": pa.array([1.0, 2.0])}
    schema = pa.schema([(name, column.type) for name, column in columns.items()], metadata={"model_id": "plant"})
    return encode_batch(pa.record_batch(list(columns.values()), schema=schema))


SOUND = {kind: sound(kind) for kind in (JSON, COLUMNS, ARROW)}


@given(KINDS, DAMAGE, st.floats(0, 1))
def test_damaged_messages_are_rows_or_dead_letters(fresh_bench, kind, damage, kept):
    value = bytearray(SOUND[kind])
    for where, byte in damage:
        value[int(where * len(value))] = byte
    if kept < 0.3:
        del value[int(kept * 3 * len(value)) :]
    bench, make = fresh_bench()
    record = make.raw(bytes(value), "p0", kind=kind)
    bench.feed([record, make.raw(SOUND[JSON].replace(b'"p0"', b'"p9"'), "p9")])
    assert [d.record for d in bench.dead] in ([], [record])
    assert bench.dead or any(p in ("p0", "p1") for p, _ in bench.events()) or bench.ignored
    assert "p9" in {p for p, _ in bench.events()}


@given(KINDS, st.binary(max_size=200))
def test_any_bytes_are_rows_or_dead_letters(fresh_bench, kind, value):
    bench, make = fresh_bench()
    bench.feed([make.raw(value, "p0", kind=kind), make.raw(value, "p0", topic="prediction-labels")])
    assert len(bench.dead) == 2
