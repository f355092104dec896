#!/usr/bin/env bash
# librdkafka 2.16.0 (confluent-kafka 2.16.1): `Consumer.close()` still calls `on_assign` back for partitions that the group
# gave while nobody polled. Within that callback `committed()`, which is answered at once within poll(), is never answered:
# it fails with _DESTROY, or waits for its whole timeout and fails with _TIMED_OUT (seen with Apache Kafka 4.2.1 as the
# group's broker). A callback that asks until it gets an answer keeps `close()` from returning. The mock cluster that is part
# of the library is enough to see it.
# Seen: in poll ('assigned', 4, 'answered'), in close ('assigned', 4, '_TIMED_OUT').
source "$(dirname "$0")/_run.sh"
install confluent-kafka==2.16.1
run <<'PYTHON'
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition, libversion

print("librdkafka", libversion()[0])
mock = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused:1"})
servers = next(iter(mock.list_topics(timeout=30).brokers.values()))
address = f"{servers.host}:{servers.port}"
mock.produce("rows", b"1")
mock.flush(30)


def member(group, seen):
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "enable.auto.commit": False})

    def on_assign(_, found):
        try:
            consumer.committed([TopicPartition(p.topic, p.partition) for p in found], timeout=3)
            answer = "answered"
        except KafkaException as error:
            answer = error.args[0].name()
        seen.append(("assigned", len(found), answer))

    consumer.subscribe(["rows"], on_assign=on_assign)
    return consumer


polled, closed = [], []
first = member("polls", polled)
deadline = time.monotonic() + 60
while not polled and time.monotonic() < deadline:
    first.poll(0.1)
first.close()
second = member("closes", closed)
time.sleep(10)  # the assignment comes by itself; that nobody polls is the point
second.close()
print("in poll: ", polled)
print("in close:", closed)
assert polled == [("assigned", 4, "answered")], polled
assert len(closed) == 1 and closed[0][2] in ("_DESTROY", "_TIMED_OUT"), closed
PYTHON
