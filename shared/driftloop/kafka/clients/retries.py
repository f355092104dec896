"""Calls Kafka again where its answer says that this helps."""

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from driftloop.errors import AwayError, ExitCode
from driftloop.kafka.deadlines import DEADLINES

T = TypeVar("T")

_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._DESTROY_BROKER,  # a broker left the metadata with a request of ours in hand
        KafkaError._OUTDATED,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,  # the same, of a request that was never sent: its broker could not be reached
        KafkaError._TRANSPORT,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._WAIT_CACHE,
        KafkaError._WAIT_COORD,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
    }
)


def passes(error: KafkaError) -> bool:
    """Whether an error goes away by itself."""
    return bool(error.retriable()) or error.code() in _PASSING


def patiently(call: Callable[[], T], what: str, deadline_s: float = DEADLINES.patience_s) -> T:
    """The answer of `call`, asked again while its errors are passing ones.

    Raises AwayError (`what` says what was tried) once the deadline is over, and other errors at once.
    """
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            return call()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if cause.fatal() or not passes(cause):
                raise
            if time.monotonic() > deadline:
                sentence = f"{what} did not work for {deadline_s:.0f} s: {cause.str()}"
                raise AwayError(sentence, ExitCode.BROKER_AWAY) from error
            time.sleep(0.02)
