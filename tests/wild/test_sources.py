"""One producer or one model in trouble: it is buried and shown, and everybody else goes on."""

import json
from collections import Counter

import pytest

from driftloop.codec.frames import decode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import DEAD_LETTERS, MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_OUTCOMES
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.clock import START
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

GOOD = 50


def spec_of(model: str) -> bytes:
    declared = {"model_id": model, "task": "binary", "features": {"x": {}}, "target": {"clicked": {"kind": "category"}}}
    return ModelSpecPublished(
        message_id=derive_id("spec", model),
        model_id=model,
        occurred_at=START,
        spec_version=1,
        spec=ModelSpec.model_validate(declared),
    ).to_json()


def row(model: str, number: int, x: object) -> tuple[str, bytes]:
    name = f"{model}-{number}"
    fields = {"prediction_id": name, "model_id": model, "model_version": "1.0.0", "predicted_at": START.isoformat()}
    return name, json.dumps({**fields, "features": {"x": x}, "prediction": 1}).encode()


TROUBLE = [
    pytest.param(
        [row("flags", number, number % 2 == 0) for number in range(600)],
        "flags",
        id="booleans",
        marks=pytest.mark.wild(
            area="sources",
            given="600 records of one producer with true and false for a number",
            right="they are buried, the source is shown as refused, other models go on",
        ),
    ),
    pytest.param(
        [row("nobody", number, 1.0) for number in range(600)],
        "nobody",
        id="undeclared",
        marks=pytest.mark.wild(
            area="sources",
            given="600 records of a model that nobody declared",
            right="they are buried, the source is shown as refused, other models go on",
        ),
    ),
    pytest.param(
        [("somebody else", row("flags", number, 1.0)[1]) for number in range(6_000)],
        "flags",
        id="wrong keys",
        marks=pytest.mark.wild(
            area="sources",
            given="6,000 records whose key is not their prediction_id",
            right="they are buried, the source is shown as refused, other models go on",
        ),
    ),
    pytest.param(
        [(f"k{number}", b"\x00\x01 no message of anybody") for number in range(2_500)],
        "",
        id="noise",
        marks=pytest.mark.wild(
            area="sources",
            given="2,500 records of bytes that are no message",
            right="they are buried, records without a readable model are shown as refused, models go on",
        ),
    ),
]


@pytest.mark.parametrize("batch_size", [200, 5_000])
@pytest.mark.parametrize(("bad", "model"), TROUBLE)
def test_others_go_on_and_the_letters_are_kept(bad, model, batch_size):
    log = MemoryLog()
    for name in ("flags", "churn"):
        log.append(MODEL_SPECS, key=name, value=spec_of(name))
    good = [row("churn", number, 1.0) for number in range(GOOD)]
    for key, value in [*good[: GOOD // 2], *bad, *good[GOOD // 2 :]]:
        log.append(PREDICTION_OUTCOMES, key=key, value=value)
    loop = MemoryLoop(Ingest(), INGEST, log, batch_size=batch_size)
    loop.settle()
    frames = [decode_frame(record.value(), record.headers()) for record in log.records(OUTCOME_FRAMES)]
    assert Counter(f.header.model_id for f in frames for _ in range(f.batch.num_rows)) == {"churn": GOOD}
    assert [letter.value() for letter in log.records(DEAD_LETTERS)] == [value for _, value in bad]
    (refused,) = loop._breaker.refused
    assert refused.model == model
    labels = {"service": "outcome_ingestion", "source": str(refused)}
    assert loop.metrics.registry.get_sample_value("driftloop_refused_sources", labels) == 1


def test_a_producer_that_is_mended_is_taken_again_by_itself():
    log = MemoryLog()
    log.append(MODEL_SPECS, key="flags", value=spec_of("flags"))
    loop = MemoryLoop(Ingest(), INGEST, log, batch_size=100)
    for number in range(600):
        key, value = row("flags", number, x=True)
        log.append(PREDICTION_OUTCOMES, key=key, value=value)
    loop.settle()
    assert len(loop._breaker.refused) == 1
    for number in range(600, 1_300):
        key, value = row("flags", number, x=1.0)
        log.append(PREDICTION_OUTCOMES, key=key, value=value)
    loop.settle()
    assert loop._breaker.refused == []
