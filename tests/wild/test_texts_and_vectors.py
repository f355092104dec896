"""Texts and vectors on their way in: every encoding, and what is no vector."""

import json

import pyarrow as pa
import pytest
from tests.wild.ingest_bench import CHURN, arrow_rows, avro_rows, bench, column_rows, json_rows, row

from driftloop.spec.vectors import vector_text

SPEC = CHURN | {"features": {"x": {}, "body": {"kind": "text"}, "v": {"kind": "vector", "width": 3}}}
VECTOR, TEXT = [0.5, -1.25, 3.0], 'Grüße, 東京 & "quotes" 😀\n' * 50
LISTS = {"json": json_rows, "columns": column_rows, "arrow": arrow_rows}
TEXTS = LISTS | {"avro": avro_rows}


def made(number: int, vector: object) -> dict:
    return row(number, features={"x": 1.0, "body": TEXT, "v": vector}, prediction="yes")


@pytest.mark.wild(
    area="ingestion",
    given="a text of a thousand characters in several scripts, and a vector as a list of numbers",
    right="the text comes through unchanged; the vector is its numbers in single precision",
)
@pytest.mark.parametrize("encoding", sorted(LISTS))
def test_a_vector_comes_as_a_list(encoding):
    out = bench(SPEC).feed(LISTS[encoding]([made(n, VECTOR) for n in range(3)]))
    assert not out.dead
    assert [one["feature.v"] for one in out.rows()] == [vector_text(VECTOR)] * 3
    assert {one["feature.body"] for one in out.rows()} == {TEXT}


@pytest.mark.parametrize("encoding", sorted(TEXTS))
def test_a_vector_comes_as_the_text_of_one(encoding):
    out = bench(SPEC).feed(TEXTS[encoding]([made(n, vector_text(VECTOR)) for n in range(3)]))
    assert not out.dead
    assert [one["feature.v"] for one in out.rows()] == [vector_text(VECTOR)] * 3


@pytest.mark.wild(
    area="ingestion",
    given="a vector of another width, of a text that is none, or with a number beyond single precision",
    right="a dead letter that says so; the other rows go on",
)
@pytest.mark.parametrize("wrong", [[1.0, 2.0], "no vector", [1.0, 1e300, 0.0]], ids=["width", "text", "size"])
def test_what_is_no_vector_is_refused_alone(wrong):
    out = bench(SPEC).feed(json_rows([made(0, VECTOR), made(1, wrong), made(2, None)]))
    assert len(out.dead) == 1
    assert [one["feature.v"] for one in out.rows()] == [vector_text(VECTOR), None]


def test_an_unknown_feature_beside_a_vector_is_no_reason_to_refuse():
    one = made(0, VECTOR)
    one["features"]["else"] = 3
    out = bench(SPEC).feed(json_rows([one]))
    assert (len(out.rows()), len(out.dead)) == (1, 0)


def test_a_list_for_a_number_is_still_refused():
    out = bench(CHURN).feed(json_rows([row(0, features={"x": [1.0]}, prediction="yes")]))
    assert (len(out.rows()), len(out.dead)) == (0, 1)


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 3), pa.large_list(pa.float64())])
def test_any_list_type_of_arrow_is_a_vector(kind):
    from outcome_ingestion.core.decode.lists.vectors import as_lists, vector_column

    refused: dict = {}
    found = vector_column(as_lists(pa.array([VECTOR, None], kind)), 3, "v", refused)
    assert found.to_pylist() == [vector_text(VECTOR), None]
    assert as_lists(pa.array([["a"]])) is None
    assert json.dumps(sorted(refused)) == "[]"
