"""Detection under fault: what it published is, byte for byte, what its core says of the same frames."""

from collections import Counter
from collections.abc import Iterator, Mapping

from confluent_kafka import Message
from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.cases.gates import MODELS, START, frames, prepared
from tests.chaos.verdict import Verdict
from tests.chaos.witness import read_all

from drift_detection.core.processor import DriftDetection
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.topics import DRIFT_SIGNALS, DRIFT_STATUS, MODEL_PROFILES, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.kafka.clients.partitioner import partition_of

Said = tuple[str, str, bytes]


class DetectionCase:
    """Each signal and status once, in the order of the frames; the model's state is what makes them equal."""

    name = "drift_detection"
    module = control = ("drift_detection",)
    rate, hold_ms = 60.0, 40.0
    outputs = (DRIFT_SIGNALS, DRIFT_STATUS, "drift_detection-changelog")
    groups: Mapping[str, tuple[str, ...]] = {"drift_detection": (OUTCOME_FRAMES,)}

    def environment(self, world: World) -> Mapping[str, str]:
        """With a status of each segment for each frame, so that all bytes can be compared."""
        every = {"DRIFTLOOP_DRIFT_DETECTION_SEGMENT_STATUS_SECONDS": "0"}
        return {"DRIFTLOOP_DRIFT_DETECTION_SNAPSHOT_EVERY": "20", **every}

    def prepare(self, world: World) -> Iterator[Input]:
        for model_id in MODELS:
            yield from prepared(model_id)

    def inputs(self) -> Iterator[Input]:
        return frames()

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        read = {topic: self._read(world, topic) for topic in (*self.outputs[:2], OUTCOME_FRAMES)}
        found = [_said(record, topic) for topic in self.outputs[:2] for record in read[topic]]
        self._compare(verdict, self._expected(world, read[OUTCOME_FRAMES]), found)
        verdict.order([(key, _offset(topic, value)) for topic, key, value in found if topic == DRIFT_STATUS])
        sent = [(item.key, item.value) for item in world.sent]
        verdict.compare(sent, [(record.key().decode(), record.value()) for record in read[OUTCOME_FRAMES]])

    def _compare(self, verdict: Verdict, expected: list[Said], found: list[Said]) -> None:
        verdict.compare(expected, found)

    def _expected(self, world: World, records: list[Message]) -> list[Said]:
        core = DriftDetection()
        for topic in (MODEL_SPECS, MODEL_PROFILES):
            core.take_table(topic, self._read(world, topic))
        for number in range(PARTITIONS):
            core.restore(number, ())
        effects = core.process(records, START, tables_current=True)
        for wish in effects.outgoing:
            assert wish.partition_by is not None
            assert partition_of(wish.partition_by, PARTITIONS) in range(PARTITIONS)
        return [(wish.topic, wish.key, wish.value) for wish in effects.outgoing]

    def _read(self, world: World, topic: str) -> list[Message]:
        return read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + topic])


class PacedDetectionCase(DetectionCase):
    """The same with two segments and the pace that a deployment has, at which most of their statuses are left out.

    Those that are there are, byte for byte, among those that each frame would have had, none of them twice and each
    in its order. Which ones are there cannot be foretold: what waits when a replica is killed goes with it.
    """

    name = "drift_detection_paced"

    def environment(self, world: World) -> Mapping[str, str]:
        return {"DRIFTLOOP_DRIFT_DETECTION_SNAPSHOT_EVERY": "20"}

    def prepare(self, world: World) -> Iterator[Input]:
        for model_id in MODELS:
            yield from prepared(model_id, segments=("site",))

    def inputs(self) -> Iterator[Input]:
        return frames(by_site=True)

    def _compare(self, verdict: Verdict, expected: list[Said], found: list[Said]) -> None:
        verdict.compare(
            [one for one in expected if not _of_segment(one)], [one for one in found if not _of_segment(one)]
        )
        paced = Counter(one for one in found if _of_segment(one))
        verdict.doubled += sum((paced - Counter(expected)).values())
        verdict.state_errors += not 0 < len(paced) < sum(map(_of_segment, expected))


def _of_segment(said: Said) -> bool:
    topic, key, _ = said
    return topic == DRIFT_STATUS and not key.endswith("/")


def _said(record: Message, topic: str) -> Said:
    return topic, record.key().decode(), record.value()


def _offset(topic: str, value: bytes) -> int:
    """The frame that a message is about."""
    contract = DriftStatus if topic == DRIFT_STATUS else DriftSignal
    return contract.from_json(value).position.offset
