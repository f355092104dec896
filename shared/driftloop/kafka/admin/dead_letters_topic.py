"""Dead letters as an operator handles them: read, sent once more, deleted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from confluent_kafka import KafkaException, TopicPartition

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.loop.sources import source_of_letter
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record

_PREFIX = "dlq.error."
_TIMEOUT_S = 30.0
Place = tuple[int, int]
"""Partition and offset of a letter."""


@dataclass(frozen=True, slots=True)
class BuriedRecord:
    """A dead letter: the record as it was received, and why it is here (`error`, by short name)."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    error: dict[str, str]
    timestamp_ms: int

    @property
    def topic(self) -> str:
        """Where it was received."""
        return self.error.get("topic", "")


def read_dead_letters(kafka: KafkaSettings) -> list[BuriedRecord]:
    """Every dead letter that is kept, in the order of partition and offset."""
    reader = LogReader(kafka, [DEAD_LETTERS])
    try:
        letters = [_buried(record) for record in reader.read_to(reader.ends())]
    finally:
        reader.close()
    return sorted(letters, key=lambda letter: (letter.partition, letter.offset))


@dataclass(frozen=True, slots=True)
class Refused:
    """Records of one source that were buried for one reason: how many of the newest letters, and the last of them."""

    source: str
    error_class: str
    count: int
    message: str
    last_ms: int


def recently_refused(kafka: KafkaSettings, since_ms: int, most: int = 5_000) -> list[Refused]:
    """Who is refused and why, by the newest letters: those since a moment, at most `most` a partition."""
    reader = LogReader(kafka, [DEAD_LETTERS])
    try:
        ends = reader.ends()
    finally:
        reader.close()
    begin = {position: max(0, end - most) for position, end in ends.items() if end}
    return summed(_read_from(kafka, begin, ends), since_ms) if begin else []


def _read_from(kafka: KafkaSettings, begin: Mapping[Position, int], ends: Mapping[Position, int]) -> list[Record]:
    with closing(EndOffsets(kafka)) as edges:
        starts = edges.starts(list(begin))
    there = {position: max(offset, starts[position]) for position, offset in begin.items()}
    there = {position: offset for position, offset in there.items() if offset < ends[position]}
    if not there:
        return []
    with closing(LogReader(kafka, start=there)) as reader:
        return list(reader.read_to({position: ends[position] for position in there}))


def summed(records: Iterable[Record], since_ms: int) -> list[Refused]:
    """Letters by source and error class, the most first."""
    found: dict[tuple[str, str], Refused] = {}
    for record in records:
        letter = _buried(record)
        if letter.timestamp_ms < since_ms:
            continue
        source = str(source_of_letter(letter.topic, letter.key, letter.value, letter.headers))
        error_class = letter.error.get("class", "?")
        before = found.get((source, error_class))
        count = 1 + (before.count if before else 0)
        last = max(letter.timestamp_ms, before.last_ms if before else 0)
        found[source, error_class] = Refused(source, error_class, count, letter.error.get("message", ""), last)
    return sorted(found.values(), key=lambda one: (-one.count, one.source, one.error_class))


def send_again(kafka: KafkaSettings, letters: Iterable[BuriedRecord]) -> int:
    """Send records to the topic they came from, with their own key and headers; how many.

    Sending one twice does no harm: ingestion knows a prediction id that it has seen. Raises
    UserError where a letter does not say where it came from, or where one is not delivered.
    """
    sender = Sender(kafka)
    count = 0
    try:
        for letter in letters:
            if not letter.topic:
                raise UserError(f"Dead letter {letter.partition}:{letter.offset} does not say which topic it is from.")
            sender.send(letter.topic, letter.key, letter.value, letter.headers)
            count += 1
    finally:
        sender.close()
    return count


def delete_dead_letters(kafka: KafkaSettings, letters: Sequence[BuriedRecord]) -> None:
    """Delete these letters, and all that lie before them in their partitions."""
    last: dict[int, int] = {}
    for letter in letters:
        last[letter.partition] = max(letter.offset, last.get(letter.partition, -1))
    positions = [TopicPartition(kafka.topic_prefix + DEAD_LETTERS, p, offset + 1) for p, offset in last.items()]
    if not positions:
        return
    admin = admin_client(kafka)  # held: an answer never comes to a client that was let go
    try:
        for done in admin.delete_records(positions, request_timeout=_TIMEOUT_S).values():
            done.result(_TIMEOUT_S)
    except KafkaException as error:
        raise UserError(f"Kafka refused to delete: {error.args[0].str()}", ExitCode.BROKER_AWAY) from error


def erase_dead_letters(kafka: KafkaSettings, letters: Sequence[BuriedRecord], erased: Collection[Place]) -> int:
    """Delete the letters at these (partition, offset) and keep all others of `letters`; how many.

    Kafka deletes the beginning of a partition only. So those that lie before the last one to be deleted are buried
    once more, as they were, under a new place. They are on the log before anything is deleted; done again after a
    crash in between, they are not buried a third time.
    """
    reached, kept = reached_and_kept(letters, erased)
    sender = Sender(kafka)
    try:
        for one in kept:
            why = tuple((_PREFIX + name, text.encode()) for name, text in one.error.items())
            sender.send(DEAD_LETTERS, one.key, one.value, (*one.headers, *why))
    finally:
        sender.close()
    delete_dead_letters(kafka, reached)
    return sum((one.partition, one.offset) in erased for one in reached)


def reached_and_kept(
    letters: Sequence[BuriedRecord], erased: Collection[Place]
) -> tuple[list[BuriedRecord], list[BuriedRecord]]:
    """The letters that deleting these reaches, and those of them that have to be buried once more.

    One whose like lies beyond was buried by a run before that died, and lies there already.
    """
    last: dict[int, int] = {}
    for partition, offset in erased:
        last[partition] = max(offset, last.get(partition, -1))
    reached = [one for one in letters if one.offset <= last.get(one.partition, -1)]
    there = {_content(one) for one in letters if one.offset > last.get(one.partition, -1)}
    kept = {_content(one): one for one in reached if (one.partition, one.offset) not in erased}
    return reached, [one for content, one in kept.items() if content not in there]


def _content(letter: BuriedRecord) -> tuple[object, ...]:
    return letter.key, letter.value, letter.headers, tuple(sorted(letter.error.items()))


def _buried(record: Record) -> BuriedRecord:
    headers = record.headers() or ()
    return BuriedRecord(
        partition=record.partition(),
        offset=record.offset(),
        key=record.key(),
        value=record.value(),
        headers=tuple((name, value) for name, value in headers if not name.startswith(_PREFIX)),
        error={
            name.removeprefix(_PREFIX): (value or b"").decode("utf-8", "replace")
            for name, value in headers
            if name.startswith(_PREFIX)
        },
        timestamp_ms=record.timestamp()[1],
    )
