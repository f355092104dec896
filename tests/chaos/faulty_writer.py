"""Writers for fault tests, put in place by the tests' own entry point: no setting of the product reaches them.

`CHAOS_HOLD_IN_TRANSACTION_MS`: how long each transaction stays open with its records at the broker, so that faults
land there. `CHAOS_WITHOUT_TRANSACTIONS`: write without any, as the control that shows that a run can fail.
"""

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from driftloop.kafka.clients.clients import plain_producer
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.transport import AbortedError, Write
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import is_changelog

HOLD, WITHOUT = "CHAOS_HOLD_IN_TRANSACTION_MS", "CHAOS_WITHOUT_TRANSACTIONS"


def put_in_place(environment: Mapping[str, str]) -> None:
    """Let every transport of this process write as the environment says."""
    HoldingWriter.hold_s = float(environment.get(HOLD, "0")) / 1000
    if environment.get(WITHOUT):
        KafkaTransport.new_writer = WithoutTransactions
    elif HoldingWriter.hold_s:
        KafkaTransport.new_writer = HoldingWriter


class HoldingWriter(Writer):
    """Stays in each transaction for a while, its records already at the broker."""

    hold_s: ClassVar[float] = 0.0

    def close(self, offsets: list[TopicPartition], consumer: Consumer) -> None:
        """Hold, then close."""
        self.flush()
        time.sleep(self.hold_s)
        super().close(offsets, consumer)


class WithoutTransactions(HoldingWriter):
    """What a careful service without transactions does: outputs, then its state, then how far it has read.

    Any other order would lose. A fault test that finds no doubles here proves nothing.
    """

    exact: ClassVar[bool] = False

    def open(self) -> None:
        """An idempotent producer and no more."""
        self._producer = plain_producer(self._kafka)

    def commit(self, writes: Sequence[Write], offsets: list[TopicPartition], consumer: Consumer) -> None:
        """One after the other."""
        for write in writes:
            if not is_changelog(write.topic):
                self.produce(write)
        self.flush()
        time.sleep(self.hold_s)
        for write in writes:
            if is_changelog(write.topic):
                self.produce(write)
        self.flush()
        try:
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise AbortedError(error.args[0].str()) from error
