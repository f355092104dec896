"""On the real client: a partition that it gave up is read on from where it stood, once a broker has the records."""

import pytest
from tests.cluster.cases_identity import events, expected, outcome, prepare, running, send, settle

from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

pytestmark = pytest.mark.broker
PLACE = (PREDICTION_OUTCOMES, 0)


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_partition_that_the_client_gave_up_is_read_on_and_the_others_with_it(kafka, monkeypatch, protocol):
    """One broker cannot be behind itself: it is asked for an offset that it does not have yet, and gets it later."""
    monkeypatch.setattr(KafkaTransport, "_several", lambda _: True)
    settings = kafka.model_copy(update={"group_protocol": protocol})
    prepare(settings, partitions=2)
    send(settings, PREDICTION_OUTCOMES, map(outcome, range(20)))
    with running(settings, Ingest(), INGEST) as loop:
        settle(settings, loop, INGEST)
        transport = loop._transport
        stood = loop._tasks.positions()[PLACE]
        transport.begin_at({PLACE: stood + 3})
        while not transport._member.doubts:
            loop.step()
        transport._member._begun[PLACE] = stood
        send(settings, PREDICTION_OUTCOMES, map(outcome, range(20, 60)))
        while transport._member.doubts:
            loop.step()
        settle(settings, loop, INGEST)
    assert events(settings) == expected(range(60), "prediction")
