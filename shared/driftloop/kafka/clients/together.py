"""Sends records so that readers of committed records see all of them at once, or none.

Why the replay needs it: labels that come one by one may be cut into frames anywhere, and then the
frame at which a decision falls would depend on the machine's speed.
"""

from collections.abc import Sequence

from confluent_kafka import KafkaException

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import transactional_producer
from driftloop.kafka.deadlines import DEADLINES
from driftloop.kafka.settings import KafkaSettings

Keyed = tuple[str, bytes]
"""A record's key and value."""


class TogetherSender:
    """Sends batches, each in a transaction of its own. `name` is this sender's alone on the cluster."""

    def __init__(self, kafka: KafkaSettings, name: str) -> None:
        self._kafka = kafka
        self._producer = transactional_producer(kafka, name)
        self._started = False

    def send(self, topic: str, records: Sequence[Keyed], headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Return when all are on the log; raises UserError where they are not."""
        try:
            if not self._started:
                self._producer.init_transactions(DEADLINES.call_s)
                self._started = True
            self._producer.begin_transaction()
            for key, value in records:
                self._producer.produce(self._kafka.topic_prefix + topic, value, key, headers=list(headers))
                self._producer.poll(0)
            self._producer.commit_transaction(DEADLINES.call_s)
        except (KafkaException, BufferError) as error:
            raise UserError(
                f"{len(records)} records for {topic} were not delivered: {error}.", ExitCode.BROKER_AWAY
            ) from error
