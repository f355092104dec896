"""When a loop is at rest, by next offsets alone: markers need not be committed, open transactions count."""

import pytest
from confluent_kafka.admin import NewTopic
from tests.contract.loop.conftest import Counter
from tests.quiescence import Quiescence

from driftloop.errors import UserError
from driftloop.kafka.admin.rest import Rest
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client, transactional_producer
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Effects

pytestmark = pytest.mark.broker

SETTINGS = LoopSettings(service="counter", group="counter", inputs=("outcome-frames",), state="keyed")


HERE = ("outcome-frames", 0)


class Quiet(Counter):
    """Counts, and says nothing."""

    def process(self, records, now, *, tables_current=False):
        return Effects((), super().process(records, now).state_changes)


def test_a_group_is_at_rest_once_it_has_every_record_whatever_markers_follow(kafka):
    create_topics(admin_client(kafka), [NewTopic(kafka.topic_prefix + "outcome-frames", 1, 1)])
    name, groups = kafka.topic_prefix + "outcome-frames", {"counter": ("outcome-frames",)}
    rest = Rest(kafka, groups, plain=())
    both_ends, ends = Quiescence(kafka, groups), EndOffsets(kafka)
    loop = Loop(Quiet(), SETTINGS, kafka.model_copy(update={"marker_commit_ms": 600_000}))
    loop.start()
    try:
        while not loop.ready:
            loop.step()
        assert rest.ends_at_rest() == {("outcome-frames", 0): 0}
        producer = transactional_producer(kafka, "writer")
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(name, b"1", b"a")
        producer.flush(30)
        assert rest.ends_at_rest() is None, "a record of an open transaction is under way"
        producer.commit_transaction(30)
        while ends.ask([HERE])[HERE] < 2:  # a commit is told before its marker is written
            continue
        assert rest.ends_at_rest() is None, "the group has not read it"
        with pytest.raises(UserError, match="counter is 1 behind"):
            rest.await_groups(0.0, lambda: None)
        rest.await_groups(60.0, lambda: loop.step() and None)
        assert rest.ends_at_rest() == {("outcome-frames", 0): 1}
        assert not both_ends.quiescent(), "the marker is not committed"
    finally:
        loop._transport.close()
        rest.close()
        ends.close()
