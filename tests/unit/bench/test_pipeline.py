"""The pure parts of `driftloop bench pipeline` and `soak`."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.chaos.cases import gates

from driftloop.codec.frames import decode_frame
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.errors import UserError
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.bench.ingest_rows import encode, make_rows, profile_record
from driftloop.tools.bench.latencies import Latencies, slope_an_hour
from driftloop.tools.bench.measured_service import MeasuredService
from driftloop.tools.bench.pipeline import Load
from driftloop.tools.bench.slow_archive import SlowSink
from driftloop.tools.bench.soak import check_behind, trend
from driftloop.tools.bench.steady_load import due, make_events, publish, stamp
from driftloop.tools.cli.bench_pipeline import parse_shares
from outcome_ingestion.core.archive.rows import PlacedFrame


def test_an_event_differs_from_its_row_in_id_and_times_only():
    at = stamp(datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC))
    row = json.loads(encode(make_rows(1), "json")[0].value())
    event = json.loads(make_events(1)[0].text(b"load-7", at))
    times = dict.fromkeys(("predicted_at", "labelled_at"), "2026-03-01T12:00:00.000250Z")
    assert event == row | {"prediction_id": "load-7"} | times


def test_the_rate_holds_after_a_late_turn():
    sent = 0
    for elapsed in (0.005, 0.010, 0.500, 0.505):
        sent += due(elapsed, 1_000, sent)
    assert sent == 505
    assert due(0.5, 1_000, sent) == 0


class Sent:
    def __init__(self):
        self.values = []

    def send(self, topic, key, value):
        self.values.append(value)


def test_the_load_is_on_for_as_long_as_it_is_not_ended():
    sent, waits = Sent(), []

    def ended(timeout_s):
        time.sleep(timeout_s)
        waits.append(timeout_s)
        return len(waits) > 40

    figures = publish(sent, make_events(3), 5_000, "load", ended)
    assert figures["sent"] == len(sent.values) > 0
    assert figures["seconds"] >= sum(waits) > 0
    assert len({json.loads(value)["prediction_id"] for value in sent.values}) == len(sent.values)


def test_a_load_that_is_slower_than_its_rate_still_looks_whether_to_stop():
    class Slow(Sent):
        def send(self, topic, key, value):
            super().send(topic, key, value)
            time.sleep(0.0005)

    sent, turns = Slow(), []

    def ended(timeout_s):
        turns.append(len(sent.values))
        return len(turns) > 5

    publish(sent, make_events(3), 10_000, "load", ended)
    assert np.diff(turns).max() <= 1_000


class Looking:
    def look(self, timeout_s):
        time.sleep(timeout_s)


def test_a_service_that_ends_while_the_load_is_being_stopped_is_told_with_its_own_words(tmp_path):
    never = "import sys, time\nsys.stdin.read()\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", never], stdin=subprocess.PIPE, text=True) as process:
        try:
            with (
                MeasuredService(["no_such_module_of_driftloop"], KafkaSettings(), tmp_path) as service,
                pytest.raises(UserError, match=r"the service ended: .*No module named no_such_module_of_driftloop"),
            ):
                Load(process).stop(Looking(), service.check)
        finally:
            process.kill()


def test_a_soak_that_falls_behind_ends_before_the_log_loses_what_nobody_read():
    check_behind(300_000)
    with pytest.raises(UserError, match=r"9,000,000 events of the load wait for ingestion.*--share"):
        check_behind(9_000_000)


def test_quantiles_are_within_a_step_of_the_exact_ones():
    seconds = np.random.default_rng(1).lognormal(-3, 1, 20_000)
    some = Latencies()
    for part in np.array_split(seconds, 7):
        some.add(part)
    for share in (0.5, 0.99):
        assert some.quantile(share) == pytest.approx(np.quantile(seconds, share), rel=0.02)
    assert some.highest == seconds.max()


def test_no_row_has_no_quantile_and_a_long_one_is_not_lost():
    some = Latencies()
    assert np.isnan(some.quantile(0.5))
    some.add(np.array([5_000.0]))
    assert some.rows == 1
    assert some.quantile(0.99) == pytest.approx(1_000)


def test_a_trend_is_not_moved_by_peaks_or_by_what_warms_up():
    seconds = np.arange(0, 900, 1.0)
    noise = np.random.default_rng(2).normal(0, 0.05, 900)
    memory = 200 + 6 * seconds / 3600 + noise
    memory[::20] += 40
    memory[seconds < 300] -= 100
    slope, low, high = slope_an_hour(seconds, memory, 300)
    assert low < slope < high
    assert slope == pytest.approx(6, abs=1)


def test_a_trend_needs_samples():
    with pytest.raises(ValueError, match="three samples"):
        slope_an_hour([1, 2, 3], [1, 2, 3], 2)


def test_the_profile_of_the_rows_is_one():
    profile = ModelProfile.from_json(profile_record(make_rows(2_000)).value())
    assert len(profile.numeric) == 10
    assert profile.loss.rows == 2_000


@pytest.mark.parametrize("text", ["", "half", "0", "0.5,2"])
def test_shares_are_of_the_ceiling(text):
    with pytest.raises(UserError, match="--shares"):
        parse_shares(text)


class Kept:
    def __init__(self):
        self.did = []

    def archived_until(self, partition):
        return partition + 5

    def write(self, frames):
        self.did.append("written")


def test_a_slow_sink_writes_and_then_takes_as_long_as_its_rate_has_it():
    kept, said = Kept(), []
    slow = SlowSink(kept, 100, said.append, sleep=kept.did.append)
    sent = next(gates.frames())
    slow.write([PlacedFrame(0, 5, decode_frame(sent.value, sent.headers))])
    assert kept.did == ["written", gates.ROWS / 100]
    assert said[0]["rows"] == gates.ROWS
    assert said[0]["bytes"] >= 400
    assert slow.archived_until(2) == 7


def test_a_soak_that_is_too_short_for_a_trend_says_so():
    with pytest.raises(UserError, match="too short"):
        trend([0.0, 1.0], [5.0, 5.0])
