from typing import Any

import pytest

from driftloop.kafka.clients import clients
from driftloop.kafka.settings import KafkaSettings


@pytest.mark.parametrize(
    "make",
    [clients.plain_producer, lambda kafka: clients.transactional_producer(kafka, "slot-0")],
    ids=["plain", "slot"],
)
def test_a_producer_has_one_request_in_flight(make, monkeypatch):
    """With more, a refused first batch counts as delivered once the second is taken, and its records are lost."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr(clients, "Producer", asked.update)
    make(KafkaSettings())
    assert asked["enable.idempotence"]
    assert asked["max.in.flight.requests.per.connection"] == 1
