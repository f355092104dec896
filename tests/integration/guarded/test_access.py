"""Nobody gets in without a password, and nobody does more than `deploy/acls.yaml` grants."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from tests.integration.guarded.conftest import BY_CERTIFICATE, give_passwords

from driftloop.contracts.topics import topics
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import STATEFUL_GROUPS
from driftloop.kafka.clients.clients import (
    admin_client,
    client_config,
    plain_producer,
    require_broker,
    transactional_producer,
)
from driftloop.kafka.clients.rotation import PASSWORDS
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.local.programs import BESIDE, LINEAGE, MIRRORS
from driftloop.tools.local.programs import PROCESSES as PROGRAMS

pytestmark = pytest.mark.broker

PROCESSES = list(PROGRAMS)
EVERYTHING = {*topics(), *(f"{group}-changelog" for group in STATEFUL_GROUPS)}


def write_error(kafka: KafkaSettings, topic: str) -> int | None:
    """The error of writing an empty record; None where it was taken."""
    errors: list[int | None] = []
    producer = Producer(client_config(kafka) | {"message.timeout.ms": 10_000, "log_level": 0})
    producer.produce(topic, b"", b"nobody", on_delivery=lambda error, _: errors.append(error.code() if error else None))
    producer.flush(15)
    return errors[0]


def read_error(kafka: KafkaSettings, topic: str) -> int | None:
    """The error of reading a topic's beginning; None where that is allowed."""
    quiet = {"group.id": "driftloop-reader", "enable.partition.eof": True, "log_level": 0}
    consumer = Consumer(client_config(kafka) | quiet)
    try:
        seen = consumer.list_topics(topic, timeout=15).topics[topic].error
        if seen is not None:
            return seen.code()
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(15)
        assert message is not None
        error = message.error()
        return None if error is None or error.code() == KafkaError._PARTITION_EOF else error.code()
    finally:
        consumer.close()


def test_grants_are_for_topics_and_groups_that_exist(guarded):
    for grant in guarded.grants.values():
        assert {*grant.reads, *grant.writes} <= EVERYTHING
        assert set(grant.groups) <= {*PROCESSES, *MIRRORS, *LINEAGE, "outcome_pairing", "outcome_translate-*"}
    assert {*PROCESSES, *BESIDE, *MIRRORS} <= set(guarded.grants)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_reads_and_writes_what_it_is_granted(guarded, process: str):
    kafka, grant = guarded.settings(process), guarded.grants[process]
    assert {topic: read_error(kafka, topic) for topic in grant.reads} == dict.fromkeys(grant.reads)
    assert {topic: write_error(kafka, topic) for topic in grant.writes} == dict.fromkeys(grant.writes)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_is_refused_one_topic_further(guarded, process: str):
    kafka, grant = guarded.settings(process), guarded.grants[process]
    further_to_read = min(EVERYTHING - {*grant.reads, *grant.writes})
    further_to_write = min(EVERYTHING - {*grant.writes} - {further_to_read})
    assert read_error(kafka, further_to_read) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert write_error(kafka, further_to_write) == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_nobody_joins_the_transactions_of_another(guarded):
    producer = transactional_producer(guarded.settings("outcome_archive"), "drift_detection-0")
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(15)
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_a_producer_may_send_outcomes_and_labels_and_cannot_read_them_back(guarded):
    kafka = guarded.settings("producer")
    assert write_error(kafka, "prediction-labels") is None
    assert write_error(kafka, "model-commands") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    refused = {KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED}  # whichever comes first
    assert read_error(kafka, "prediction-outcomes") in refused


def test_a_wrong_password_is_refused(guarded, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("guess\n")
    errors: list[KafkaError] = []
    kafka = guarded.settings("producer", sasl_password_file=wrong)
    producer = Producer(client_config(kafka) | {"error_cb": errors.append, "log_level": 0})
    while not errors:
        producer.poll(1)
    assert KafkaError._AUTHENTICATION in {error.code() for error in errors}


def sentence_of(kafka: KafkaSettings) -> tuple[str, int]:
    with pytest.raises(UserError) as refused:
        require_broker(kafka, timeout_s=5)
    return refused.value.sentence, refused.value.exit_code


@pytest.mark.parametrize("process", ["outcome_ingestion", "drift_detection"])
def test_a_secret_that_is_wrong_is_said_and_is_no_broker_that_is_away(guarded, tmp_path, process: str):
    wrong = tmp_path / "password"
    wrong.write_text("guess\n")
    said, code = sentence_of(guarded.settings(process, sasl_password=None, sasl_password_file=wrong))
    assert process in said
    assert "check DRIFTLOOP_KAFKA_SASL_*" in said
    assert "guess" not in said
    assert code == ExitCode.USAGE


@pytest.mark.parametrize("missing", [("ssl_ca_file",), ("ssl_certificate_file", "ssl_key_file")])
def test_a_certificate_that_is_missing_is_said(guarded, missing: tuple[str, ...]):
    said, code = sentence_of(guarded.settings(*BY_CERTIFICATE, **dict.fromkeys(missing)))
    assert "check DRIFTLOOP_KAFKA_SECURITY_PROTOCOL and DRIFTLOOP_KAFKA_SSL_*" in said
    assert code == ExitCode.USAGE


def test_a_password_that_changes_in_its_file_is_taken_without_a_restart(guarded, tmp_path):
    file = tmp_path / "password"
    file.write_text((guarded.folder / "producer.password").read_text())
    kafka = guarded.settings("producer", sasl_password=None, sasl_password_file=file)
    connected, admin = plain_producer(kafka), admin_client(kafka)
    assert connected.list_topics("prediction-labels", timeout=15).topics
    give_passwords(guarded.administration, {"producer": "the next one"})
    file.write_text("the next one\n")
    PASSWORDS.look()
    assert admin.list_topics("prediction-labels", timeout=15).topics, "connects for the first time with the new one"
    assert connected.list_topics("prediction-labels", timeout=15).topics
    assert plain_producer(kafka).list_topics("prediction-labels", timeout=15).topics, "made later by settings of before"
    file.unlink()
    PASSWORDS.look()
    assert admin.list_topics("prediction-labels", timeout=15).topics, "a file that is away changes nothing"
    (guarded.folder / "producer.password").write_text("the next one\n")
