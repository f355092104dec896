"""The short way of plain records gives what the long way gives, byte for byte, and refuses nothing by itself."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftloop.processor import Effects
from driftloop.spec.model_source import ModelSource
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.translate.debezium import UNAVAILABLE
from outcome_ingestion.core.translate.plain_rows import plain_rows
from outcome_ingestion.core.translate.translating import Translate

PATHS = {
    "prediction_id": "id", "model_version": "meta.version", "predicted_at": "at", "features": "x", "prediction": "said",
    "confidence": "sure", "label": "truth", "labelled_at": "known", "weight": "w", "latency_ms": "a.b.ms",
    "rating": "stars", "segment": {"site": "site"}, "attributes": {"team": "meta.team"},
}  # fmt: skip
FEW = {"prediction_id": "id", "features": {"a": "x.a", "b": "x.b"}, "prediction": {"y": "said", "z": "sure"}}


def source(**changes: Any) -> ModelSource:
    return ModelSource.model_validate({"name": "log", "model_id": "m", "topics": ["t"], "paths": PATHS, **changes})


SOURCES = (
    source(),
    source(paths=FEW, version="1.0.0", times_without_zone="utc"),
    source(versions={"v1": "2.0.0"}, time_unit="ns"),
    source(gives="labels", paths={"prediction_id": "id", "label": "truth", "labelled_at": "known", "weight": "w"}),
    source(gives="labels", paths={"prediction_id": "id", "label": {"y": "truth"}}, time_unit="s"),
    source(gives="labels", paths={"prediction_id": "id", "label": "truth", "rating": "stars"}, rating_range=[1, 5]),
    source(rating_range=[5, 1]),
)
CORES = [(Translate(one), Translate(one)) for one in SOURCES]
for _, long in CORES:
    long._translator.short = None
VALUE = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6) | st.sampled_from([UNAVAILABLE, "", "yes", 1, 0, 0.5])
)  # fmt: skip
TIME = st.sampled_from([
    "2026-03-02T08:15:00Z", "2026-03-02T08:15:00.120+02:00", "2026-03-02 08:15:00", "2026-03-02", "soon", 1780300800123,
    1780300800, -5, 1.5e12, None, True, 10**30,
])  # fmt: skip
INNER = st.dictionaries(
    st.sampled_from(["a", "b", "c", "", "n" * 201]), VALUE | st.lists(VALUE, max_size=2), max_size=4
)
VERSION = st.sampled_from(["1.0.0", "v1", "", "a b", 3, None, [1], {"a": 1}])
SEVERAL = st.dictionaries(st.text(max_size=2), VALUE, max_size=2)
DOCUMENT = st.fixed_dictionaries(
    {"id": st.sampled_from(["p-1", "p" * 200, "p" * 201, "", 7, None, UNAVAILABLE]) | st.text(max_size=5)},
    optional={
        "meta": st.fixed_dictionaries({}, optional={"version": VERSION, "team": VALUE}) | VALUE,
        "at": TIME, "known": TIME, "x": INNER | VALUE, "said": VALUE | SEVERAL,
        "sure": st.sampled_from([0, 1, 0.5, 1.5, -0.1, None, "x"]), "truth": VALUE, "w": VALUE,
        "stars": st.sampled_from([0, 1, 0.5, 3, 5, 5.5, "4", "x", "nan", "1e999", True, UNAVAILABLE, [1]]) | VALUE,
        "a": st.fixed_dictionaries({"b": st.fixed_dictionaries({"ms": VALUE})}) | VALUE, "site": VALUE,
    },
)  # fmt: skip
PLAIN = {
    "id": "p-1", "meta": {"version": "1.0.0"}, "at": "2026-03-02T08:15:00.120+02:00", "said": 1, "sure": 1,
    "x": {"a": 12.5, "b": 5, "c": "x", "d": 1e-7, "e": None}, "site": "north", "a": {"b": {"ms": 3}}, "truth": "yes",
}  # fmt: skip


def both(number: int, record: FakeRecord) -> tuple[Effects, Effects]:
    short, long = CORES[number]
    return short.process([record], START), long.process([record], START)


def as_told(effects: Effects) -> Any:
    return (
        effects.outgoing,
        [(one.stage, one.error_class, one.message) for one in effects.dead_letters],
        effects.ignored,
    )


@pytest.mark.parametrize("number", range(len(SOURCES)))
@given(document=DOCUMENT)
@example(document=PLAIN)
@example(document={**PLAIN, "x": {"a": 1e22}, "said": -1e300})
@settings(max_examples=150, deadline=None)
def test_both_ways_say_the_same(number: int, document: Any) -> None:
    record = FakeRecord("t", key=b"k", value=json.dumps(document).encode(), at_ms=1_780_300_800_123)
    short, long = both(number, record)
    assert as_told(short) == as_told(long)


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[1]", b'{"id": NaN}', b"\xef\xbb\xbf" + json.dumps(PLAIN).encode(), None, b'{"id": 1e999}', "{}",
     b"\x00\x00\x00\x00\x07{}", b'{"id": "\xff"}'],
)  # fmt: skip
def test_what_is_no_plain_json_goes_the_long_way(value: Any) -> None:
    short, long = both(0, FakeRecord("t", key=b"k", value=value))
    assert as_told(short) == as_told(long)


def test_a_framed_record_goes_the_long_way_whatever_its_value_is() -> None:
    headers = (("apicurio.value.globalId", bytes(8)),)
    short, long = both(0, FakeRecord("t", key=b"k", value=json.dumps(PLAIN).encode(), headers=headers))
    assert as_told(short) == as_told(long)
    assert short.dead_letters
    ours = (("traceparent", b"00-1"),)
    short, long = both(0, FakeRecord("t", key=b"k", value=json.dumps(PLAIN).encode(), headers=ours))
    assert as_told(short) == as_told(long)
    assert short.outgoing


def test_a_plain_record_takes_the_short_way() -> None:
    way = plain_rows(SOURCES[0])
    assert way is not None
    assert way.message(FakeRecord("t", key=b"k", value=json.dumps(PLAIN).encode())) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"paths": {**PATHS, "rows": "items"}},
        {"paths": {**PATHS, "prediction": "said[0]"}},
        {"paths": {**PATHS, "prediction_id": "_kafka.key"}},
        {"ids": "position"},
        {"encoding": "avro"},
        {"envelope": "debezium"},
    ],
    ids=["rows", "expression", "kafka", "position", "avro", "debezium"],
)
def test_a_source_that_asks_for_more_has_no_short_way(changes: dict[str, Any]) -> None:
    assert plain_rows(source(**changes)) is None
