"""A broker's release is told at every door, whoever asks, with the certificates that its clients have."""

import pytest

from driftloop.kafka.admin import broker_release

pytestmark = pytest.mark.broker

OURS = 29
"""The `metadata.version` of the broker of these tests, Kafka 4.2."""


@pytest.mark.parametrize("principal", ["outcome_ingestion", "drift_detection", "challenge_scoring"])
def test_it_is_told_over_tls(guarded, principal, monkeypatch):
    kafka = guarded.settings(principal)
    assert broker_release.warnings_of(kafka) == []
    monkeypatch.setattr(broker_release, "LEAVES_ENDS_OUT", OURS)
    (said,) = broker_release.warnings_of(kafka)
    assert said.startswith(f"the broker {kafka.bootstrap_servers} is of Kafka ")


def test_it_is_told_at_a_door_without_tls(guarded, monkeypatch):
    monkeypatch.setattr(broker_release, "LEAVES_ENDS_OUT", OURS)
    assert len(broker_release.warnings_of(guarded.administration)) == 1
