"""The loop's transport over Kafka: one group member, one transactional producer, table readers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from operator import methodcaller
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import changelog_config, create_topics
from driftloop.kafka.clients.clients import admin_client, group_consumer, require_broker
from driftloop.kafka.clients.log_reader import LogReader, partition_count, unprefixed
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.consumer_errors import raise_lasting
from driftloop.kafka.loop.identity import Facts, Stand, Trouble, Verdict, judge, note_of, sentence
from driftloop.kafka.loop.table import Tables
from driftloop.kafka.loop.topic_watch import TopicWatch
from driftloop.kafka.loop.transport import Polled, Position, Rebalance, Write
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import LogIdentity, Record

_ERROR = methodcaller("error")
_LAG_S = 1.0
_AT_ONCE = 500
"""Records asked for between two looks at how many bytes there are."""


class KafkaTransport:
    """See `driftloop.kafka.loop.transport.Transport`. One thread.

    `new_writer` opens the slot's producer. It is an attribute and no setting: only a test that starts services from
    an entry point of its own can put another class there.
    """

    new_writer: type[Writer] = Writer

    def __init__(self, settings: LoopSettings, kafka: KafkaSettings) -> None:
        self._settings, self._kafka = settings, kafka
        self._deadlines = Deadlines.of(kafka)
        self._prefix = kafka.topic_prefix
        self._admin = admin_client(kafka)
        self._consumer: Consumer
        self.writer: Writer
        self._tables = Tables(kafka, settings.tables)
        self._ends = EndOffsets(kafka)
        self._counts: dict[str, int] = {}

    def open(self, rebalance: Rebalance) -> None:
        """Check the topics, fence an earlier incarnation, subscribe."""
        require_broker(self._kafka)
        self._prepare_topics()
        self.writer = self.new_writer(self._kafka, f"{self._settings.group}-{self._kafka.replica}")
        self._consumer = group_consumer(self._kafka, self._settings.group, inputs=len(self._settings.inputs))
        self._consumer.subscribe(
            [self._prefix + topic for topic in self._settings.inputs],
            on_assign=lambda _, found: self._on_assign(rebalance, found),
            on_revoke=lambda _, found: self._on_revoke(rebalance, found),
            on_lost=lambda _, found: self._on_lost(rebalance, found),
        )

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

    # -- partitions come and go -------------------------------------------------------------

    def _positions(self, found: list[TopicPartition]) -> list[Position]:
        return [(tp.topic.removeprefix(self._prefix), tp.partition) for tp in found]

    def _named(self, position: Position, offset: int = -1001, note: str = "") -> TopicPartition:
        return TopicPartition(self._prefix + position[0], position[1], offset, note)

    def _on_assign(self, rebalance: Rebalance, found: list[TopicPartition]) -> None:
        """Take them over, standing still at the group's offsets.

        Why not at the beginning: the client then asks the broker where that is, and an answer that comes after
        `begin_at` takes the partition back there. All of the log is then read once more to be thrown away.
        """
        self._watch.require_known(self._positions(found))
        places = self.committed(self._positions(found)) if found else {}
        parked = [self._named(position, offset) for position, offset in places.items()]
        if self._kafka.group_protocol == "consumer":
            self._consumer.incremental_assign(parked)
        else:
            self._consumer.assign(parked)
        if parked:
            self._consumer.pause(parked)
        rebalance.on_assigned(self._positions(found))

    def _on_revoke(self, rebalance: Rebalance, found: list[TopicPartition]) -> None:
        rebalance.on_revoked(self._positions(found))
        self._let_go(found)

    def _on_lost(self, rebalance: Rebalance, found: list[TopicPartition]) -> None:
        rebalance.on_lost(self._positions(found))
        self._let_go(found)

    def _let_go(self, found: list[TopicPartition]) -> None:
        if self._kafka.group_protocol == "consumer":
            self._consumer.incremental_unassign(found)
        else:
            self._consumer.unassign()

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

    def _found(self, positions: Sequence[Position]) -> dict[Position, TopicPartition]:
        found = patiently(lambda: self._ask_committed(positions), "asking for the group's offsets")
        return {(tp.topic.removeprefix(self._prefix), tp.partition): tp for tp in found}

    def _ask_committed(self, positions: Sequence[Position]) -> list[TopicPartition]:
        found = self._consumer.committed(
            [self._named(position) for position in positions], timeout=self._deadlines.call_s
        )
        for tp in found:
            if tp.error is not None:
                raise KafkaException(tp.error)
        return found

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Seek and deliver."""
        for position, offset in offsets.items():
            self._seek(self._named(position, offset))
        self._consumer.resume([self._named(position) for position in offsets])

    def _seek(self, tp: TopicPartition) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                self._consumer.seek(tp)
            except KafkaException as error:  # the fetcher of a fresh partition may not be up yet
                if time.monotonic() > deadline or error.args[0].code() != KafkaError._STATE:
                    raise
                time.sleep(0.005)
            else:
                return

    # -- reading ------------------------------------------------------------------------------

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Wait for the first record, take what else is there, up to `limit` records or the settings' bytes."""
        self._watch.look()
        polled = Polled()
        first = self._consumer.poll(timeout_s)
        if first is None:
            return polled
        self._sort_out(first, polled)
        deadline = time.monotonic() + self._kafka.linger_ms / 1000
        size = len(first)
        while (room := limit - len(polled.records)) > 0 and size < self._kafka.batch_bytes:
            wait = max(0.0, deadline - time.monotonic()) if polled.records else 0.0
            more = self._consumer.consume(min(room, _AT_ONCE), wait)
            self._sort_all_out(more, polled)
            size += sum(map(len, more))
            if len(more) < _AT_ONCE and time.monotonic() >= deadline:
                break
        return polled

    def _sort_all_out(self, messages: list[Message], polled: Polled) -> None:
        if not self._prefix and not any(map(_ERROR, messages)):
            polled.records.extend(messages)  # type: ignore[arg-type]
            return
        for message in messages:
            self._sort_out(message, polled)

    def _sort_out(self, message: Message, polled: Polled) -> None:
        error = message.error()
        if error is None:
            polled.records.append(unprefixed(message, self._prefix))
        elif error.code() == KafkaError._PARTITION_EOF:
            position = str(message.topic()).removeprefix(self._prefix), int(message.partition() or 0)
            polled.ends[position] = int(message.offset() or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._refuse_gone(str(message.topic()).removeprefix(self._prefix), int(message.partition() or 0), error)
        else:
            raise_lasting(cast("Record", message), error)

    def _refuse_gone(self, topic: str, number: int, error: KafkaError) -> None:
        """Say how many records went before they were read, and the way on."""
        stands = {topic: self.stands([(topic, number)])[topic, number]}
        verdict = judge(Facts(replace(self.identity(), exact=False), self._settings.changelog, stands))
        gone = verdict or Verdict(Trouble.RETENTION, f"{topic} lacks the records after the last commit ({error.str()})")
        words = sentence(self._settings.service, self._settings.group, number, gone)
        raise UserError(words, ExitCode.STATE_MISMATCH)

    def read(self, position: Position, start: int | None, stop: int | None) -> Iterator[Record]:
        """A reader of its own for one partition."""
        end = self._ends.ask([position])[position] if stop is None else stop
        begin = OFFSET_BEGINNING if start is None else start
        if end == 0 or begin >= end:
            return
        with closing(LogReader(self._kafka, start={position: begin})) as reader:
            yield from (record for record in reader.read_to({position: end}) if int(record.offset() or 0) < end)

    def poll_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows; all of them the first time."""
        return self._tables.poll()

    def catch_up_tables(self) -> list[tuple[str, list[Record]]]:
        """Rows up to the end of the log as of now."""
        return self._tables.catch_up()

    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """From what the client last heard of each partition's end; one that stands still is asked for."""
        lags: dict[Position, int] = {}
        for position, safe in positions.items():
            with suppress(KafkaException):  # not known now: the last figure stands
                tp = self._named(position)
                low, high = self._consumer.get_watermark_offsets(tp, cached=True)
                if safe is None or high < 0:
                    low, high = self._consumer.get_watermark_offsets(tp, timeout=_LAG_S)
                lags[position] = max(0, high - (self._safe(tp, low) if safe is None else safe))
        return lags

    def _safe(self, tp: TopicPartition, low: int) -> int:
        (found,) = self._consumer.committed([tp], timeout=_LAG_S)
        return int(found.offset) if found.offset >= 0 else low

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; asked of the cluster once."""
        if topic not in self._counts:
            self._counts[topic] = partition_count(self._admin, self._kafka, topic)
        return self._counts[topic]

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        """Writes and offsets in one transaction; beside the offsets stands which state they belong to."""
        note = note_of(self._watch.identity, self._settings.changelog) if self._settings.state != "none" else ""
        named = [self._named(position, offset, note) for position, offset in offsets.items()]
        self.writer.commit(writes, named, self._consumer)

    def close(self) -> None:
        """Leave the group."""
        if hasattr(self, "_consumer"):
            self._consumer.close()
        self._tables.close()
        self._ends.close()
