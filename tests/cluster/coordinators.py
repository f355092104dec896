"""Which broker coordinates a group, and which a replica's transactions."""

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings

_GROUPS, _TRANSACTIONS = "__consumer_offsets", "__transaction_state"


def group_coordinator(kafka: KafkaSettings, group: str) -> int:
    """The broker that leads the partition with the group's offsets."""
    return _leader(kafka, _GROUPS, group)


def transaction_coordinator(kafka: KafkaSettings, transactional_id: str) -> int:
    """The broker that leads the partition with the state of the id's transactions."""
    return _leader(kafka, _TRANSACTIONS, transactional_id)


def java_hash(text: str) -> int:
    """`String.hashCode`, as Kafka's `Utils.abs` makes a partition of it.

    >>> java_hash("outcome_ingestion-0") % 4 in range(4), java_hash("a"), java_hash("polygenelubricants")
    (True, 97, 0)
    """
    value = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (31 * value + unit) & 0xFFFFFFFF
    signed = value - (1 << 32) if value >> 31 else value
    return 0 if signed == -(1 << 31) else abs(signed)


def _leader(kafka: KafkaSettings, topic: str, key: str) -> int:
    found = admin_client(kafka).list_topics(timeout=10).topics.get(topic)
    if found is None:
        raise UserError(f"{topic} is not there yet")
    partition = found.partitions[java_hash(kafka.topic_prefix + key) % len(found.partitions)]
    if partition.leader < 0:
        raise UserError(f"partition {partition.id} of {topic} has no leader")
    return int(partition.leader)
