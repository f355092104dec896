"""What was decided is made again from the log, byte for byte, and a change of the rules is found."""

import json

import pytest

from driftloop.contracts import topics
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import INPUTS, OUTPUTS, Recorded, bytes_of, offset_of

pytestmark = [pytest.mark.broker, pytest.mark.slow]

MODEL = "flip"


@pytest.fixture
def recorded(undisturbed, quiet_witness) -> Recorded:
    assert undisturbed["promotions"] >= 1
    return quiet_witness.recorded


def changed(recorded: Recorded, topic: str, change) -> Recorded:
    """The log with the messages of a topic changed."""
    records = []
    for name in (*INPUTS, *OUTPUTS):
        for record in recorded.of(name, MODEL):
            if name != topic:
                records.append(record)
                continue
            message = json.loads(bytes_of(record))
            change(message)
            value = json.dumps(message, separators=(",", ":")).encode()
            at_ms = record.timestamp()[1]
            records.append(FakeRecord(name, key=MODEL, value=value, at_offset=offset_of(record), at_ms=at_ms))
    return Recorded(records)


def test_all_that_was_published_comes_out_the_same(recorded, undisturbed):
    found = verify(recorded)
    assert found.differences == ()
    assert found.incomplete == ()
    assert found.compared > len(undisturbed["signals"]) + len(undisturbed["decisions"])


def test_a_reader_of_bounded_memory_finds_the_same_and_both_services_write_checkpoints(recorded, quiet_witness):
    assert quiet_witness.streamed == verify(recorded)
    written = [json.loads(bytes_of(record))["service"] for record in recorded.of(topics.MODEL_CHECKPOINTS, MODEL)]
    assert {*written} == {"drift_detection", "retrain_coordinator"}
    assert quiet_witness.streamed.checkpoints == len(written)


def test_a_changed_threshold_of_detection_is_found(recorded):
    def mind_less(message) -> None:
        message["spec"]["detection"]["tolerance"] = 0.3

    found = verify(changed(recorded, topics.MODEL_SPECS, mind_less))
    assert topics.DRIFT_SIGNALS in {difference.topic for difference in found.differences}


def test_a_changed_price_of_a_run_is_found_and_its_first_difference_named(recorded):
    def make_runs_dear(message) -> None:
        message["spec"]["policy"] = {"preset": "default", "triggers": {"payoff": {"price": 300.0}}}

    found = verify(changed(recorded, topics.MODEL_SPECS, make_runs_dear))
    differences = {difference.topic: difference for difference in found.differences}
    assert topics.DRIFT_SIGNALS not in differences
    assert topics.RETRAIN_DECISIONS in differences
    assert "retrain-decisions of flip" in differences[topics.RETRAIN_DECISIONS].sentence


def test_what_comes_before_the_start_of_the_comparison_is_run_but_not_compared(recorded):
    last = max(offset_of(record) for record in recorded.of(topics.OUTCOME_FRAMES, MODEL))
    assert 0 < verify(recorded, since=last).compared < verify(recorded).compared
