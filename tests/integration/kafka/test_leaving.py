"""A member that leaves with an assignment under way: it asks nobody for what goes again at once."""

import time

import pytest

from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.settings import LoopSettings

pytestmark = pytest.mark.broker


class Heard:
    """Notes what a transport says of its partitions."""

    def __init__(self):
        self.assigned = []

    def on_assigned(self, positions):
        self.assigned += positions

    def on_revoked(self, positions):
        pass

    on_lost = on_revoked


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_partitions_that_come_while_a_member_leaves_do_not_hold_it_up(kafka, wait_until, protocol):
    apply_topics(kafka, partitions=2, replication=1)
    settings = LoopSettings(service="counter", group="counter", inputs=("outcome-frames",), state="none")
    transport = KafkaTransport(settings, kafka.model_copy(update={"group_protocol": protocol}))
    heard, admin, group = Heard(), admin_client(kafka), f"{kafka.topic_prefix}counter"
    transport.open(heard)

    def given():
        members = admin.describe_consumer_groups([group])[group].result().members
        return any((member.target_assignment or member.assignment).topic_partitions for member in members)

    wait_until(given, 60, "an assignment that nobody has taken over")
    started = time.monotonic()
    transport.close()
    assert time.monotonic() - started < 5
    assert not heard.assigned
    assert not admin.describe_consumer_groups([group])[group].result().members
