"""Logs that earlier releases recorded come out the same, byte for byte: an upgrade changes no decision."""

import json

import pytest
from tests.unit.verify.golden_log import FOLDER, read_log

from driftloop.contracts import topics
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import OUTPUTS, Recorded, bytes_of

LOGS = sorted(path.stem for path in FOLDER.glob("*.xz"))


def recorded(name: str) -> Recorded:
    return Recorded(read_log(FOLDER / f"{name}.xz"))


@pytest.mark.parametrize("name", LOGS)
def test_a_log_of_an_earlier_release_verifies_exactly(name):
    log = recorded(name)
    (model,) = log.models()
    found = verify(log)
    assert found.differences == ()
    assert found.incomplete == ()
    latest_only = len({record.key() for record in log.of(topics.DRIFT_STATUS, model)})
    assert found.compared >= sum(len(log.of(topic, model)) for topic in OUTPUTS) - latest_only
    assert found.compared > 20


def test_the_logs_pass_through_the_life_of_a_version():
    events, actions, kinds = set(), set(), set()
    for name in LOGS:
        log = recorded(name)
        (model,) = log.models()
        events |= {json.loads(bytes_of(one))["event"] for one in log.of(topics.MODEL_EVENTS, model)}
        actions |= {json.loads(bytes_of(one))["action"] for one in log.of(topics.RETRAIN_DECISIONS, model)}
        kinds |= {json.loads(bytes_of(one))["kind"] for one in log.of(topics.DRIFT_SIGNALS, model)}
    assert {"registered", "challenged", "promoted", "archived"} <= events
    assert {"retrain", "promote", "wait"} <= actions
    assert "error" in kinds


def test_a_log_whose_spec_was_another_does_not_verify():
    records = read_log(FOLDER / "default.xz")
    place, spec = next((at, one) for at, one in enumerate(records) if one.topic() == topics.MODEL_SPECS)
    message = json.loads(bytes_of(spec))
    message["spec"]["detection"]["tolerance"] = 0.6
    records[place] = FakeRecord(
        topics.MODEL_SPECS, key=spec.key(), value=json.dumps(message), at_ms=spec.timestamp()[1]
    )
    assert topics.DRIFT_SIGNALS in {difference.topic for difference in verify(Recorded(records)).differences}
