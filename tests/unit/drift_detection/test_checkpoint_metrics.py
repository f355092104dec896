"""The newest checkpoint of a model is told to Prometheus, by both services that write one."""

from datetime import UTC, datetime

from tests.unit.verify.golden_log import FOLDER, read_log

from drift_detection.core.processor import DriftDetection
from drift_detection.metrics import DetectionMetrics
from driftloop.contracts import topics
from driftloop.cores.checkpoints import checkpoint_rule
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.metrics import ModelGauges


def test_both_services_tell_the_event_time_of_the_newest_checkpoint():
    core = DriftDetection(checkpoint_rule("drift_detection", 24.0, None))
    records = read_log(FOLDER / "default.xz")
    for topic in (topics.MODEL_SPECS, topics.MODEL_PROFILES):
        core.take_table(topic, [one for one in records if one.topic() == topic])
    frames = [one for one in records if one.topic() == topics.OUTCOME_FRAMES]
    out = core.process(frames[:3], datetime(2026, 1, 1, tzinfo=UTC), tables_current=True).outgoing
    assert sum(one.topic == topics.MODEL_CHECKPOINTS for one in out) == 1
    told = {family.name: family.samples for family in DetectionMetrics(core).collect()}
    (sample,) = told["driftloop_detection_checkpoint_seconds"]
    assert 0 < sample.value <= told["driftloop_watermark_seconds"][0].value
    state = ModelState(model_id="flip")
    state.seal(1, "0" * 64, datetime.fromtimestamp(sample.value, UTC))
    told = {family.name: family.samples for family in ModelGauges(lambda: [state]).collect()}
    assert [one.value for one in told["driftloop_coordinator_checkpoint_seconds"]] == [sample.value]
