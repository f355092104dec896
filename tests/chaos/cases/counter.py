"""The counter under fault, with keyed state and with snapshots."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.chaos.case import Input, World
from tests.chaos.counter import SINK, SOURCE, KeyCounter, settings
from tests.chaos.faulty_writer import WithoutTransactions
from tests.chaos.verdict import Verdict
from tests.chaos.witness import read_all

from driftloop.kafka.clients.clients import group_consumer
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.restore import restore

_KEYS = 97


class CounterCase:
    """Each input once in the output, with the count it must have; the state equals a recount."""

    rate, hold_ms = 800.0, 40.0
    outputs = (SINK,)

    def __init__(self, kind: str) -> None:
        self.name = f"counter-{kind}"
        self.module = self.control = ("tests.chaos.counter",)
        self._kind = kind
        self._settings = settings(kind)
        self.groups: Mapping[str, tuple[str, ...]] = {self._settings.group: (SOURCE,)}

    def environment(self, world: World) -> Mapping[str, str]:
        return {"COUNTER_STATE": self._kind}

    def prepare(self, world: World) -> Iterator[Input]:
        return iter(())

    def inputs(self) -> Iterator[Input]:
        number = 0
        while True:
            yield Input(SOURCE, f"k{number % _KEYS}", b"%d" % number)
            number += 1

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        seen: Counter[str] = Counter()
        expected = []
        for item in world.sent:
            seen[item.key] += 1
            expected.append((item.key, b"%s=%d" % (item.value, seen[item.key])))
        kafka = world.kafka
        records = read_all(kafka.bootstrap_servers, [kafka.topic_prefix + SINK])
        found = [(record.key().decode(), record.value()) for record in records]
        verdict.compare([_row(*pair) for pair in expected], [_row(*pair) for pair in found])
        verdict.state_errors += len(set(expected) ^ set(found)) // 2
        verdict.order([(record.key(), int(record.value().split(b"=")[0])) for record in records])
        verdict.state_errors += len(set(seen.items()) ^ set(self._state(world, verdict).items()))

    def _state(self, world: World, verdict: Verdict) -> dict[str, int]:
        """The counts as a core finds them that takes over now."""
        core = KeyCounter(self._kind)
        transport = KafkaTransport(self._settings, world.kafka)
        if verdict.control:  # its state and offsets were not written together, and say nothing of each other
            transport.new_writer = WithoutTransactions
        transport._prepare_topics()
        transport._consume(group_consumer(world.kafka, self._settings.group))
        for number in range(4):
            restore(core, self._settings, transport, number)
        transport.close()
        return {key: count for counts in core.counts.values() for key, count in counts.items()}


def _row(key: str, value: bytes) -> tuple[str, bytes]:
    """Which input an output is about, whatever the count that it says."""
    return key, value.partition(b"=")[0]
