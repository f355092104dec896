"""An independent reader: its own consumer, none of the loop's code."""

from collections.abc import Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from driftloop.kafka.loop.identity import MARK_KEY


def read_all(servers: str, topics: Iterable[str], *, committed: bool = True) -> list[Message]:
    """Every record of some topics, partition by partition; aborted ones too unless `committed`."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "witness",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 33_554_432,
        }
    )
    try:
        there = consumer.list_topics(timeout=30).topics
        places = [TopicPartition(t, number, OFFSET_BEGINNING) for t in topics for number in there[t].partitions]
        consumer.assign(places)
        return _until_ends(consumer, len(places))
    finally:
        consumer.close()


def _until_ends(consumer: Consumer, partitions: int) -> list[Message]:
    found: list[Message] = []
    ended = set()
    while len(ended) < partitions:
        message = consumer.poll(30)
        assert message is not None, "the broker says nothing"
        if (error := message.error()) is None:
            found.append(message)
        else:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ended.add((message.topic(), message.partition()))
    return sorted(found, key=lambda m: (m.topic(), m.partition(), m.offset()))


def aborted_records(servers: str, topics: Iterable[str]) -> int:
    """Records that were written and then taken back."""
    names = list(topics)
    return len(read_all(servers, names, committed=False)) - len(read_all(servers, names))


def kept_entries(changelog: Iterable[Message], partition: int) -> list[tuple[str, bytes]]:
    """What a compacted partition holds: each key's last value, deleted keys and the mark beside the state left out."""
    last = {record.key(): record.value() for record in changelog if record.partition() == partition}
    last.pop(MARK_KEY, None)
    return [(key.decode(), value) for key, value in last.items() if value is not None]
