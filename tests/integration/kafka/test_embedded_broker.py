import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.embedded import broker as embedded
from driftloop.kafka.embedded import runtime_jars
from driftloop.kafka.embedded.broker import broker_or, embedded_broker
from driftloop.kafka.embedded.free_port import free_port
from driftloop.kafka.embedded.transactions import ask_for_transactions
from driftloop.kafka.settings import KafkaSettings

pytestmark = pytest.mark.broker

OWNER = """
import json, sys, time
from driftloop.kafka.embedded.broker import embedded_broker
with embedded_broker() as broker:
    print(json.dumps([broker.pid, str(broker.folder), broker.bootstrap_servers]), flush=True)
    time.sleep(600)
"""


def listening(servers):
    host, port = servers.split(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def test_the_broker_dies_with_its_parent_even_when_that_is_killed(start_python, wait_until):
    owner = start_python("-c", OWNER)
    pid, folder, servers = json.loads(owner.stdout.readline())
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert any("kafka.Kafka" in process.cmdline() for process in family)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_until(lambda: not any(process.is_running() for process in family), 20, "the end of the broker")
    assert not listening(servers)
    wait_until(lambda: not Path(folder).exists(), 10, "the removal of its folder")


def test_killing_the_guard_kills_the_broker_and_its_end_is_told(wait_until):
    with embedded_broker() as broker:
        assert broker.obituary() is None
        children = psutil.Process(broker.pid).children()
        os.kill(broker.pid, signal.SIGKILL)
        wait_until(lambda: broker.obituary() is not None, 10, "the end of the guard")
        assert broker.obituary().startswith("the embedded broker was killed by signal 9; its last lines:\n")
        if sys.platform == "linux":
            wait_until(lambda: not any(child.is_running() for child in children), 10, "the end of the broker")


def test_a_kept_folder_keeps_its_records_and_has_one_broker_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_LOCK_SECONDS", 0.5)
    for _ in range(2):
        with embedded_broker(tmp_path) as broker:
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
            apply_topics(kafka, partitions=1, replication=1)
            sender = Sender(kafka)
            sender.send("model-events", "plant", b"{}")
            sender.close()
            reader = LogReader(kafka, ["model-events"])
            records = list(reader.read_to(reader.ends()))
            reader.close()
            with pytest.raises(UserError, match="another driftloop runs its broker in"), embedded_broker(tmp_path):
                pytest.fail("a second broker took the folder")
    assert len(records) == 2
    assert not listening(broker.bootstrap_servers)


def test_a_port_in_use_is_said_in_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use"), embedded_broker(port=port):
            pytest.fail("the port was taken twice")


def test_a_broker_that_does_not_start_says_why():
    with (
        pytest.raises(UserError, match=r"ended while starting: .*num\.network\.threads") as error,
        embedded_broker(overrides={"num.network.threads": "none"}),
    ):
        pytest.fail("it started")
    assert error.value.exit_code == ExitCode.BROKER_AWAY


def test_a_download_that_fails_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(runtime_jars, "_ENDPOINT", "org.apache.kafka:no-such-artifact")
    lines = []
    with pytest.raises(UserError, match="could not be downloaded") as error:
        runtime_jars.class_path(lines.append)
    assert "--bootstrap-servers" in error.value.sentence
    assert lines[0].startswith("Getting Apache Kafka")
    assert error.value.exit_code == ExitCode.BROKER_AWAY


def test_a_named_cluster_is_used_as_it_is(broker):
    with broker_or(broker.bootstrap_servers) as named:
        assert (named.embedded, named.version) == (False, None)
    assert listening(broker.bootstrap_servers)


def test_the_topic_of_transactions_is_there_once_it_was_asked_for(tmp_path: Path) -> None:
    with embedded_broker(tmp_path) as broker:
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        assert "__transaction_state" not in admin_client(kafka).list_topics(timeout=10).topics
        ask_for_transactions(kafka).join()
        assert "__transaction_state" in admin_client(kafka).list_topics(timeout=10).topics


def test_without_a_broker_nobody_waits_for_its_topic_of_transactions_for_ever() -> None:
    asked = ask_for_transactions(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"), seconds=0.2)
    asked.join(30)
    assert not asked.is_alive()
