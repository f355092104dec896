"""Decisions that hang on when scores came, or that a timer took, come out the same from the log."""

import json
from datetime import timedelta

from tests.unit.retrain_coordinator.conftest import Story, log_record, spec

from driftloop.contracts import topics
from driftloop.processor import Outgoing
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.coordination import coordinate_again
from driftloop.tools.verify.recorded import Recorded
from retrain_coordinator.core.answers import OVERDUE
from retrain_coordinator.core.merge import SILENT


class Log(Story):
    """A story whose messages are kept as the log would have them."""

    def __post_init__(self):
        self.records, self.answers = [], []
        super().__post_init__()

    def apply(self, declared, version=1):
        super().apply(declared, version)
        from driftloop.tools.registry.declaring import spec_message

        message = spec_message(declared, self.now, version)
        self.records.append(log_record(topics.MODEL_SPECS, message, self.now, version))

    def say(self, topic, message):
        self.now += timedelta(seconds=1)
        if topic == topics.DRIFT_STATUS or topic == topics.DRIFT_SIGNALS:
            self.answers.append((message.position.offset, self.now, Outgoing(topic, "m", message.to_json())))
        else:
            self.records.append(log_record(topic, message, self.now, len(self.records)))
        if topic == topics.DRIFT_STATUS:
            self.records.append(log_record(topic, message, self.now, len(self.records)))
        return super().say(topic, message)

    def take(self, effects):
        for out in effects.outgoing:
            at_ms = int(self.now.timestamp() * 1000)
            self.records.append(FakeRecord(out.topic, key="m", value=out.value, at_offset=0, at_ms=at_ms))
        return super().take(effects)

    def again(self):
        """What the coordinator says from the log alone."""
        frames = {}
        for offset, at, answer in self.answers:
            frame = FakeRecord(topics.OUTCOME_FRAMES, key="m", value=b"", at_offset=offset,
                               at_ms=int(at.timestamp() * 1000))  # fmt: skip
            frames.setdefault(offset, (frame, []))[1].append(answer)
        return [(out.topic, out.value) for out in coordinate_again(Recorded(self.records), "m", list(frames.values()))]


ATTAINABLE = {"policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}, "attainable": True}}}


def same(log):
    again = log.again()
    assert [json.loads(value)["message_id"] for _, value in again] == [
        json.loads(value)["message_id"] for _, value in log.sent
    ]
    assert again == log.sent


def test_frames_that_went_on_without_scores_do_so_again_though_the_log_has_late_ones():
    for clock in ("event", "wall"):
        log = Log(spec(**ATTAINABLE, clock=clock)).first_version()
        log.status(50, 0.5)
        log.scores({"1.0.0": [0.1] * 50})
        log.status(50, 0.5)
        late = log.scores({"1.0.0": [1.0] * 50}, say=False)
        log.now += SILENT
        log.take(log.core.wake(log.now))
        assert log.decisions[-1].trigger == "scores"
        log.say(topics.CHALLENGE_SCORES, late)
        log.status(50, 0.5)
        log.scores({"1.0.0": [1.0] * 50})
        assert "scores come again" in [made for made in log.decisions if made.trigger == "scores"][-1].reason
        same(log)


def test_a_reminder_by_the_wall_clock_comes_out_the_same():
    log = Log(spec(policy={"triggers": {"harmful_drift": False}}, clock="wall")).first_version()
    signal = log.signal(onset=480, say=False)
    status = log.status(50, 0.5, signals=1, say=False)
    log.say(topics.DRIFT_STATUS, status.model_copy(update={"active_signals": ("error:cusum",)}))
    log.say(topics.DRIFT_SIGNALS, signal)
    log.now += OVERDUE + timedelta(minutes=1)
    log.take(log.core.wake(log.now))
    assert "24 h" in log.decisions[-1].reason
    same(log)


def test_a_changed_target_comes_out_the_same():
    from driftloop.spec.model_spec import ModelSpec

    log = Log(spec(**ATTAINABLE)).first_version()
    log.now += timedelta(minutes=1)
    log.apply(ModelSpec.model_validate(log.spec.model_dump() | {"target": {"churn": {}}}), 2)
    log.status(50, 0.5)
    log.command("retrain")
    assert log.requests[-1].version == "2.0.0"
    same(log)


def test_the_status_of_a_segment_a_second_later_does_not_say_when_its_frame_was_taken_in():
    rules = {"harmful_drift": True, "payoff": None}
    log = Log(spec(policy={"preset": "default", "triggers": rules})).first_version()
    log.status(1500, 0.05)
    log.signal(onset=log.rows)
    status = log.status(50, 0.5, signals=1)
    asked = len(log.requests)
    log.now += timedelta(seconds=0.5)
    log.apply(spec(policy={"preset": "default", "triggers": {**rules, "harmful_drift": False}}), 2)
    of_segment = status.model_copy(update={"segment": "site=a", "loss_blocks": (), "signals": None})
    log.now += timedelta(seconds=0.5)
    log.records.append(log_record(topics.DRIFT_STATUS, of_segment, log.now, len(log.records)))
    log.status(50, 0.5)
    assert (asked, len(log.requests)) == (2, 2)
    same(log)
