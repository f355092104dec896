"""What waits for a transaction that nobody ends: told apart from a broker that is away, and ended if it is ours.

While a transaction holds offsets of a group, Kafka gives none to readers that require stable ones, and no records
behind it to readers of committed ones. Its producer ends it, or the broker does after its time-out. Apache Kafka 4.3.0
and 4.3.1 write no end into partitions that have no leader at that moment (KAFKA-20734), as after a broker was killed:
what is in them waits for ever, for every replica, or is decided by the same producer's next transaction. One that
touches the same partitions and is aborted writes the end that is missing; `init_transactions` alone does not, since the
broker has no transaction to end. If the end that is missing was a commit, state and offsets do not fit together
afterwards, which a service says when it restores.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta

from confluent_kafka import Consumer, KafkaException, TopicPartition

from driftloop.clock import system_now
from driftloop.errors import AwayError, ExitCode
from driftloop.kafka.clients.clients import CLIENT_LOG, group_reader, offset_reader
from driftloop.kafka.clients.offsets import EndOffsets, without_errors
from driftloop.kafka.clients.retries import passes
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings

EndPending = Callable[[list[TopicPartition], Consumer], None]
"""Writes the end of what this replica's producer has pending: `Writer.end_pending`."""
PAGE = "docs/operations/recovery.md, 'A transaction that nobody ends'"


class PendingOffsets:
    """Looks through clients of its own, which are not members of the group, after a member asked in vain."""

    def __init__(self, kafka: KafkaSettings, group: str, end: EndPending) -> None:
        self._kafka, self._group, self._end = kafka, group, end
        self._deadlines = Deadlines.of(kafka)

    def settle(self, asked: Sequence[TopicPartition], away: AwayError) -> list[TopicPartition]:
        """The committed offsets after all, if a member has just asked in vain for as long as `patience_s`.

        If they wait for nothing, a new client's answer is as good as the member's own: a commit says which member it is
        of, and the broker refuses one of a member that was put out. Raises `away` where the broker is away; else an
        AwayError that names what is pending and the way on.
        """
        settled, stable = _told(self._kafka, self._group, asked, self._deadlines.ask_s)
        if settled is None:
            raise away
        if stable is not None:
            CLIENT_LOG.warning("a new client was told the offsets of %s, the member was not: %s", self._group, away)
            return stable
        began = system_now() - timedelta(seconds=self._deadlines.patience_s)
        CLIENT_LOG.warning("offsets of %s are pending since %s: ended as far as they are ours", self._group, began)
        with closing(group_reader(self._kafka, self._group)) as reader:
            self._end([as_it_is(settled[0])], reader)
            found = answer(reader, asked, self._deadlines.ask_s)
        if found is None:
            raise AwayError(sentence(self._group, asked, began), ExitCode.BROKER_AWAY)
        return found


def pending(
    kafka: KafkaSettings, group: str, asked: Sequence[TopicPartition], ask_s: float
) -> list[TopicPartition] | None:
    """The settled offsets of a group, if the broker tells them, but none while a transaction may change them."""
    settled, stable = _told(kafka, group, asked, ask_s)
    return settled if stable is None else None


def _told(
    kafka: KafkaSettings, group: str, asked: Sequence[TopicPartition], ask_s: float
) -> tuple[list[TopicPartition] | None, list[TopicPartition] | None]:
    """What new clients are told of a group's offsets: as they are settled, and once no transaction may change them."""
    with closing(offset_reader(kafka, group)) as any_offsets:
        settled = answer(any_offsets, asked, ask_s)
    if settled is None:
        return None, None
    with closing(group_reader(kafka, group)) as stable_offsets:
        return settled, answer(stable_offsets, asked, ask_s)


def as_it_is(settled: TopicPartition) -> TopicPartition:
    """An offset for a transaction that is taken back: the one that the group has, with the note beside it.

    Why not any: where the broker leaves out the end of that transaction too, the next one commits it.
    """
    return TopicPartition(settled.topic, settled.partition, max(int(settled.offset), 0), settled.metadata or "")


def answer(consumer: Consumer, asked: Sequence[TopicPartition], timeout_s: float) -> list[TopicPartition] | None:
    """Committed offsets; None where there are none to be had now."""
    try:
        return without_errors(consumer.committed(list(asked), timeout=timeout_s))
    except KafkaException as error:
        if error.args[0].fatal() or not passes(error.args[0]):
            raise
        return None


def sentence(group: str, asked: Sequence[TopicPartition], began: datetime) -> str:
    """What is the matter, and what to do."""
    places = ", ".join(f"{tp.topic}/{tp.partition}" for tp in asked[:4]) + (" …" if len(asked) > 4 else "")
    return (
        f"offsets of {group} in {places} are pending since {began:%Y-%m-%d %H:%M:%S} UTC or longer, in a transaction "
        "that is not of this replica: if it is open, it ends at the time-out of whoever began it, and the service goes "
        f"on by itself; {_way_on(group)}"
    )


def held_back(kafka: KafkaSettings, ends: Mapping[Position, int]) -> tuple[Position, ...]:
    """Where an open transaction keeps readers of committed records from these ends."""
    with closing(EndOffsets(kafka, stable=True)) as stable:
        found = stable.ask(list(ends))
    return tuple(position for position, end in ends.items() if found[position] < end)


def held_back_sentence(group: str, position: Position) -> str:
    """What is the matter, and what to do."""
    return (
        f"{position[0]}/{position[1]} cannot be read: a transaction is open in it that is not of this replica. It ends "
        f"at the time-out of whoever began it, and the service goes on by itself; {_way_on(group)}"
    )


def _way_on(group: str) -> str:
    return f"if it lasts, stop the service and end it with `driftloop recover {group} --yes`, see {PAGE}"
