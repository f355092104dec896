"""One member of a group: partitions are taken over standing still, and delivered from where they are told to begin."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftloop.kafka.clients.positions import named, position_of, positions_of
from driftloop.kafka.loop.doubts import Doubts
from driftloop.kafka.loop.epochs import Epochs
from driftloop.kafka.loop.group_offsets import GroupOffsets
from driftloop.kafka.loop.transport import Position, Rebalance
from driftloop.kafka.settings import KafkaSettings


class Membership:
    """`require_known` raises UserError for a partition that was not there when the service started."""

    def __init__(
        self,
        kafka: KafkaSettings,
        consumer: Consumer,
        offsets: GroupOffsets,
        epochs: Epochs,
        require_known: Callable[[Iterable[Position]], None],
    ) -> None:
        self._prefix, self._incremental = kafka.topic_prefix, kafka.group_protocol == "consumer"
        self.consumer, self._offsets, self._require_known = consumer, offsets, require_known
        self._epochs, self.doubts = epochs, Doubts()
        self._leaving = False
        self._parked: dict[Position, int] = {}
        self._begun: dict[Position, int] = {}

    def join(self, inputs: Sequence[str], rebalance: Rebalance) -> None:
        """Subscribe; `rebalance` is told of partitions that come and go."""
        self.consumer.subscribe(
            [self._prefix + topic for topic in inputs],
            on_assign=lambda _, found: self._on_assign(rebalance, found),
            on_revoke=lambda _, found: self._on_revoke(rebalance, found),
            on_lost=lambda _, found: self._on_lost(rebalance, found),
        )

    @property
    def begun(self) -> set[int]:
        """The partitions that are ours and restored."""
        return {number for _, number in self._begun}

    def leave(self) -> None:
        """Leave the group; a last commit is possible within."""
        self._leaving = True
        self.consumer.close()

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Seek and deliver."""
        self._begun.update(offsets)
        given_up = {position: offset for position, offset in offsets.items() if position in self.doubts}
        if given_up:
            self._assign_anew(given_up)
        self.doubts.over(given_up)
        for at in self._epochs.named({place: at for place, at in offsets.items() if place not in given_up}):
            self._seek(at)
        self.consumer.resume([named(self._prefix, position) for position in offsets])

    def ask_again(self) -> None:
        """Go on from where the client stood in each partition of which something is doubted, and that is due."""
        for position in self.doubts.due():
            self._assign_anew(self._standing([position]))

    def _assign_anew(self, offsets: Mapping[Position, int]) -> None:
        """In place of a seek, which a client refuses in a partition that it gave up after an error of its position."""
        if self._incremental:
            touched = dict(offsets)
            self.consumer.incremental_unassign([named(self._prefix, position) for position in touched])
            self.consumer.incremental_assign(self._epochs.named(touched))
        else:
            touched = {**self._standing(positions_of(self._prefix, self.consumer.assignment())), **offsets}
            self.consumer.assign(self._epochs.named(touched))
        parked = [named(self._prefix, position) for position in touched if position not in self._begun]
        if parked:
            self.consumer.pause(parked)

    def _standing(self, positions: Sequence[Position]) -> dict[Position, int]:
        """Where the client stands; if it was given nothing, where it began or would begin."""
        found = self.consumer.position([named(self._prefix, position) for position in positions])
        self._epochs.note(found)
        stood = {position_of(self._prefix, tp): int(tp.offset) for tp in found if tp.offset >= 0}
        known = {**self._parked, **self._begun, **stood}
        return {position: known[position] for position in positions}

    def _on_assign(self, rebalance: Rebalance, found: list[TopicPartition]) -> None:
        """Take them over, standing still at the group's offsets.

        Why not at the beginning: the client then asks the broker where that is, and an answer that comes after
        `begin_at` takes the partition back there. All of the log is then read once more to be thrown away.

        What comes while the member leaves goes again at once. Nothing is asked for it: a client that closes gets no
        answer of the group's coordinator any more, and would wait for one until it is ended by force.
        """
        if self._leaving:
            return
        positions = positions_of(self._prefix, found)
        self._require_known(positions)
        places = self._offsets.committed(positions) if found else {}
        self._parked.update(places)
        parked = self._epochs.named(places)
        if self._incremental:
            self.consumer.incremental_assign(parked)
        else:
            self.consumer.assign(parked)
        if parked:
            self.consumer.pause(parked)
        rebalance.on_assigned(positions)

    def _on_revoke(self, rebalance: Rebalance, found: list[TopicPartition]) -> None:
        rebalance.on_revoked(positions_of(self._prefix, found))
        self._let_go(found)

    def _on_lost(self, rebalance: Rebalance, found: list[TopicPartition]) -> None:
        rebalance.on_lost(positions_of(self._prefix, found))
        self._let_go(found)

    def _let_go(self, found: list[TopicPartition]) -> None:
        for position in positions_of(self._prefix, found):
            self._begun.pop(position, None)
            self.doubts.over([position])
        if self._incremental:
            self.consumer.incremental_unassign(found)
        else:
            self.consumer.unassign()

    def _seek(self, tp: TopicPartition) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                self.consumer.seek(tp)
            except KafkaException as error:  # the fetcher of a fresh partition may not be up yet
                if time.monotonic() > deadline or error.args[0].code() != KafkaError._STATE:
                    raise
                time.sleep(0.005)
            else:
                return
