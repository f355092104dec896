"""Takes records from the client in batches, and sorts out what it says beside them."""

import time
from collections.abc import Callable
from operator import methodcaller

from confluent_kafka import Consumer, KafkaError, Message

from driftloop.kafka.clients.log_reader import GONE
from driftloop.kafka.clients.messages import place_of, record_of
from driftloop.kafka.loop.consumer_errors import raise_lasting
from driftloop.kafka.loop.transport import Polled
from driftloop.kafka.settings import KafkaSettings

_ERROR = methodcaller("error")
_AT_ONCE = 500
"""Records asked for at most between two looks at how many bytes there are."""

Gone = Callable[[str, int, KafkaError], None]


class Polling:
    """`gone` is told of a partition whose next record is not in the log; it raises unless that is still doubted."""

    def __init__(self, kafka: KafkaSettings, consumer: Consumer, gone: Gone) -> None:
        self._prefix, self._consumer, self._gone = kafka.topic_prefix, consumer, gone
        self._linger_s, self._most_bytes = kafka.linger_ms / 1000, kafka.batch_bytes

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Wait for the first record, take what else is there, up to `limit` records or the settings' bytes."""
        polled = Polled()
        first = self._consumer.poll(timeout_s)
        if first is None:
            return polled
        self._sort_out(first, polled)
        deadline = time.monotonic() + self._linger_s
        size, taken = len(first), 1
        while (room := limit - len(polled.records)) > 0 and size < self._most_bytes:
            wait = max(0.0, deadline - time.monotonic()) if polled.records else 0.0
            fitting = -((size - self._most_bytes) * taken // max(size, 1))  # if the others are as large as these
            wanted = min(room, _AT_ONCE, fitting)
            more = self._consumer.consume(wanted, wait)
            self._sort_all_out(more, polled)
            size, taken = size + sum(map(len, more)), taken + len(more)
            if len(more) < wanted and (not polled.records or time.monotonic() >= deadline):
                break  # behind an end alone nothing is waited for: to ask again and again would only keep a core busy
        return polled

    def _sort_all_out(self, messages: list[Message], polled: Polled) -> None:
        if not self._prefix and not any(map(_ERROR, messages)):
            polled.records.extend(messages)  # type: ignore[arg-type]  # `Tasks.accept` refuses one without a place
            return
        for message in messages:
            self._sort_out(message, polled)

    def _sort_out(self, message: Message, polled: Polled) -> None:
        error = message.error()
        if error is None:
            polled.records.append(record_of(message, self._prefix))
        elif error.code() == KafkaError._PARTITION_EOF:
            topic, partition, end = place_of(message, self._prefix)
            polled.ends[topic, partition] = end
        elif error.code() in GONE:
            self._gone(str(message.topic()).removeprefix(self._prefix), int(message.partition() or 0), error)
        else:
            raise_lasting(message, error, self._prefix)
