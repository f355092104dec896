import pytest

from driftloop.kafka.embedded.runtime_jars import KAFKA_VERSION
from driftloop.tools.verify.comparison import verify

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_the_loop_beats_the_first_model_and_says_why(undisturbed):
    assert undisturbed["never_retrained"] < 0.7
    assert undisturbed["accuracy"] > undisturbed["never_retrained"] + 0.12
    assert 1 <= undisturbed["retrains"] <= 4
    assert undisturbed["promotions"] >= 1
    assert undisturbed["kafka"] == {"version": KAFKA_VERSION, "embedded": True}
    assert all(decision["reason"] for decision in undisturbed["decisions"])


def test_the_signal_comes_after_the_drift_and_soon(undisturbed):
    rows = [signal["row"] for signal in undisturbed["signals"] if signal["harmful"]]
    assert rows
    assert min(rows) >= 900
    assert min(rows) <= 1150


def test_every_service_killed_in_the_middle_changes_nothing(play, drift_csv, undisturbed, spectator):
    witness = spectator(
        kills={
            950: ("outcome_ingestion",),
            1000: ("drift_detection",),
            1050: ("retrain_coordinator",),
            1100: ("trainer_worker",),
            1150: ("outcome_archive", "challenge_scoring"),
            1200: ("outcome_ingestion", "drift_detection", "retrain_coordinator"),
        }
    )
    assert play(drift_csv, witness) == undisturbed
    assert len(witness.killed) == 9
    assert verify(witness.recorded).differences == ()


def test_labels_that_come_late_lose_no_row(play, drift_csv):
    said = play(drift_csv, label_delay_rows=60)
    assert said["accuracy"] > said["never_retrained"] + 0.05
    assert said["promotions"] >= 1
