"""What a consumer is told beside records: which of it ends a process, and which passes."""

from confluent_kafka import KafkaError, Message

from driftloop.errors import AwayError
from driftloop.kafka.clients.clients import CLIENT_LOG
from driftloop.kafka.loop.transport import FencedError

_LOSES_RECORDS = frozenset({KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED})
"""With these the client has stepped over a record, or a whole batch of them."""
_FORBIDDEN = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED})


def raise_lasting(message: Message, error: KafkaError, prefix: str = "") -> None:
    """Raise what does not go away by itself; anything else is logged, and the client tries again.

    Raises AwayError where a record cannot be read or may not be, FencedError where the client broke for good.
    """
    topic = str(message.topic()).removeprefix(prefix)
    place = f"{topic} partition {message.partition()}"
    if error.code() in _LOSES_RECORDS:
        raise AwayError(
            f"a record of {place} at offset {message.offset()} cannot be read ({error.str()}): "
            "look at the broker's disk, and move the group past the record if it is lost"
        )
    if error.code() in _FORBIDDEN:
        raise AwayError(f"{topic} may not be read: {error.str()}")
    if error.fatal():
        raise FencedError(error.str())
    CLIENT_LOG.warning("%s: %s", place, error.str())
