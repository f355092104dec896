"""Hands topics over to another client's consumer group at exact offsets, and removes the group afterwards."""

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings

_TIMEOUT_S = 10.0


def begin_group_at(kafka: KafkaSettings, group: str, offsets: Mapping[Position, int]) -> None:
    """Let a group that has no members begin at these offsets. Raises UserError after a minute.

    A group that nobody has used yet comes into being by this. Negative offsets stand for the beginning.
    """
    if not offsets:
        return
    wanted = [
        TopicPartition(kafka.topic_prefix + topic, number, max(0, offset))
        for (topic, number), offset in offsets.items()
    ]
    admin = admin_client(kafka)  # it must outlive its futures

    def alter() -> None:
        asked = ConsumerGroupTopicPartitions(kafka.topic_prefix + group, wanted)
        for done in admin.alter_consumer_group_offsets([asked], request_timeout=_TIMEOUT_S).values():
            for one in done.result().topic_partitions:
                if one.error is not None:
                    raise KafkaException(one.error)

    patiently(alter, f"setting the offsets of group {group}")


def remove_group(kafka: KafkaSettings, group: str) -> None:
    """Delete a group that has no members any more. Raises KafkaException where that is not possible."""
    admin = admin_client(kafka)
    for done in admin.delete_consumer_groups([kafka.topic_prefix + group], request_timeout=_TIMEOUT_S).values():
        done.result()
