"""Where a group stands: its committed offsets, the notes beside them, and how far the log is ahead."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from driftloop.errors import AwayError
from driftloop.kafka.clients.offsets import EndOffsets, without_errors
from driftloop.kafka.clients.positions import named, position_of
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.epochs import Epochs
from driftloop.kafka.loop.identity import Stand
from driftloop.kafka.loop.pending_offsets import PendingOffsets
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings

_LAG_S = 1.0


class GroupOffsets:
    """Asks the group's coordinator through `consumer`, and the brokers for the ends of the log."""

    def __init__(
        self, kafka: KafkaSettings, consumer: Consumer, ends: EndOffsets, epochs: Epochs, unsettled: PendingOffsets
    ) -> None:
        self._prefix, self._consumer, self._ends, self._epochs = kafka.topic_prefix, consumer, ends, epochs
        self._unsettled = unsettled
        self._deadlines = Deadlines.of(kafka)

    def committed(self, positions: Sequence[Position]) -> dict[Position, int]:
        """The group's next offsets, or the first ones there are."""
        found = self._found(positions)
        none = [position for position, tp in found.items() if tp.offset < 0]
        starts = self._ends.starts(none)
        return {position: starts.get(position, tp.offset) for position, tp in found.items()}

    def stands(self, positions: Sequence[Position]) -> dict[Position, Stand]:
        """Offsets, the notes beside them, and where the logs begin and end."""
        found, starts, ends = self._found(positions), self._ends.starts(positions), self._ends.ask(positions)
        return {
            position: Stand(
                None if tp.offset < 0 else int(tp.offset), str(tp.metadata or ""), starts[position], ends[position]
            )
            for position, tp in found.items()
        }

    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """From what the client last heard of each partition's end; one that stands still is asked for."""
        lags: dict[Position, int] = {}
        for position, safe in positions.items():
            with suppress(KafkaException):  # not known now: the last figure stands
                tp = named(self._prefix, position)
                low, high = self._consumer.get_watermark_offsets(tp, cached=True)
                if safe is None or high < 0:
                    low, high = self._consumer.get_watermark_offsets(tp, timeout=_LAG_S)
                lags[position] = max(0, high - (self._safe(tp, low) if safe is None else safe))
        return lags

    def _safe(self, tp: TopicPartition, low: int) -> int:
        (found,) = self._consumer.committed([tp], timeout=_LAG_S)
        return int(found.offset) if found.offset >= 0 else low

    def _found(self, positions: Sequence[Position]) -> dict[Position, TopicPartition]:
        asked = [named(self._prefix, position) for position in positions]
        try:
            found = patiently(lambda: self._ask(asked), "asking for the group's offsets", self._deadlines.patience_s)
        except AwayError as away:
            found = self._unsettled.settle(asked, away)
        self._epochs.note(found)
        return {position_of(self._prefix, tp): tp for tp in found}

    def _ask(self, asked: Sequence[TopicPartition]) -> list[TopicPartition]:
        return without_errors(self._consumer.committed(list(asked), timeout=self._deadlines.call_s))
