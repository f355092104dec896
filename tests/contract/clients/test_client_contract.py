"""What the simulated Kafka claims about the real one and its client; each test holds in both worlds."""

import pytest
from confluent_kafka import OFFSET_END, KafkaError, KafkaException

from .conftest import OTHER, TOPIC

FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
UNANSWERED = (KafkaError._TIMED_OUT, KafkaError._DESTROY)
UNDECIDED = (KafkaError._TIMED_OUT, KafkaError.UNSTABLE_OFFSET_COMMIT)


def produce(world, producer, values, topic=TOPIC):
    for value in values:
        producer.produce(world.kafka.topic_prefix + topic, value, b"key", 0)


def committed_transaction(world, producer, values):
    producer.begin_transaction()
    produce(world, producer, values)
    producer.commit_transaction(15)


def test_a_marker_takes_an_offset_and_the_end_lies_behind_it(world):
    committed_transaction(world, world.producer("a"), [b"1", b"2"])
    values, ends = world.heard(world.reader(TOPIC), 2)
    assert (values, ends[-1]) == ([b"1", b"2"], 3)


def test_aborted_records_take_offsets_and_are_never_delivered(world):
    producer = world.producer("a")
    producer.begin_transaction()
    produce(world, producer, [b"1", b"2"])
    producer.flush(15)
    producer.abort_transaction(15)
    committed_transaction(world, producer, [b"3"])
    values, ends = world.heard(world.reader(TOPIC), 1)
    assert (values, ends[-1]) == ([b"3"], 5)


def test_nothing_behind_an_open_transaction_is_delivered_and_the_end_is_told_before_it(world):
    producer, plain = world.producer("a"), world.plain()
    produce(world, plain, [b"0"])
    plain.flush(15)
    producer.begin_transaction()
    produce(world, producer, [b"1"])
    producer.flush(15)
    produce(world, plain, [b"2"])
    plain.flush(15)
    reader = world.reader(TOPIC)
    assert world.heard(reader, 1) == ([b"0"], [1])
    producer.commit_transaction(15)
    assert world.heard(reader, 2)[0] == [b"1", b"2"]


@pytest.mark.parametrize(("stable", "end"), [(False, 2), (True, 0)], ids=["any-records", "committed-records"])
def test_an_end_that_is_asked_for_counts_open_transactions_in_unless_committed_records_are_read(world, stable, end):
    producer = world.producer("a")
    producer.begin_transaction()
    produce(world, producer, [b"1", b"2"])
    producer.flush(15)
    (found,) = world.asker("g", stable=stable).offsets_for_times([world.named(TOPIC, OFFSET_END)], timeout=10)
    assert found.offset == end
    producer.abort_transaction(15)


def test_a_second_producer_of_a_name_fences_the_first_and_aborts_what_it_had_open(world):
    first = world.producer("slot")
    first.begin_transaction()
    produce(world, first, [b"lost"])
    first.flush(15)
    second = world.producer("slot")
    with pytest.raises(KafkaException) as refused:
        first.commit_transaction(15)
    assert refused.value.args[0].fatal()
    assert refused.value.args[0].code() in FENCED
    committed_transaction(world, second, [b"kept"])
    assert world.heard(world.reader(TOPIC), 1)[0] == [b"kept"]


def test_a_producer_outside_a_transaction_refuses_to_produce_and_to_commit(world):
    producer = world.producer("a")
    for call in (lambda: produce(world, producer, [b"1"]), lambda: producer.commit_transaction(5)):
        with pytest.raises(KafkaException) as refused:
            call()
        assert refused.value.args[0].code() == KafkaError._STATE


def joined(world, consumer, group_topic=TOPIC):
    """A member that was given the partition, standing still at its beginning."""
    given = []
    consumer.subscribe(
        [world.kafka.topic_prefix + group_topic],
        on_assign=lambda c, found: (c.incremental_assign([world.named(group_topic, 0)]), given.extend(found)),
        on_revoke=lambda c, found: c.incremental_unassign(found),
        on_lost=lambda c, found: c.incremental_unassign(found),
    )
    world.until(lambda: consumer.poll(0.05) is None and given)
    return consumer


def test_offsets_of_an_open_transaction_are_awaited_by_who_reads_committed(world):
    producer, member = world.producer("a"), joined(world, world.member("g"))
    producer.begin_transaction()
    produce(world, producer, [b"1"], OTHER)
    producer.send_offsets_to_transaction([world.named(TOPIC, 7)], member.consumer_group_metadata(), 15)
    (found,) = world.asker("g", stable=False).committed([world.named(TOPIC)], timeout=10)
    assert found.offset < 0
    with pytest.raises(KafkaException) as waited:
        world.asker("g", stable=True).committed([world.named(TOPIC)], timeout=0.5)
    assert waited.value.args[0].code() in UNDECIDED
    producer.commit_transaction(15)
    (found,) = world.asker("g", stable=True).committed([world.named(TOPIC)], timeout=10)
    assert found.offset == 7


def test_a_member_that_left_cannot_commit_with_what_it_knew(world):
    producer, member = world.producer("a"), joined(world, world.member("g"))
    known = member.consumer_group_metadata()
    member.close()
    world.pass_time(0.5)
    producer.begin_transaction()
    produce(world, producer, [b"1"], OTHER)
    with pytest.raises(KafkaException) as refused:
        producer.send_offsets_to_transaction([world.named(TOPIC, 7)], known, 15)
    assert refused.value.args[0].txn_requires_abort()
    producer.abort_transaction(15)


def test_a_member_that_left_can_still_write_what_has_no_offsets(world):
    """Why each transaction of the loop holds offsets: only with them is the group asked."""
    producer, member = world.producer("a"), joined(world, world.member("g"))
    member.close()
    world.pass_time(0.5)
    committed_transaction(world, producer, [b"from outside the group"])
    assert world.heard(world.reader(TOPIC), 1)[0] == [b"from outside the group"]


def test_a_member_that_leaves_gets_no_answer_about_partitions_that_come_meanwhile(world):
    told = []

    def on_assign(consumer, found):
        with pytest.raises(KafkaException) as refused:
            consumer.committed(found, timeout=2)
        told.append((len(found), refused.value.args[0].code() in UNANSWERED))

    def left_unpolled(seconds):
        """Whether a member that leaves after so long, without a poll, was given its partition."""
        member = world.member("g")
        member.subscribe([world.kafka.topic_prefix + TOPIC], on_assign, lambda *_: None, lambda *_: None)
        world.pass_time(seconds)
        member.close()
        return bool(told)

    assert any(map(left_unpolled, (2, 8, 30)))  # it is given when the broker gets to it: nothing else tells
    assert told == [(1, True)]


def test_a_pause_throws_away_what_was_fetched_and_a_seek_goes_on_from_there(world):
    plain = world.plain()
    produce(world, plain, [b"%d" % number for number in range(6)])
    plain.flush(15)
    reader = world.reader(TOPIC)
    assert world.heard(reader, 1, end=False)[0] == [b"0"]
    reader.pause([world.named(TOPIC)])
    world.pass_time(0.3)
    assert reader.poll(0.05) is None
    reader.seek(world.named(TOPIC, 4))
    reader.resume([world.named(TOPIC)])
    assert world.heard(reader, 2)[0] == [b"4", b"5"]


def test_an_offset_behind_the_end_is_an_error_and_no_reset(world):
    reader = world.reader(TOPIC, 5)
    heard = world.until(lambda: [m for m in [reader.poll(0.05)] if m is not None])
    assert heard[0].error().code() == KafkaError._AUTO_OFFSET_RESET
