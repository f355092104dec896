"""Writes a transaction: records and input offsets, together or not at all."""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftloop.kafka.clients.clients import plain_producer, transactional_producer
from driftloop.kafka.clients.retries import passes, patiently
from driftloop.kafka.loop.transport import AbortedError, FencedError, Write
from driftloop.kafka.settings import KafkaSettings, is_changelog

_OFFSETS_S = 30.0
_COMMIT_S = 60.0


class Writer:
    """The producer of one replica slot. Opening it fences the slot's earlier owner."""

    def __init__(self, kafka: KafkaSettings, slot: str) -> None:
        self._kafka, self._slot = kafka, slot
        self._open()

    def _open(self) -> None:
        if not self._kafka.transactions:
            self._producer = plain_producer(self._kafka)
            return
        self._producer = transactional_producer(self._kafka, self._slot)
        patiently(lambda: self._producer.init_transactions(30), "joining the transactions of this replica's slot")

    def commit(self, writes: Sequence[Write], offsets: list[TopicPartition], consumer: Consumer) -> None:
        """One transaction. Raises AbortedError, FencedError."""
        if not self._kafka.transactions:
            self._commit_apart(writes, offsets, consumer)
            return
        try:
            self.begin(writes)
            if offsets:
                metadata = consumer.consumer_group_metadata()
                _retried(lambda: self._producer.send_offsets_to_transaction(offsets, metadata, _OFFSETS_S))
            self._hold()
            _retried(lambda: self._producer.commit_transaction(_COMMIT_S))
        except KafkaException as error:
            self._give_up(error)

    def begin(self, writes: Sequence[Write]) -> None:
        """Start a transaction and hand its records over."""
        self._producer.begin_transaction()
        for write in writes:
            self._produce(write)

    def abort(self) -> None:
        """Take back what the open transaction wrote."""
        self._producer.abort_transaction(_OFFSETS_S)

    def flush(self) -> None:
        """Wait until the broker has the records."""
        self._producer.flush(_OFFSETS_S)

    def _commit_apart(self, writes: Sequence[Write], offsets: list[TopicPartition], consumer: Consumer) -> None:
        """What a careful service without transactions does: outputs, then its state, then how far it has read.

        Any other order would lose. A fault test that finds no doubles here proves nothing.
        """
        for write in writes:
            if not is_changelog(write.topic):
                self._produce(write)
        self._hold()
        for write in writes:
            if is_changelog(write.topic):
                self._produce(write)
        self.flush()
        try:
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise AbortedError(error.args[0].str()) from error

    def _hold(self) -> None:
        """Stay in the transaction, its records already at the broker: here the faults of a test land."""
        if self._kafka.hold_in_transaction_ms or not self._kafka.transactions:
            self.flush()
            time.sleep(self._kafka.hold_in_transaction_ms / 1000)

    def _produce(self, write: Write) -> None:
        while True:
            try:
                self._producer.produce(
                    self._kafka.topic_prefix + write.topic,
                    write.value,
                    write.key,
                    -1 if write.partition is None else write.partition,
                    headers=list(write.headers),
                )
            except BufferError:  # the queue is full: wait for the broker to take some
                self._producer.poll(0.1)
            else:
                return

    def _give_up(self, error: KafkaException) -> None:
        """Abort where that is possible, take a new producer where nothing is known, else end."""
        cause: KafkaError = error.args[0]
        if cause.fatal():
            raise FencedError(cause.str()) from error
        try:
            self.abort()
        except KafkaException as refused:
            if refused.args[0].fatal():
                raise FencedError(refused.args[0].str()) from refused
            self._open()
        raise AbortedError(cause.str()) from error


def _retried(step: Callable[[], object]) -> None:
    """A step of a transaction that the client says may simply be called again, for a minute."""
    deadline = time.monotonic() + _COMMIT_S
    while True:
        try:
            step()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            lasting = cause.txn_requires_abort() or cause.fatal() or not (cause.retriable() or passes(cause))
            if lasting or time.monotonic() > deadline:
                raise
        else:
            return
