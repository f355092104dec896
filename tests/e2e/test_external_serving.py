"""A model served by somebody else, on the real broker: it drifts, a script that knows nothing of driftloop trains, the
shadow proves, the owner is asked, deploys, and the loop is closed."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from driftloop.artifacts.store import load_model
from driftloop.clock import system_now
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.topics import DRIFT_SIGNALS, MODEL_EVENTS
from driftloop.kafka.clients.tail import Tail
from driftloop.learners.protocol import Rows
from driftloop.serving import OutcomePublisher
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.cli.main import app
from driftloop.tools.local.home import Home
from driftloop.tools.local.loop import local_loop
from driftloop.tools.registry.declaring import publish_spec

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PAGE = (Path(__file__).parents[2] / "docs" / "beside.md").read_text()
SCRIPT = re.search(r'```python title="train.py"\n(.*?)```', PAGE, re.DOTALL).group(1)
BLOCK, DRIFT_ROW, LAST_ROW = 100, 1000, 12_000
SPEC = ModelSpec.model_validate(
    {
        "model_id": "churn",
        "task": "binary",
        "features": {"usage": {}, "tickets": {}},
        "target": {"churned": {}},
        "serving": "external",
        "clock": "event",
        "baseline_rows": 500,
        "training": {"executor": "command", "entry": "churn", "maximum_rows": 600},
        "challenge": {"risk": 1e-4},
        "policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}},
    }
)


class Server:
    """Somebody's server: it predicts, runs one version more in the shadow, and deploys when it is told to."""

    def __init__(self, publisher):
        self.publisher, self.version, self.shadow, self.rows = publisher, "2026-05-blue", None, 0
        self.random = np.random.default_rng(5)
        self.models = {}

    def says(self, version, usage, tickets):
        if version not in self.models:
            return np.where(usage > 0, "yes", "no")
        return self.models[version].predict(Rows({"usage": usage, "tickets": tickets})).fields["churned"]

    def serve(self):
        """A block of requests, with their labels."""
        usage, tickets = self.random.normal(size=(2, BLOCK))
        truth = (usage > 0) != (self.rows >= DRIFT_ROW)
        truth ^= self.random.random(BLOCK) < 0.05
        said = self.says(self.version, usage, tickets)
        beside = None if self.shadow is None else self.says(self.shadow, usage, tickets)
        for row in range(BLOCK):
            at = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=self.rows + row)
            outcome = {
                "prediction_id": f"p-{self.rows + row}", "model_id": "churn", "model_version": self.version,
                "predicted_at": at.isoformat(), "features": {"usage": usage[row], "tickets": tickets[row]},
                "prediction": str(said[row]), "label": "yes" if truth[row] else "no", "labelled_at": at.isoformat(),
            }  # fmt: skip
            if beside is not None:
                outcome["shadow"] = {self.shadow: str(beside[row])}
            self.publisher.publish(outcome)
        self.publisher.flush()
        self.rows += BLOCK


def follow(server, events):
    """What the owner does about an event."""
    for event in events:
        if event.event == "challenged":
            server.models[event.version] = load_model(event.artifact, event.artifact_sha256)
            server.shadow = event.version
        elif event.event == "promotion_asked":
            server.version, server.shadow = event.version, server.version


def command_line(*arguments):
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 0, said.output
    return said.stdout


def test_a_model_that_others_serve_is_watched_trained_proven_and_deployed_by_its_owner(tmp_path, monkeypatch):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    monkeypatch.setenv("DRIFTLOOP_TRAINER_WORKER_COMMANDS", json.dumps({"churn": f"{{python}} {script}"}))
    home = tmp_path / "home"
    with local_loop(Home(home), environment={"DRIFTLOOP_KAFKA_FETCH_WAIT_MS": "20"}) as loop:
        publish_spec(loop.kafka, SPEC, system_now())
        with OutcomePublisher(loop.kafka) as publisher, Tail(loop.kafka, [MODEL_EVENTS, DRIFT_SIGNALS]) as tail:
            server, events, signals = Server(publisher), [], []
            while server.rows < LAST_ROW:
                server.serve()
                heard = tail.read(1.0)
                signals += [DriftSignal.from_json(r.value) for r in heard if r.topic == DRIFT_SIGNALS]
                new = [ModelEvent.from_json(record.value) for record in heard if record.topic == MODEL_EVENTS]
                events += new
                follow(server, new)
                if any(event.event == "promoted" and event.version == "1.0.0" for event in events):
                    break
                loop.check()
        runs = json.loads(command_line("runs", "list", "churn", "--json", "--home", home))
        logs = command_line("runs", "logs", runs[0]["run_id"], "--home", home)
    told = [(event.event, event.version) for event in events]
    assert told[:2] == [("registered", "2026-05-blue"), ("promoted", "2026-05-blue")]
    assert any(signal.harmful for signal in signals)
    life = [event for event, version in told[2:] if version == "1.0.0"]
    assert life == ["registered", "challenged", "promotion_asked", "promoted"]
    promoted = events[[event for event, _ in told].index("promoted", 2)]
    assert promoted.previous_version == "2026-05-blue"
    assert signals[0].message_id in promoted.caused_by
    asked = next(event for event in events if event.event == "promotion_asked")
    assert asked.evidence["rows"] > asked.evidence["validated_rows"]
    assert runs[0]["status"] == "succeeded"
    assert "proof: learnt" in logs
