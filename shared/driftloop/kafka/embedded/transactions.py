"""A fresh broker's topic of transactions, asked for before anybody waits for it."""

import threading
from contextlib import suppress

from confluent_kafka import KafkaException

from driftloop.kafka.clients.clients import transactional_producer
from driftloop.kafka.settings import KafkaSettings

_SECONDS = 5.0


def ask_for_transactions(kafka: KafkaSettings) -> threading.Thread:
    """Let the broker make the topic meanwhile; the thread that asks for it, which may be joined.

    It is made for whoever asks first, which takes it a second, and clients look again every half second: each service
    would stand still for that. The slot that asks is nobody's, so that no service is fenced.
    """

    def ask() -> None:
        with suppress(KafkaException):  # it is only made sooner: a service asks for itself, and says what is wrong
            transactional_producer(kafka, "local-loop").init_transactions(_SECONDS)

    thread = threading.Thread(target=ask, name="transactions", daemon=True)
    thread.start()
    return thread
