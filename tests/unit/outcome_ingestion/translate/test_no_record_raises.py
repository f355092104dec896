"""Whatever a record holds, the core gives messages and letters; it never raises."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.foreign.bytes_of import kserve_headers
from tests.foreign.cases import CASES, TOPIC, Case
from tests.foreign.running import source_of

from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.translate.pairing import Pair
from outcome_ingestion.core.translate.translating import Translate

CORES = [Translate(source_of(case), None if case.registry is None else case.registry.get) for case in CASES]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "at",
                    "version",
                    "features",
                    "score",
                    "schema",
                    "payload",
                    "after",
                    "op",
                    "source",
                    "ts_ms",
                    "data",
                    "instances",
                    "predictions",
                    "inputs",
                    "outputs",
                    "name",
                    "shape",
                    "req",
                    "res",
                    "items",
                    "type",
                    "fields",
                    "field",
                    "columns",
                    "dataframe_split",
                    "specversion",
                    "data_base64",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
HEADERS = st.sampled_from(
    [(), kserve_headers("request"), kserve_headers("response"), (("__value_schema_id", b"\x01"),),
     (("apicurio.value.globalId", bytes(8)),), (("ce_id", b""),), (("content-type", b"\xff"),)]
)  # fmt: skip


def held(case: Case, record: FakeRecord) -> None:
    core = CORES[CASES.index(case)]
    effects = core.process([record], START)
    assert len(effects.dead_letters) <= 1
    Pair().process([FakeRecord(m.topic, key=m.key, value=m.value) for m in effects.outgoing], START)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CASES), st.binary(max_size=60), HEADERS)
def test_no_bytes_raise(case, value, headers):
    held(case, FakeRecord(TOPIC, value=value, headers=headers))
    held(case, FakeRecord(TOPIC, value=b"\0\0\0\0\x07" + value, headers=headers))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), JSON, HEADERS)
def test_no_json_raises(case, content, headers):
    held(case, FakeRecord(TOPIC, value=json.dumps(content), headers=headers))


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(CASES))
def test_no_damage_to_a_good_record_raises(data, case):
    if not case.good:
        return
    good = data.draw(st.sampled_from(case.good))
    value = bytearray(good.value() or b"")
    if value:
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    held(case, FakeRecord(TOPIC, value=bytes(value), headers=good.headers_, key=good.key_))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | JSON.map(lambda content: json.dumps(content).encode()))
def test_no_half_raises(value):
    Pair().process([FakeRecord("prediction-halves", value=value)], START)


@pytest.mark.parametrize("depth", [500, 5_000, 100_000])
def test_a_document_without_bottom_is_buried(depth):
    for case, core in zip(CASES, CORES, strict=True):
        effects = core.process([FakeRecord(TOPIC, value=b"[" * depth + b"]" * depth)], START)
        assert len(effects.dead_letters) == 1, case.name
