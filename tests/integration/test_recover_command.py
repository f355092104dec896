"""`driftloop recover` as a person runs it, and what `driftloop status` says of what is refused."""

import json
from contextlib import closing

import pytest
from confluent_kafka import TopicPartition
from tests.cluster.cases_identity import delete_group, outcome, prepare, send, settled, stop_of
from typer.testing import CliRunner

from drift_detection.app import LOOP as DETECTION
from driftloop.contracts.topics import OUTCOME_FRAMES, PREDICTION_OUTCOMES
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import group_reader
from driftloop.tools.cli.main import app
from driftloop.tools.cli.status import refused, refused_words
from outcome_ingestion.app import INGEST

pytestmark = pytest.mark.broker


@pytest.fixture
def driftloop(kafka, monkeypatch, tmp_path):
    """Runs the command line against the test's broker."""
    monkeypatch.setenv("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("DRIFTLOOP_KAFKA_TOPIC_PREFIX", kafka.topic_prefix)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_the_command_says_what_it_would_do_and_does_it_with_yes(kafka, driftloop):
    prepare(kafka, partitions=1)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10)))
    settled(kafka)
    assert "state, offsets and log belong together" in driftloop("recover", "outcome_ingestion")
    assert all(not one["needed"] for one in json.loads(driftloop("recover", "--json"))["groups"])
    delete_group(kafka, INGEST.group)
    said = driftloop("recover", "outcome_ingestion")
    assert "the group's offsets are gone" in said
    assert "prediction-outcomes goes on from 10 (its log has 0 to 10)" in said
    assert "Nothing was changed." in said
    stop_of(kafka)
    assert "this was done" in driftloop("recover", "outcome_ingestion", "--yes")
    settled(kafka)


def test_a_changelog_that_lost_a_part_of_a_snapshot_is_named_and_emptied(kafka, driftloop):
    prepare(kafka, partitions=1)
    with closing(group_reader(kafka, DETECTION.group)) as group:
        group.commit(offsets=[TopicPartition(kafka.topic_prefix + OUTCOME_FRAMES, 0, 0)], asynchronous=False)
    assert "state, offsets and log belong together" in driftloop("recover", DETECTION.group)
    send(kafka, DETECTION.changelog, iter([("model", b"entry of a snapshot whose end is lost")]))
    said = driftloop("recover", DETECTION.group)
    assert "the state is damaged: drift_detection-changelog (entries without a manifest: 1)" in said
    assert "the state is built anew from the input" in said
    assert "this was done" in driftloop("recover", DETECTION.group, "--yes")
    assert "state, offsets and log belong together" in driftloop("recover", DETECTION.group)


@pytest.mark.parametrize("arguments", [("recover", "nobody"), ("recover", "--yes"), ("recover", "--from", "here")])
def test_a_wrong_argument_is_a_sentence(driftloop, arguments):
    with pytest.raises(UserError) as error:
        driftloop(*arguments)
    assert error.value.exit_code == ExitCode.USAGE


def test_the_status_names_whose_records_are_buried_and_why(kafka):
    prepare(kafka, partitions=1)
    bad = [(name, value.replace(b'"plant"', b'"nobody"')) for name, value in map(outcome, range(5))]
    send(kafka, PREDICTION_OUTCOMES, iter(bad))
    settled(kafka)
    (found,) = refused(kafka)
    assert (found["source"], found["class"], found["count"]) == (
        "model nobody on prediction-outcomes",
        "UnknownModel",
        5,
    )
    assert refused_words(found).startswith("Refused in the last day: 5 × UnknownModel, model nobody")
