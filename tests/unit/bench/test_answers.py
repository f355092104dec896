"""The pure parts of what `driftloop bench pipeline` asks of the whole loop."""

import json
from types import SimpleNamespace

import pytest

from driftloop.contracts import topics
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.errors import UserError
from driftloop.processor import Record
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench import answers
from driftloop.tools.bench.answers import ROWS_A_RUN, Watch, in_ms, learning_spec


class Sent:
    def __init__(self):
        self.records: list[tuple[str, str, bytes]] = []

    def send(self, topic, key, value):
        self.records.append((topic, key, value))


class Given:
    """A reader that gives one batch a poll."""

    def __init__(self, *batches: list[Record]):
        self.batches = list(batches)

    def poll(self, timeout_s):
        return self.batches.pop(0) if self.batches else []


def watch_of(reader: Given) -> Watch:
    watch = Watch.__new__(Watch)
    watch._reader, watch._check = reader, lambda: None
    return watch


@pytest.mark.parametrize("wrong", [False, True])
def test_outcomes_are_read_as_such_and_are_right_or_wrong(wrong):
    sent = Sent()
    answers._publish(sent, "m", 5, 3, wrong=wrong)
    rows = [PredictionOutcome.model_validate(json.loads(value)) for _, _, value in sent.records]
    assert {topic for topic, _, _ in sent.records} == {topics.PREDICTION_OUTCOMES}
    assert [key for _, key, _ in sent.records] == [row.prediction_id for row in rows]
    assert len({row.prediction_id for row in rows}) == 3
    assert all((row.prediction != row.label) is wrong for row in rows)


def test_examples_name_no_version():
    sent = Sent()
    answers._publish(sent, "m", 0, 1, wrong=False, version=None)
    assert not {"model_version", "prediction"} & json.loads(sent.records[0][2]).keys()


def test_a_watched_model_is_declared_with_the_profile_of_its_version():
    sent = Sent()
    answers._declare(sent, "m")
    (_, _, spec), (_, key, profile) = sent.records
    assert ModelSpecPublished.from_json(spec).spec.model_id == ModelProfile.from_json(profile).model_id == "m"
    assert key == "m/1.0.0"


def test_the_learning_model_asks_for_a_run_with_every_hundred_rows_and_promotes_what_came_of_it():
    policy = learning_spec().policy
    assert policy["triggers"]["new_rows"] == policy["window"]["rows"] == ROWS_A_RUN
    assert policy["mode"] == "incremental"
    assert policy["challenge"]["mode"] == "none"


def test_a_watch_gives_all_up_to_what_is_wanted():
    records = [FakeRecord(topics.DRIFT_SIGNALS, key=key, value=b"{}") for key in "abc"]
    found = watch_of(Given([], records[:1], records[1:])).until(lambda record: record.key() == b"b", "b")
    assert [one.record.key() for one in found] == [b"a", b"b"]
    assert found[0].at <= found[1].at


def test_what_does_not_come_is_named(monkeypatch):
    now = iter(range(0, 1000, 20))
    monkeypatch.setattr(answers, "time", SimpleNamespace(monotonic=lambda: next(now)))
    with pytest.raises(UserError, match="a signal of m did not come within 60 s"):
        watch_of(Given()).until(lambda _: False, "a signal of m")


def test_quantiles_are_in_milliseconds():
    assert in_ms([0.2, 0.1]) == {"p50": 150.0, "p99": 199.0, "highest": 200.0}
