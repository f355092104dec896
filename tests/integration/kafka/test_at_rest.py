"""When a group is at rest, by next offsets alone: markers need not be committed, open transactions count."""

from contextlib import closing

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic
from tests.quiescence import Quiescence

from driftloop.errors import UserError
from driftloop.kafka.admin.rest import Rest
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client, group_reader, transactional_producer
from driftloop.kafka.clients.offsets import EndOffsets

pytestmark = pytest.mark.broker

HERE = ("outcome-frames", 0)


def test_a_group_is_at_rest_once_it_has_every_record_whatever_markers_follow(kafka):
    name, groups = kafka.topic_prefix + "outcome-frames", {"counter": ("outcome-frames",)}
    create_topics(admin_client(kafka), [NewTopic(name, 1, 1)])
    both_ends = Quiescence(kafka, groups)
    with (
        closing(Rest(kafka, groups, plain=())) as rest,
        closing(EndOffsets(kafka)) as ends,
        closing(group_reader(kafka, "counter")) as group,
    ):

        def commit() -> None:
            """As far as the record; where a client stands behind it depends on when it met the marker."""
            group.commit(offsets=[TopicPartition(name, 0, 1)], asynchronous=False)

        assert rest.ends_at_rest() == {HERE: 0}
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
        rest.await_groups(60.0, commit)
        assert rest.ends_at_rest() == {HERE: 1}
        assert not both_ends.quiescent(), "the marker is not committed"
