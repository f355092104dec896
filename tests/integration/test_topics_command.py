"""`driftloop topics` on a real broker."""

import json

import pytest
from typer.testing import CliRunner

from driftloop.contracts.topics import topics
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin import broker_release
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.cli.topics import app

pytestmark = pytest.mark.broker


@pytest.fixture
def environment(kafka: KafkaSettings) -> dict[str, str]:
    return {
        "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DRIFTLOOP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }


def test_apply_creates_every_topic_once_and_check_finds_nothing(environment: dict[str, str]):
    runner = CliRunner(env=environment)
    first = runner.invoke(app, ["apply", "--partitions", "2", "--json"])
    assert set(topics()) <= set(json.loads(first.stdout)["created"])
    assert json.loads(runner.invoke(app, ["apply", "--partitions", "2", "--json"]).stdout) == {"created": []}
    assert runner.invoke(app, ["check", "--partitions", "2"]).exit_code == 0


def test_check_names_what_is_missing_and_fails(environment: dict[str, str]):
    done = CliRunner(env=environment).invoke(app, ["check"])
    assert "outcome-frames: missing" in done.stdout
    assert isinstance(done.exception, UserError)


def test_check_names_a_topic_with_another_partition_count(environment: dict[str, str]):
    runner = CliRunner(env=environment)
    assert runner.invoke(app, ["apply", "--partitions", "2"]).exit_code == 0
    done = runner.invoke(app, ["check"])
    assert "outcome-frames: partitions is 2, 12 is declared" in done.stdout


def test_a_broker_that_does_not_answer_is_one_sentence():
    done = CliRunner().invoke(app, ["apply", "--bootstrap-servers", "127.0.0.1:1"])
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == ExitCode.BROKER_AWAY


def test_brokers_whose_release_may_lose_records_are_warned_of(environment: dict[str, str], monkeypatch):
    monkeypatch.setattr(broker_release, "LEAVES_ENDS_OUT", 29)  # as if the broker of the tests were one
    for command in (["apply", "--partitions", "2", "--json"], ["check", "--partitions", "2", "--json"]):
        done = CliRunner(env=environment).invoke(app, command)
        assert done.exit_code == 0
        json.loads(done.stdout)
        assert done.stderr.startswith("warning: the broker 127.0.0.1:")
