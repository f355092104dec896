"""Writes a transaction: records and input offsets, together or not at all."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from driftloop.kafka.clients.clients import transactional_producer
from driftloop.kafka.clients.retries import passes, patiently
from driftloop.kafka.clients.under_way import CALLS
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.transport import AbortedError, FencedError, Position, TooLargeError, Write
from driftloop.kafka.settings import KafkaSettings

_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
_TAKEN_BACK = frozenset({KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED, KafkaError._FENCED})
"""What a producer hears whose transaction the broker took back because it was open for too long."""


class Writer:
    """The producer of one replica slot. Opening it fences the slot's earlier owner.

    `exact`: records, state and offsets go together; false only of a writer that a fault test puts in place.
    """

    exact: ClassVar[bool] = True

    def __init__(self, kafka: KafkaSettings, slot: str) -> None:
        self._kafka, self._slot = kafka, slot
        self._deadlines = Deadlines.of(kafka)
        self._producer: Producer | None = None
        self.open()

    def open(self) -> None:
        """Take a new producer; the one before it is let go first, which waits for its threads."""
        with CALLS.under_way("letting a producer go"):
            self._producer = None
        self._producer = producer = transactional_producer(self._kafka, self._slot)
        patiently(
            lambda: producer.init_transactions(self._deadlines.call_s),
            "joining the transactions of this replica's slot",
            self._deadlines.patience_s,
        )

    @property
    def producer(self) -> Producer:
        """The producer that is open now."""
        assert self._producer is not None
        return self._producer

    def commit(self, writes: Sequence[Write], offsets: list[TopicPartition], consumer: Consumer) -> None:
        """One transaction. Raises AbortedError (TooLargeError where no broker would ever take it), FencedError."""
        began = time.monotonic()
        try:
            self.begin(writes)
            self.close(offsets, consumer)
        except KafkaException as error:
            self._give_up(error, time.monotonic() - began)

    def begin(self, writes: Sequence[Write]) -> None:
        """Start a transaction and hand its records over."""
        self.producer.begin_transaction()
        for write in writes:
            self.produce(write)

    def close(self, offsets: list[TopicPartition], consumer: Consumer) -> None:
        """Add the input offsets to the open transaction and commit it, within one budget for both."""
        call_s, deadline = self._deadlines.call_s, time.monotonic() + self._deadlines.close_s
        if offsets:
            metadata = consumer.consumer_group_metadata()
            _retried(lambda: self.producer.send_offsets_to_transaction(offsets, metadata, call_s), deadline)
        _retried(lambda: self.producer.commit_transaction(call_s), deadline)

    def abort(self) -> None:
        """Take back what the open transaction wrote."""
        self.producer.abort_transaction(self._deadlines.call_s)

    def end_pending(
        self,
        offsets: list[TopicPartition],
        reader: Consumer | None = None,
        logs: Sequence[Position] = (),
        *,
        commit: bool = False,
    ) -> None:
        """End what this producer left open in the group of `reader` and in `logs`: it is touched again, and taken back.

        With `commit` it is committed; only right where the transaction that was left open is known to have been.
        No transaction of ours may be under way. Raises FencedError; whether it helped has to be asked.
        """
        wait_s = self._deadlines.ask_s
        try:
            self.begin([Write(topic, b"", None, (), number) for topic, number in logs])
            self.producer.flush(wait_s)
            if reader is not None:
                self.producer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), wait_s)
            if commit:  # tried as a usual one is: given up, it would take back what is to be committed
                deadline = time.monotonic() + self._deadlines.close_s
                _retried(lambda: self.producer.commit_transaction(self._deadlines.call_s), deadline)
            else:
                self.producer.abort_transaction(wait_s)
        except KafkaException as error:
            with suppress(AbortedError):
                self._give_up(error, 0.0)

    def flush(self) -> None:
        """Wait until the broker has the records."""
        self.producer.flush(self._deadlines.call_s)

    def produce(self, write: Write) -> None:
        """Hand a record over; waits where the queue is full."""
        while True:
            try:
                self.producer.produce(
                    self._kafka.topic_prefix + write.topic,
                    write.value,
                    write.key,
                    -1 if write.partition is None else write.partition,
                    headers=list(write.headers),
                )
            except BufferError:  # the queue is full: wait for the broker to take some
                self.producer.poll(0.1)
            else:
                return

    def _give_up(self, error: KafkaException, open_s: float) -> None:
        """Abort where that is possible, take a new producer where nothing is known, else end."""
        cause: KafkaError = error.args[0]
        if cause.fatal() and not self._taken_back(cause, open_s):
            raise FencedError(cause.str()) from error
        try:
            self.abort()
        except KafkaException as refused:
            if refused.args[0].fatal() and not self._taken_back(refused.args[0], open_s):
                raise FencedError(refused.args[0].str()) from refused
            self.open()
        kind = TooLargeError if cause.code() in _TOO_LARGE else AbortedError
        raise kind(cause.str()) from error

    def _taken_back(self, cause: KafkaError, open_s: float) -> bool:
        """Whether the broker ended a transaction that was open for longer than it may be.

        Nobody has taken the slot then. To end the process would not help: the same batch would take as long again.
        """
        return cause.code() in _TAKEN_BACK and open_s > self._deadlines.transaction_s


def _retried(step: Callable[[], object], deadline: float) -> None:
    """A step of a transaction that the client says may simply be called again, until the deadline."""
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
