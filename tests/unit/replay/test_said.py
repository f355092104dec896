"""What a replay says it read and inferred: the same in JSON, in sentences and on the page."""

from datetime import UTC, datetime

import numpy as np
import pytest

from driftloop.kafka.embedded.broker import Broker
from driftloop.tools.backtest.layout import layout_of
from driftloop.tools.backtest.opening import open_stream
from driftloop.tools.backtest.options import BacktestOptions
from driftloop.tools.backtest.outcome import backtest, outcome_json
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.journal import Journal
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.player import Played
from driftloop.tools.replay.recording import open_recording
from driftloop.tools.replay.result import replay_result, result_json
from driftloop.tools.reports.page import page_html
from driftloop.tools.reports.replay_page import replay_page

ROWS = 400


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    pressure = [f"{value:.3f}".replace(".", ",") for value in rng.normal(size=ROWS)]
    state = np.where(rng.random(ROWS) < 0.1, "defect", "normal")
    lines = (f"{1 + i // 24:02d}.03.2024 {i % 24:02d}:00;{pressure[i]};{state[i]}" for i in range(ROWS))
    found = tmp_path / "plant.csv"
    found.write_text("when;pressure;state\n" + "\n".join(lines) + "\n")
    return found


@pytest.fixture
def result(path):
    recording = open_recording(ReplayOptions(path, "state"))
    said = {"state": np.full(len(recording) - recording.train_rows, "normal", dtype=object)}
    played = Played(said, said, ["1.0.0"], Journal("plant"))
    return replay_result(recording, played, Broker("localhost:1", embedded=True, version="4.3.0"), 1.0)


def test_the_json_says_what_was_read_and_inferred_and_what_the_accuracy_hides(result):
    said = result_json(result)
    assert {key: said["file"][key] for key in ("format", "separator", "encoding", "rows")} == {
        "format": "csv",
        "separator": ";",
        "encoding": "utf-8",
        "rows": ROWS,
    }
    assert (said["target"], said["task"], said["features"]) == ("state", "binary", {"pressure": "number"})
    assert said["left_out"] == {"when": "it tells when a row happened"}
    assert (said["time"]["column"], said["time"]["first"]) == ("when", "2024-03-01")
    assert said["accuracy"] == said["majority"] > 0.8
    assert (said["recall"], said["precision"], said["f1"], said["positive"]) == (0.0, 0.0, 0.0, "defect")


def test_the_page_names_file_target_and_dates_and_has_the_majority_in_the_curve(result):
    html = page_html(replay_page(result))
    for words in ("plant.csv: state", "2024-03-01 00:00", "always saying normal", "it tells when a row happened"):
        assert words in html
    assert html.count('<polyline class="curve') == 3
    assert 'class="curve constant"' in html


def test_rows_happen_when_the_file_says(path):
    recording = open_recording(ReplayOptions(path, "state"))
    assert recording.time.at(25) == datetime(2024, 3, 2, 1, tzinfo=UTC)
    assert recording.time.column(25, 1)[0].as_py() == recording.time.at(25)
    assert recording.time.at(ROWS) > recording.time.at(ROWS - 1)
    delayed = open_recording(ReplayOptions(path, "state", label_delay_rows=300))
    assert delayed.spec.label_delay.give_up_seconds >= 300 * 3600


def test_a_backtest_cuts_and_judges_a_file_as_a_replay_does(path):
    recording = open_recording(ReplayOptions(path, "state"))
    stream = open_stream(str(path), Choices("state"))
    layout = layout_of(stream.name, len(stream.rows), recorded=True)
    assert (layout.first, layout.block) == (recording.train_rows, recording.block_rows)
    assert stream.spec.features == recording.spec.features
    assert stream.labels.tolist() == recording.labels["state"].tolist()
    options = BacktestOptions(learner="linear", policies=("never",))
    said = outcome_json(backtest(stream, options), options)
    assert said["file"]["separator"] == ";"
    assert said["majority"] > 0.8
    assert said["policies"]["never"]["recall"] <= 0.2
    assert said["policies"]["never"]["f1"] is not None
