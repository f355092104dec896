"""Which answers of Kafka are asked for again."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from driftloop.kafka.clients.retries import patiently


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError._TRANSPORT,
        KafkaError.NOT_COORDINATOR,
        KafkaError._DESTROY_BROKER,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._OUTDATED,
        KafkaError._WAIT_CACHE,
        KafkaError.NETWORK_EXCEPTION,
    ],
)
def test_what_a_broker_says_that_has_just_come_back_is_asked_again(code):
    answers = iter([KafkaException(KafkaError(code)), "there"])

    def call():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(call, "asking") == "there"


def test_what_does_not_pass_is_raised_at_once():
    def call():
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    with pytest.raises(KafkaException):
        patiently(call, "asking")
