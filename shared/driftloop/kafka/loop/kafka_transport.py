"""The loop's transport over Kafka: one group member, one transactional producer, table readers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.admin.topics import changelog_config, create_topics
from driftloop.kafka.clients.clients import CLIENT_LOG, admin_client, group_consumer, require_broker
from driftloop.kafka.clients.log_reader import LogReader, OffsetsGoneError, partition_count
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.doubts import SURE_AFTER_S
from driftloop.kafka.loop.epochs import Epochs
from driftloop.kafka.loop.group_offsets import GroupOffsets
from driftloop.kafka.loop.identity import Facts, Stand, Trouble, Verdict, judge, note_of, sentence, truncated
from driftloop.kafka.loop.left_open import LeftOpen
from driftloop.kafka.loop.membership import Membership
from driftloop.kafka.loop.pending_offsets import PendingOffsets, held_back, held_back_sentence
from driftloop.kafka.loop.polling import Polling
from driftloop.kafka.loop.table import Tables
from driftloop.kafka.loop.topic_watch import TopicWatch
from driftloop.kafka.loop.transport import AbortedError, Polled, Position, Rebalance, Write
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import LogIdentity, Record

_BEHIND_S = 0.5


class KafkaTransport:
    """See `driftloop.kafka.loop.transport.Transport`. One thread.

    `Membership` comes and goes, `GroupOffsets` knows where the group stands, `Polling` reads, `Writer` writes.

    `new_writer` opens the slot's producer. It is an attribute and no setting: only a test that starts services from
    an entry point of its own can put another class there.
    """

    new_writer: type[Writer] = Writer

    def __init__(self, settings: LoopSettings, kafka: KafkaSettings) -> None:
        self._settings, self._kafka = settings, kafka
        self._deadlines = Deadlines.of(kafka)
        self._prefix = kafka.topic_prefix
        self._admin = admin_client(kafka)
        self.writer: Writer
        self._membership: Membership | None = None
        self._tables = Tables(kafka, settings.tables)
        self._ends = EndOffsets(kafka)
        self._counts: dict[str, int] = {}

    def open(self, rebalance: Rebalance) -> None:
        """Check the topics, fence an earlier incarnation, subscribe."""
        require_broker(self._kafka)
        self._prepare_topics()
        self.writer = self.new_writer(self._kafka, f"{self._settings.group}-{self._kafka.replica}")
        self._consume(group_consumer(self._kafka, self._settings.group, inputs=len(self._settings.inputs)))
        self._member.join(self._settings.inputs, rebalance)

    def _consume(self, consumer: Consumer) -> None:
        """Read through this consumer."""
        self._epochs = Epochs(self._prefix)
        unsettled = PendingOffsets(self._kafka, self._settings.group, self._end_pending)
        self._offsets = GroupOffsets(self._kafka, consumer, self._ends, self._epochs, unsettled)
        self._membership = Membership(self._kafka, consumer, self._offsets, self._epochs, self._watch.require_known)
        self._polling = Polling(self._kafka, consumer, self._refuse_gone)
        partitions = max(self._watch.identity.partitions[topic] for topic in self._settings.inputs)
        self._left_open = LeftOpen(self._kafka, self._settings, partitions, lambda: self.writer)

    @property
    def _member(self) -> Membership:
        assert self._membership is not None, "the transport is not open"
        return self._membership

    def _prepare_topics(self) -> None:
        """Know the topics; make the changelog where there is none."""
        settings = self._settings
        counts = {topic: partition_count(self._admin, self._kafka, topic) for topic in settings.inputs}
        for topic in settings.tables:
            partition_count(self._admin, self._kafka, topic)
        side_by_side = list(settings.inputs)
        if settings.state != "none":
            side_by_side.append(settings.changelog)
            name = self._prefix + settings.changelog
            if name not in self._admin.list_topics(timeout=self._deadlines.call_s).topics:
                create_topics(self._admin, [NewTopic(name, max(counts.values()), config=changelog_config())])
        self._watch = TopicWatch(self._kafka, self._admin, settings, side_by_side, exact=self.new_writer.exact)

    def identity(self) -> LogIdentity:
        """As of the start; while running the watch sees to it that it stays so."""
        return self._watch.identity

    def stands(self, positions: Sequence[Position]) -> dict[Position, Stand]:
        """Offsets, the notes beside them, and where the logs begin and end."""
        found, deadline = self._offsets.stands(positions), time.monotonic() + SURE_AFTER_S
        while _ahead(found) and self._several() and time.monotonic() < deadline:
            time.sleep(_BEHIND_S)  # perhaps a broker said where the log ends that is behind the others
            found = self._offsets.stands(positions)
        return found

    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """From what the client last heard of each partition's end; one that stands still is asked for."""
        return self._offsets.lag(positions)

    def _several(self) -> bool:
        """Whether there are several brokers, of which one may be behind."""
        answer = patiently(lambda: self._admin.list_topics(timeout=self._deadlines.call_s), "asking for the brokers")
        return len(answer.brokers) > 1

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Seek and deliver."""
        self._member.begin_at(offsets)

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Wait for the first record, take what else is there, up to `limit` records or the settings' bytes."""
        self._watch.look()
        self._left_open.look(self._member.begun)
        self._member.ask_again()
        polled = self._polling.poll(limit, timeout_s)
        if self._member.doubts:
            self._member.doubts.heard(polled.positions())
        return polled

    def _refuse_gone(self, topic: str, number: int, error: KafkaError) -> None:
        """Say how many records went before they were read, or were lost after it, and the way on.

        First only a doubt, where a broker that is behind the others would say the same.
        """
        stands = {topic: self._offsets.stands([(topic, number)])[topic, number]}
        verdict = judge(Facts(replace(self.identity(), exact=False), self._settings.changelog, stands))
        lost = truncated(topic, error.str())
        certain = lost or (verdict is not None and verdict.trouble is Trouble.RETENTION)
        if not certain and self._several() and self._member.doubts.raised((topic, number)):
            CLIENT_LOG.warning("%s/%d is asked for again, a broker may be behind: %s", topic, number, error.str())
            return
        gone = (
            lost
            or verdict
            or Verdict(Trouble.RETENTION, f"{topic} lacks the records after the last commit ({error.str()})")
        )
        words = sentence(self._settings.service, self._settings.group, number, gone)
        raise UserError(words, ExitCode.STATE_MISMATCH)

    def read(self, position: Position, start: int | None, stop: int | None) -> Iterator[Record]:
        """A reader of its own for one partition."""
        end = self._ends.ask([position])[position] if stop is None else stop
        begin = OFFSET_BEGINNING if start is None else start
        if end == 0 or begin >= end:
            return
        doubted, since, ended = -1, 0.0, False
        while True:
            try:
                with closing(LogReader(self._kafka, start={position: begin})) as reader:
                    for record in reader.read_to({position: end}):
                        begin = record.offset() + 1
                        if begin <= end:
                            yield record
            except OffsetsGoneError as error:  # perhaps of a broker that is behind the others: another client asks
                said, now = error.args[0].str(), time.monotonic()
                if begin != doubted:  # it was read up to there
                    doubted, since = begin, now
                if truncated(position[0], said) or now - since > SURE_AFTER_S or not self._several():
                    raise
                CLIENT_LOG.warning("%s/%d is read again, a broker may be behind: %s", *position, said)
                time.sleep(_BEHIND_S)
            except AwayError as away:
                ended = self._end_open(position, end, away, again=ended)
            else:
                return

    def _end_pending(self, offsets: list[TopicPartition], reader: Consumer) -> None:
        """Through the writer that is open then: who only looks has none."""
        self.writer.end_pending(offsets, reader)
        if self._settings.state != "none":
            self._left_open.end_held()

    def _end_open(self, position: Position, end: int, away: AwayError, *, again: bool) -> bool:
        """Nothing is delivered: if a transaction is open there, end it as far as it is ours; True."""
        if not held_back(self._kafka, {position: end}):
            raise away
        if again:
            raise AwayError(held_back_sentence(self._settings.group, position), ExitCode.BROKER_AWAY) from away
        CLIENT_LOG.warning("%s/%d holds an open transaction: ended if it is of this replica", *position)
        if position[0] == self._settings.changelog:
            self._left_open.end_held()
        else:
            self.writer.end_pending([], logs=[position])
        return True

    def poll_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows; all of them the first time."""
        return self._tables.poll()

    def catch_up_tables(self) -> list[tuple[str, list[Record]]]:
        """Rows up to the end of the log as of now."""
        return self._tables.catch_up()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; asked of the cluster once."""
        if topic not in self._counts:
            self._counts[topic] = partition_count(self._admin, self._kafka, topic)
        return self._counts[topic]

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        """Writes and offsets in one transaction; beside the offsets stands which state they belong to."""
        note = note_of(self._watch.identity, self._settings.changelog) if self._settings.state != "none" else ""
        self._epochs.read_by(self._member.consumer, offsets)
        try:
            self.writer.commit(writes, self._epochs.named(offsets, note), self._member.consumer)
        except AbortedError:
            self._left_open.wrote(writes, offsets, committed=False)
            raise
        self._left_open.wrote(writes, offsets, committed=True)

    def close(self) -> None:
        """Leave the group."""
        if self._membership is not None:
            self._membership.leave()
        self._tables.close()
        self._ends.close()


def _ahead(stands: Mapping[Position, Stand]) -> bool:
    """Whether a group is ahead of a log, as far as was said."""
    return any((stand.committed or 0) > stand.end for stand in stands.values())
