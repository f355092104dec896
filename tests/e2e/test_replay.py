import pytest

from driftloop.verify.comparison import verify

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_the_loop_beats_the_first_model_and_says_why(undisturbed):
    assert undisturbed["never_retrained"] < 0.7
    assert undisturbed["accuracy"] > undisturbed["never_retrained"] + 0.12
    assert 1 <= undisturbed["retrains"] <= 4
    assert undisturbed["promotions"] >= 1
    assert undisturbed["kafka"] == {"version": "4.3.0", "embedded": True}
    assert all(decision["reason"] for decision in undisturbed["decisions"])


def test_the_signal_comes_after_the_drift_and_soon(undisturbed):
    rows = [signal["row"] for signal in undisturbed["signals"] if signal["harmful"]]
    assert rows
    assert min(rows) >= 900
    assert min(rows) <= 1150


def test_the_same_file_twice_gives_the_same_result(play, drift_csv, undisturbed):
    assert play(drift_csv) == undisturbed


@pytest.mark.parametrize(
    "services",
    [
        ("outcome_ingestion",),
        ("drift_detection",),
        ("retrain_coordinator",),
        ("trainer_worker",),
        ("outcome_archive", "challenge_scoring"),
    ],
    ids="+".join,
)
def test_services_killed_in_the_middle_change_nothing(play, drift_csv, undisturbed, spectator, services):
    witness = spectator(kill=services, kill_after_row=1000)
    assert play(drift_csv, witness) == undisturbed
    assert len(witness.killed) == len(services)
    assert verify(witness.recorded).differences == ()


def test_labels_that_come_late_lose_no_row(play, drift_csv):
    said = play(drift_csv, label_delay_rows=60)
    assert said["accuracy"] > said["never_retrained"] + 0.05
    assert said["promotions"] >= 1
