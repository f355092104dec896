"""A fresh broker's topic of transactions, asked for before anybody waits for it."""

import threading
from contextlib import suppress

from confluent_kafka import KafkaException

from driftloop.errors import AwayError
from driftloop.kafka.clients.clients import transactional_producer
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.settings import KafkaSettings


def ask_for_transactions(kafka: KafkaSettings, seconds: float = 5.0) -> threading.Thread:
    """Let the broker make the topic meanwhile; the thread that asks, which ends when it is there or `seconds` are over.

    It is made for whoever asks first, which takes it a second, and clients look again every half second: each service
    would stand still for that. The slot that asks is nobody's, so that no service is fenced.
    """

    def ask() -> None:
        producer = transactional_producer(kafka, "local-loop")
        with suppress(KafkaException, AwayError):  # a service asks for itself, and says what is wrong
            patiently(lambda: producer.init_transactions(seconds), "asking for transactions", seconds)

    thread = threading.Thread(target=ask, name="transactions", daemon=True)
    thread.start()
    return thread
