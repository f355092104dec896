"""Positions as the client wants them: under the name that a topic has on a shared cluster."""

from collections.abc import Iterable

from confluent_kafka import OFFSET_INVALID, TopicPartition

from driftloop.kafka.loop.transport import Position


def named(
    prefix: str, position: Position, offset: int = OFFSET_INVALID, note: str = "", epoch: int | None = None
) -> TopicPartition:
    """A position for the client, with an offset, a note and the leader's epoch beside it if there are any."""
    if epoch is None:
        return TopicPartition(prefix + position[0], position[1], offset, note)
    return TopicPartition(prefix + position[0], position[1], offset, note, leader_epoch=epoch)


def position_of(prefix: str, found: TopicPartition) -> Position:
    """What the client calls by its full name.

    >>> position_of("a.", named("a.", ("drift-signals", 3)))
    ('drift-signals', 3)
    """
    return found.topic.removeprefix(prefix), found.partition


def positions_of(prefix: str, found: Iterable[TopicPartition]) -> list[Position]:
    """`position_of` of each."""
    return [position_of(prefix, one) for one in found]
