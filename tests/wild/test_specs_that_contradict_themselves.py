"""Specs of which one part makes another impossible: refused when applied, kept out where a reader meets one."""

import json

import pytest
from tests.wild.ingest_bench import CHURN, ENCODINGS, bench, row

from driftloop.contracts.topics import MODEL_SPECS
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord

NUMBER = {"task": "regression", "target": {"y": {"kind": "number", "tolerance": 1.0, "quantile": 0.9}}}
CONTRADICTIONS = {
    "labels expected after they are given up": ({"label_delay": {"expected_seconds": 2_592_000}}, "give_up_seconds"),
    "more rows needed than a run gets": (
        {"training": {"minimum_rows": 500, "maximum_rows": 100}},
        "none would ever start",
    ),
    "two rules for one loss": (NUMBER, "give one of them"),
    "a tolerance of a class": ({"target": {"y": {"kind": "category", "tolerance": 0.5}}}, "right or wrong"),
    "a segment named twice": ({"segments": ["a", "a"]}, "named twice"),
}


@pytest.mark.wild(
    area="spec",
    given="a spec that contradicts itself",
    right="refused with the reason; a reader keeps it out and counts it",
)
@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_spec_that_contradicts_itself_is_refused_with_the_reason(name):
    change, words = CONTRADICTIONS[name]
    with pytest.raises(ValueError, match=words):
        ModelSpec.model_validate(CHURN | change)
    out = bench()
    published = {"message_id": "6d1f2a52-6f0e-5c0b-9b1e-0d4a4c9f7a11", "model_id": "churn", "spec_version": 2}
    published |= {"occurred_at": "2026-01-05T00:00:00Z", "spec": CHURN | change}
    out.core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key="churn", value=json.dumps(published).encode())])
    assert words in out.core.refused_specs["churn"]
    assert not out.feed(ENCODINGS["json"]([row(1, prediction=1)])).dead, "held to the last usable spec"


def test_what_is_unusual_and_possible_is_taken():
    ModelSpec.model_validate(CHURN | {"label_delay": {"expected_seconds": 600, "give_up_seconds": 600}})
    ModelSpec.model_validate(CHURN | {"training": {"minimum_rows": 100, "maximum_rows": 100}})
