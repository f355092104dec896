import logging

import pytest
from confluent_kafka import KafkaError

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import CLIENT_LOG
from driftloop.kafka.loop.consumer_errors import raise_lasting
from driftloop.kafka.loop.transport import FencedError
from driftloop.testing.records import FakeRecord

RECORD = FakeRecord("prediction-labels", at_partition=2, at_offset=17)


@pytest.mark.parametrize("code", [KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError._NOT_IMPLEMENTED])
def test_a_record_that_the_client_stepped_over_ends_the_process_with_its_place(code):
    with pytest.raises(UserError, match="prediction-labels partition 2 at offset 17 cannot be read"):
        raise_lasting(RECORD, KafkaError(code))


def test_a_topic_that_may_not_be_read_is_named():
    with pytest.raises(UserError, match="prediction-labels may not be read"):
        raise_lasting(RECORD, KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def test_a_client_that_broke_for_good_ends_the_process():
    with pytest.raises(FencedError, match="gone"):
        raise_lasting(RECORD, KafkaError(KafkaError._FATAL, "gone", True))


def test_an_error_that_passes_is_told_and_no_more(caplog):
    with caplog.at_level(logging.WARNING, logger=CLIENT_LOG.name):
        raise_lasting(RECORD, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "not there yet"))
    assert caplog.messages == ["prediction-labels partition 2: not there yet"]
