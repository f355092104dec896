"""Under which leader a partition was read, so that a broker that has lost records is found out.

A leader that comes up without the last records of a partition (an unclean election, a disk that lied) gives their
offsets to other records. Offsets alone cannot tell: once enough was written, a committed offset lies within the log
again, and what took the place of the lost records would never be read. So the leader's epoch goes along with each
offset, into the commit and into each seek, and the client asks the broker where the log of that epoch ended (KIP-320).

An epoch that is too high does no harm: it ended no earlier. One that is too low is a false alarm. Therefore an epoch
is only given with offsets up to the one that it was seen with; with an offset behind a transaction's marker that no
record followed, none is.
"""

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from driftloop.kafka.clients.positions import named, position_of
from driftloop.kafka.loop.transport import Position


class Epochs:
    """The last epoch that was seen of each position, and with which offset."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._seen: dict[Position, tuple[int, int]] = {}

    def note(self, found: Iterable[TopicPartition]) -> None:
        """What the group's coordinator, or the client, says of a position."""
        for tp in found:
            if tp.offset >= 0 and tp.leader_epoch is not None and tp.leader_epoch >= 0:
                self._seen[position_of(self._prefix, tp)] = tp.offset, tp.leader_epoch

    def read_by(self, consumer: Consumer, positions: Iterable[Position]) -> None:
        """Note how far a consumer was given records of these: nothing is asked of a broker."""
        try:
            self.note(consumer.position([named(self._prefix, position) for position in positions]))
        except KafkaException:
            return  # not assigned by now: what was noted before stands

    def named(self, offsets: Mapping[Position, int], note: str = "") -> list[TopicPartition]:
        """These offsets for the client, each with its epoch where that is known."""
        return [
            named(self._prefix, position, offset, note, self._of(position, offset))
            for position, offset in offsets.items()
        ]

    def _of(self, position: Position, offset: int) -> int | None:
        seen, epoch = self._seen.get(position, (-1, -1))
        return epoch if offset <= seen else None
