"""Role pair: requests and responses join whatever their order, and none waits for ever."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.processor import Effects
from driftloop.testing.clock import START
from driftloop.testing.records import START_MS, FakeRecord
from outcome_ingestion.core.translate.halves import Half
from outcome_ingestion.core.translate.pairing import Pair, PairRules

AT = {"predicted_at": "2026-03-02T08:15:00Z"}


def half(part: str, n: int, *, offset: int = 0, ms: int = 0, rows: int = 1) -> FakeRecord:
    asked = [{"features": {"x": float(n)}} for _ in range(rows)]
    said = [{"prediction": n} for _ in range(rows)]
    common = AT if part == "request" else {**AT, "model_version": "1.0.0"}
    made = Half("log", "fraud", f"r{n}", part, asked if part == "request" else said, common).outgoing()
    return FakeRecord(made.topic, key=made.key, value=made.value, at_offset=offset, at_ms=START_MS + ms)


def keys(effects: Effects) -> list[str]:
    return [message.key for message in effects.outgoing]


@settings(max_examples=50, deadline=None)
@given(st.permutations([(part, n) for part in ("request", "response") for n in range(4)]), st.integers(0, 8))
def test_any_order_and_a_restart_anywhere_give_the_same_outcomes(order, cut):
    records = [half(part, n, offset=offset) for offset, (part, n) in enumerate(order)]
    first, state = Pair(), {}
    effects = first.process(records[:cut], START)
    for change in effects.state_changes:
        state[change.key] = change.value
    second = Pair()
    second.restore(0, [(key, value) for key, value in state.items() if value is not None])
    sent = [*effects.outgoing, *second.process(records[cut:], START).outgoing]
    assert sorted(message.key for message in sent) == ["r0", "r1", "r2", "r3"]
    assert all(json.loads(message.value)["prediction"] == int(message.key[1:]) for message in sent)
    assert second.halves_waiting == 0


def test_a_response_whose_request_never_comes_is_buried_with_its_id_and_a_request_alone_is_counted():
    pair = Pair(PairRules(wait_seconds=60))
    effects = pair.process(
        [half("response", 1), half("request", 2, offset=1), half("request", 3, offset=2, ms=60_001)], START
    )
    (letter,) = effects.dead_letters
    assert (letter.error_class, letter.record.offset()) == ("ResponseWithoutRequest", 0)
    assert "'r1'" in letter.message
    assert effects.ignored == {"request_without_response": 1}
    assert pair.halves_waiting == 1


def test_no_more_wait_than_the_rules_say():
    pair = Pair(PairRules(waiting_halves=2))
    effects = pair.process([half("request", n, offset=n) for n in range(5)], START)
    assert (pair.halves_waiting, effects.ignored) == (2, {"request_without_response": 3})
    assert len([change for change in effects.state_changes if change.value is None]) == 3


def test_the_same_half_again_is_counted_and_changes_nothing():
    pair = Pair()
    effects = pair.process([half("request", 1), half("request", 1, offset=1), half("response", 1, offset=2)], START)
    assert keys(effects) == ["r1"]
    assert effects.ignored == {"repeated_half": 1}


def test_halves_that_do_not_fit_are_buried():
    effects = Pair().process([half("request", 1, rows=2), half("response", 1, rows=3, offset=1)], START)
    assert [letter.message for letter in effects.dead_letters] == ["the request has 2 rows, its response 3"]


@pytest.mark.parametrize("value", [b"", b"{}", b'{"source": "a", "part": "neither"}'])
def test_what_is_no_half_is_buried(value):
    (letter,) = Pair().process([FakeRecord("prediction-halves", value=value)], START).dead_letters
    assert letter.error_class == "Undecodable"
