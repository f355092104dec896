"""The smallest service with state: it counts rows by key and says each count. `python -m tests.chaos.counter`."""

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import Effects, Outgoing, Record, StateChange
from driftloop.telemetry.logs import configure_logs

SOURCE, SINK = "outcome-frames", "drift-signals"


def settings(kind: str) -> LoopSettings:
    """How the counter runs: with keyed state, or with snapshots."""
    return LoopSettings(service="counter", group=f"counter_{kind}", inputs=(SOURCE,), state=kind, snapshot_every=20)


class KeyCounter:
    """Says `value=count` for each record, counts by key."""

    def __init__(self, kind: str) -> None:
        self.counts: dict[int, dict[str, int]] = {}
        self._keyed = kind == "keyed"

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        said, changes = [], []
        for record in records:
            key, value = bytes(record.key() or b"").decode(), bytes(record.value() or b"")
            counts = self.counts[int(record.partition() or 0)]
            counts[key] = counts.get(key, 0) + 1
            said.append(Outgoing(SINK, key, b"%s=%d" % (value, counts[key])))
            changes.append(StateChange(int(record.partition() or 0), key, str(counts[key]).encode()))
        return Effects(tuple(said), tuple(changes) if self._keyed else ())

    def wake(self, now: datetime) -> Effects:
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self.counts[partition] = {key: int(value) for key, value in state}

    def snapshot(self, partition: int) -> list[tuple[str, bytes]]:
        return [] if self._keyed else [(key, str(count).encode()) for key, count in self.counts[partition].items()]

    def revoke(self, partition: int) -> None:
        del self.counts[partition]

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """It reads no table."""


if __name__ == "__main__":
    configure_logs("counter")
    chosen = os.environ["COUNTER_STATE"]
    port = int(os.environ["COUNTER_METRICS_PORT"]) if "COUNTER_METRICS_PORT" in os.environ else None
    sys.exit(Service(Loop(KeyCounter(chosen), settings(chosen), KafkaSettings()), metrics_port=port).run())
