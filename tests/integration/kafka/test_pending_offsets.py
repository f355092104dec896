"""Offsets that are pending in a transaction which nobody ends, made on the real broker with its guard against it off.

With `transaction.partition.verification.enable` (the default) the broker refuses what is done here.
"""

import json
from contextlib import closing

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
from tests.cluster.cases_identity import events, expected, outcome, prepare, send, settled
from tests.raw_producer import leave_pending
from typer.testing import CliRunner

from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.errors import AwayError, ExitCode
from driftloop.kafka.admin import recovery
from driftloop.kafka.clients.clients import admin_client, transactional_producer
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.offsets import GroupOffsets
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import Deadlines
from driftloop.tools.cli.main import app
from outcome_ingestion.app import INGEST

pytestmark = pytest.mark.broker
GUARD = "transaction.partition.verification.enable"
INVALID_TXN_STATE = 48
PLACE = (PREDICTION_OUTCOMES, 0)


@pytest.fixture
def guard(kafka):
    """Sets the broker's guard; at the end it is back."""
    admin = admin_client(kafka)

    def set_to(value):
        entry = ConfigEntry(GUARD, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.BROKER, "1", incremental_configs=[entry])
        for done in admin.incremental_alter_configs([resource]).values():
            done.result(10)

    yield set_to
    set_to("true")


@pytest.fixture
def group(kafka, monkeypatch):
    """Ten rows are processed, ten wait; and whoever asks in vain is told so soon."""
    quick = Deadlines(ask_s=0.5, call_s=2.0, patience_s=1.0)
    monkeypatch.setattr(Deadlines, "of", lambda _: quick)
    monkeypatch.setattr(recovery, "patiently", lambda call, what: patiently(call, what, 1.0))
    monkeypatch.setattr(recovery, "_TIMEOUT_S", 2.0)
    prepare(kafka, partitions=2)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10)))
    settled(kafka)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10, 20)))
    return kafka.topic_prefix + INGEST.group


def left_pending(kafka, group, guard, slot):
    """The guard is known to the log a moment after it was set."""
    with closing(GroupOffsets(kafka, INGEST.group)) as offsets:
        before = offsets.ask([PLACE])
        guard("false")
        topic = kafka.topic_prefix + PREDICTION_OUTCOMES
        while (error := leave_pending(kafka.bootstrap_servers, f"{group}-{slot}", group, topic, 0, 99)) != 0:
            assert error == INVALID_TXN_STATE
        guard("true")
        assert offsets.ask([PLACE]) == before, "readers that do not wait see nothing of it"


def test_a_service_ends_what_is_pending_of_its_own_slot_and_goes_on(kafka, group, guard):
    left_pending(kafka, group, guard, slot=0)
    settled(kafka)
    assert events(kafka) == expected(range(20), "prediction")


def test_what_is_pending_of_another_slot_is_named_and_recover_ends_it(kafka, group, guard, monkeypatch):
    left_pending(kafka, group, guard, slot=1)
    with pytest.raises(AwayError) as away:
        settled(kafka)
    assert away.value.exit_code == ExitCode.BROKER_AWAY
    assert "are pending since" in away.value.sentence
    assert f"{kafka.topic_prefix}{PREDICTION_OUTCOMES}/0" in away.value.sentence
    assert f"`driftloop recover {INGEST.group} --yes`" in away.value.sentence
    monkeypatch.setenv("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("DRIFTLOOP_KAFKA_TOPIC_PREFIX", kafka.topic_prefix)
    run = CliRunner().invoke
    (said,) = json.loads(run(app, ["recover", INGEST.group, "--json"], catch_exceptions=False).output)["groups"]
    assert (said["pending"], said["done"]) == ([f"{PREDICTION_OUTCOMES}/0"], False)
    assert "nobody ends" in run(app, ["recover", INGEST.group, "--yes"], catch_exceptions=False).output
    settled(kafka)
    assert events(kafka) == expected(range(20), "prediction")


def test_with_its_guard_on_the_broker_refuses_offsets_of_no_transaction(kafka):
    prepare(kafka, partitions=2)
    group, topic = kafka.topic_prefix + INGEST.group, kafka.topic_prefix + PREDICTION_OUTCOMES
    assert leave_pending(kafka.bootstrap_servers, f"{group}-0", group, topic, 0, 99) == INVALID_TXN_STATE


@pytest.fixture
def held_changelog(kafka, group, monkeypatch):
    """Slot 1 has a transaction open in every partition of the changelog; readers wait for a second."""
    monkeypatch.setattr(LogReader.read_to, "__defaults__", (1.0,))
    other = transactional_producer(kafka, f"{INGEST.group}-1")
    other.init_transactions(20)
    other.begin_transaction()
    for number in (0, 1):
        other.produce(kafka.topic_prefix + INGEST.changelog, None, b"k", number)
    assert other.flush(20) == 0
    return other


def test_a_changelog_that_an_open_transaction_holds_back_is_named(kafka, held_changelog):
    with pytest.raises(AwayError) as away:
        settled(kafka)
    assert f"{INGEST.changelog}/" in away.value.sentence
    assert "a transaction is open in it that is not of this replica" in away.value.sentence
    assert f"`driftloop recover {INGEST.group} --yes`" in away.value.sentence
    held_changelog.abort_transaction(20)
    settled(kafka)
    assert events(kafka) == expected(range(20), "prediction")


def test_recover_ends_what_holds_a_changelog_back(kafka, held_changelog, monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("DRIFTLOOP_KAFKA_TOPIC_PREFIX", kafka.topic_prefix)
    run = CliRunner().invoke
    (said,) = json.loads(run(app, ["recover", INGEST.group, "--json"], catch_exceptions=False).output)["groups"]
    assert (said["pending"], said["done"]) == ([f"{INGEST.changelog}/0", f"{INGEST.changelog}/1"], False)
    said = run(app, ["recover", INGEST.group, "--yes"], catch_exceptions=False).output
    assert f"nobody ends holds back {INGEST.changelog}/0, {INGEST.changelog}/1" in said
    settled(kafka)
    assert events(kafka) == expected(range(20), "prediction")
