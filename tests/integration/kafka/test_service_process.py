import signal
import socket
import time
import urllib.request

import psutil
import pytest
from tests.chaos.case import Input
from tests.chaos.counter import SINK, SOURCE
from tests.chaos.run import Feeder, World, send
from tests.chaos.witness import read_all
from tests.quiescence import Quiescence

from driftloop.errors import ExitCode
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.embedded.broker import embedded_broker

pytestmark = pytest.mark.broker

QUICK_RETURN = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "400"}
"""A broker that was killed may come back before its old session is over only after so long."""
GROUP = {"counter_keyed": (SOURCE,)}


def endless():
    number = 0
    while True:
        yield Input(SOURCE, f"k{number % 7}", b"%d" % number)
        number += 1


def outputs(kafka):
    records = read_all(kafka.bootstrap_servers, [kafka.topic_prefix + SINK])
    return [record.value().partition(b"=")[0] for record in records]


def members(kafka):
    name = f"{kafka.topic_prefix}counter_keyed"
    admin = admin_client(kafka)
    return admin.describe_consumer_groups([name])[name].result().members


def counted(world):
    return sorted(outputs(world.kafka)) == sorted(item.value for item in world.sent)


def test_sigterm_under_load_ends_at_once_with_all_committed_and_the_group_left(kafka, start_counter, tmp_path):
    apply_topics(kafka, partitions=2, replication=1)
    world = World(kafka, tmp_path)
    watch = Quiescence(kafka, GROUP)
    feeder = Feeder(world, endless(), 400)
    replica = start_counter()
    send(kafka, [Input(SOURCE, "k", b"first")])
    watch.wait(60)
    feeder.start()
    started = time.monotonic()
    replica.send_signal(signal.SIGTERM)
    assert replica.wait(60) == ExitCode.OK
    assert time.monotonic() - started < 10
    feeder.stop()
    started = time.monotonic()
    start_counter()
    watch.wait(60)
    assert sorted(outputs(kafka)) == sorted([b"first", *(item.value for item in world.sent)])


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_replicas_come_and_go_under_load_and_nothing_is_lost_or_doubled(
    kafka, start_counter, tmp_path, wait_until, protocol
):
    apply_topics(kafka, partitions=4, replication=1)
    world = World(kafka, tmp_path)
    watch = Quiescence(kafka, GROUP)
    how = {"DRIFTLOOP_KAFKA_GROUP_PROTOCOL": protocol, "DRIFTLOOP_KAFKA_SESSION_TIMEOUT_MS": "3000"}
    running = [start_counter(0, **how)]
    watch.wait(60)
    feeder = Feeder(world, endless(), 200)
    feeder.start()
    for wanted in (3, 1, 2):
        while len(running) < wanted:
            running.append(start_counter(len(running), **how))
        wait_until(lambda: len(members(kafka)) == len(running), 60, "joining")
        while len(running) > wanted:
            leaving = running.pop()
            leaving.send_signal(signal.SIGTERM)
            assert leaving.wait(60) == ExitCode.OK
            assert len(members(kafka)) == len(running)
        fed = len(world.sent)
        deadline = time.monotonic() + 60
        while len(outputs(kafka)) < fed:
            assert time.monotonic() < deadline, "the replicas stand still"
    feeder.stop()
    watch.wait(60)
    assert counted(world)


def test_a_broker_that_is_away_is_one_sentence_and_exit_code_three(start_counter):
    replica = start_counter(servers="127.0.0.1:1")
    _, errors = replica.communicate(timeout=60)
    assert replica.returncode == ExitCode.BROKER_AWAY
    assert errors.strip().splitlines()[-1].startswith("no Kafka broker answers at 127.0.0.1:1")
    assert "Traceback" not in errors


def test_a_topic_that_is_not_there_is_one_sentence_and_exit_code_four(kafka, start_counter):
    replica = start_counter()
    _, errors = replica.communicate(timeout=60)
    assert replica.returncode == ExitCode.NOT_FOUND
    assert "run `driftloop topics apply`" in errors.strip().splitlines()[-1]


def test_health_and_metrics_are_served(kafka, start_counter, wait_until):
    apply_topics(kafka, partitions=1, replication=1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start_counter(COUNTER_METRICS_PORT=str(port))

    def fetch(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    wait_until(lambda: fetch("/readyz") == "ok\n", 60, "readiness")
    assert fetch("/livez") == "ok\n"
    send(kafka, [Input(SOURCE, "k", b"1"), Input(SOURCE, "k", b"2")])
    processed = 'driftloop_records_total{fate="processed",service="counter"} 2.0'
    wait_until(lambda: processed in fetch("/metrics"), 30, "a count of two")
    wait_until(lambda: 'driftloop_lag_records{partition="0"' in fetch("/metrics"), 30, "a lag")


def test_a_broker_killed_and_restarted_under_load_loses_nothing(kafka, start_counter, tmp_path, wait_until):
    folder, log = tmp_path / "kafka", tmp_path / "counter.log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = World(kafka.model_copy(update={"bootstrap_servers": f"127.0.0.1:{port}"}), tmp_path)
    feeder = Feeder(world, endless(), 300)
    with embedded_broker(folder, port=port, overrides=QUICK_RETURN) as broker:
        apply_topics(world.kafka, partitions=2, replication=1)
        start_counter(servers=broker.bootstrap_servers, log=log)
        feeder.start()
        wait_until(lambda: log.read_text().count('"restored"') == 2, 60, "the counter's start")
        kill_broker(broker)
    with embedded_broker(folder, port=port, overrides=QUICK_RETURN):
        fed = len(world.sent)
        while len(world.sent) < fed + 300:
            assert feeder.is_alive()
        feeder.stop()
        Quiescence(world.kafka, GROUP).wait(60)
        assert counted(world)


def kill_broker(broker):
    for child in psutil.Process(broker.pid).children():
        child.kill()
        child.wait()
