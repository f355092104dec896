import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.broker

SPEC = """
model_id: pricing
task: regression
features: {area: {kind: number}, city: {kind: category}}
target: {price: {kind: number}}
"""


def driftloop(*arguments, seconds=60, cwd=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLOOP_")}
    command = [sys.executable, "-c", "from driftloop.tools.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=environment, cwd=cwd, check=False
    )


def start_up(home: Path, log: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-c", "from driftloop.tools.cli.main import main; main()", "up", "--home", str(home)]
    return subprocess.Popen([*command, *options], stdout=log.open("w"), stderr=subprocess.STDOUT)


def await_line(log: Path, words: str, process: subprocess.Popen, seconds=180):
    deadline = time.monotonic() + seconds
    while words not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def stop(process: subprocess.Popen) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


@pytest.mark.slow
def test_up_stopped_and_started_keeps_specs_and_refuses_a_second_one(tmp_path):
    home, log, spec = tmp_path / "home", tmp_path / "up.log", tmp_path / "pricing.yaml"
    spec.write_text(SPEC)
    first = start_up(home, log, "--json")
    try:
        await_line(log, "Ctrl-C stops it", first)
        address = next(json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))["console"]
        for path in ("/livez", "/readyz", "/openapi.json", "/"):
            assert urllib.request.urlopen(address + path, timeout=10).status == 200
        assert driftloop("models", "apply", spec, "--home", home).stdout.startswith(
            "pricing: spec version 1 applied: the model is"
        )
        assert "nothing changed" in driftloop("models", "apply", spec, "--home", home).stdout
        changed = spec.with_name("changed.yaml")
        changed.write_text(f"{SPEC}\nclock: event\n")
        told = json.loads(driftloop("models", "apply", changed, "--home", home, "--json").stdout)
        assert (told["spec_version"], told["changed"], told["created"]) == (2, True, False)
        assert told["changes"] == [{"field": "clock", "before": "wall", "after": "event"}]
        frozen = driftloop("freeze", "pricing", "--reason", "stock-taking", "--home", home, "--json")
        assert json.loads(frozen.stdout)["decision"]["action"] == "freeze", frozen.stderr
        second = driftloop("up", "--home", home)
        assert second.returncode == 1
        assert "already runs" in second.stderr
        unknown = driftloop("models", "show", "weather", "--home", home)
        assert unknown.returncode == 4
        assert "There is no model weather; declared are: pricing" in unknown.stderr
    finally:
        assert stop(first) == 0
    assert driftloop("status", "--home", home).returncode == 3
    again = start_up(home, log)
    try:
        await_line(log, "Ctrl-C stops it", again)
        said = json.loads(driftloop("status", "--home", home, "--json").stdout)
        assert [model["model"] for model in said["models"]] == ["pricing"]
        assert all(service["alive"] for service in said["services"].values())
        history = json.loads(driftloop("models", "history", "pricing", "--home", home, "--json").stdout)
        assert [event["event"] for event in history] == ["frozen"]
        refused = driftloop("retrain", "pricing", "--home", home, "--json")
        assert json.loads(refused.stdout)["decision"]["action"] == "refuse", refused.stderr
        assert refused.returncode == 1
        assert driftloop("dlq", "list", "--home", home).stdout.strip() == "No dead letters."
    finally:
        assert stop(again) == 0


@pytest.mark.slow
def test_ctrl_c_stops_a_replay_cleanly_and_leaves_nothing_behind(tmp_path, drift_csv):
    home, log = tmp_path / "home", tmp_path / "replay.log"
    options = [str(drift_csv), "--target", "target", "--home", str(home)]
    # A runner in the background hands an ignored SIGINT down; a person's terminal does not.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listen}; from driftloop.tools.cli.main import main; main()", "replay", *options]
    process = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)
    await_line(log, "All services are ready", process)
    state = json.loads((home / "run" / "up.json").read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130, log.read_text()
    assert "Traceback" not in log.read_text()
    for pid in [state["broker_pid"], *(service["pid"] for service in state["services"].values())]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("replay", "gone.csv", "--target", "y"), "There is no file gone.csv", 4),
        (("replay", "rows.csv", "--target", "z"), "z is not a column of the file", 2),
        (("replay", "rows.csv", "--target", "y", "--pace", "slow"), "--pace is lockstep, max or rows a second", 2),
        (("replay", "rows.csv", "--target", "y", "--learner", "oracle"), "oracle", 2),
        (("replay", "rows.csv", "--target", "y", "--policy", "hope"), "hope", 2),
        (("replay", "rows.csv", "--target", "y", "--bootstrap-servers", "127.0.0.1:1"), "127.0.0.1:1", 3),
        (("status", "--bootstrap-servers", "127.0.0.1:1"), "127.0.0.1:1", 3),
        (("models", "apply", "gone.yaml"), "There is no file gone.yaml", 4),
        (("models", "apply", "wrong.yaml"), "wrong.yaml: task", 2),
        (("status",), "Nothing runs in .driftloop", 3),
    ],
)
def test_what_a_person_can_mend_is_one_sentence_and_a_code(tmp_path, arguments, words, code):
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{i % 13},{i % 2}\n" for i in range(200)))
    (tmp_path / "wrong.yaml").write_text(SPEC.replace("regression", "guessing"))
    done = driftloop(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, done.stderr
    assert words in said[0]


def test_a_port_in_use_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = driftloop("up", "--home", tmp_path / "home", "--port", port)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"driftloop: port {port} is in use")


def test_watch_finds_the_same_in_memory_and_through_the_real_loop(tmp_path):
    file, results = tmp_path / "rows.csv", []
    begun, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
    said = np.random.default_rng(4).integers(0, 2, 2_500)
    rows = [
        f"{begun + timedelta(minutes=at)},{at % 7},{'ab'[at % 2]},{said[at]},{said[at] ^ (at >= 1_500)},"
        f"{begun + timedelta(minutes=at) + day * (at % 3)}"
        for at in range(2_500)
    ]
    file.write_text("at,x,c,said,truth,known\n" + "\n".join(rows))
    named = ["--prediction", "said", "--label", "truth", "--time", "at", "--labelled-at", "known", "--segment", "c"]
    for how in ([], ["--kafka"]):
        done = driftloop("watch", file, *named, *how, "--json", tmp_path / "found.json", seconds=240)
        assert done.returncode == 0, done.stderr
        found = json.loads((tmp_path / "found.json").read_text())
        del found["wall_seconds"]
        results.append(found)
    assert any(signal["harmful"] for signal in results[0]["signals"])
    assert results[0] == results[1]
