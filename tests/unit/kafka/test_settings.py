import pytest
from pydantic import ValidationError

from driftloop.kafka.clients.clients import client_config, group_consumer
from driftloop.kafka.settings import KafkaSettings, LoopSettings


def test_a_secret_comes_from_its_file_and_is_never_shown(tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    kafka = KafkaSettings(security_protocol="SASL_SSL", sasl_username="u", sasl_password_file=file)
    assert client_config(kafka)["sasl.password"] == "s3cret"
    assert "s3cret" not in repr(kafka) + str(kafka) + kafka.model_dump_json()


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DRIFTLOOP_KAFKA_TOPIC_PREFIX", "mine.")
    monkeypatch.setenv("DRIFTLOOP_KAFKA_REPLICA", "3")
    kafka = KafkaSettings()
    assert (kafka.topic_prefix, kafka.replica) == ("mine.", 3)


def test_a_misspelt_setting_is_refused():
    with pytest.raises(ValidationError):
        KafkaSettings(bootstrap_server="x")
    with pytest.raises(ValidationError):
        LoopSettings(service="s", group="g", inputs=())


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_both_group_protocols_make_a_consumer(protocol):
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1", group_protocol=protocol)
    group_consumer(kafka, "g", inputs=2).close()
