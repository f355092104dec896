"""`driftloop versions register`: a model's file becomes an artifact, a profile and a command on the log."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from typer.testing import CliRunner

from driftloop.artifacts.store import open_artifact
from driftloop.clock import system_now
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_EVENTS, MODEL_PROFILES
from driftloop.errors import UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.cli.versions import app
from driftloop.tools.registry.declaring import publish_spec

pytestmark = pytest.mark.broker


def test_a_forest_of_somebody_else_is_taken_in(kafka, tmp_path: Path) -> None:
    apply_topics(kafka, partitions=1)
    features = {"a": Feature(), "b": Feature()}
    spec = ModelSpec(model_id="gate", task="binary", features=features, target={"y": TargetField()})
    publish_spec(kafka, spec, system_now())
    values = np.random.default_rng(0).normal(size=(200, 2))
    truth = np.where(values[:, 0] > 0, "yes", "no")
    forest = RandomForestClassifier(5, random_state=0).fit(values[:100], truth[:100])
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(forest))
    table = pa.table({"a": values[100:, 0], "b": values[100:, 1], "y": truth[100:]})
    pa_csv.write_csv(table, tmp_path / "rows.csv")
    command = [
        "register", "gate", str(tmp_path / "model.skops"), "--rows", str(tmp_path / "rows.csv"),
        "--artifact-uri", str(tmp_path / "artifacts"), "--json",
    ]  # fmt: skip
    environment = {
        "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DRIFTLOOP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }
    with Tail(kafka, [MODEL_COMMANDS, MODEL_PROFILES]) as tail:
        done = CliRunner(env=environment).invoke(app, [*command, "--version", "2.0.0"], catch_exceptions=False)
        found = {record.topic: record for record in tail.read_to_end()}
    said = json.loads(done.stdout)
    assert (said["format"], said["version"], said["held_out_rows"]) == ("skops", "2.0.0", 100.0)
    asked = ModelCommand.from_json(found[MODEL_COMMANDS].value or b"")
    assert (asked.command, asked.version, asked.artifact_sha256) == ("register", "2.0.0", said["sha256"])
    assert ModelProfile.from_json(found[MODEL_PROFILES].value or b"").version == "2.0.0"
    assert open_artifact(said["artifact"], said["sha256"])[0].manifest.learner == "skops"
    registered = ModelEvent(
        message_id=asked.message_id, model_id="gate", occurred_at=system_now(), event="registered", version="2.0.0",
        reason="test", artifact=said["artifact"], artifact_sha256=said["sha256"],
    )  # fmt: skip
    sender = Sender(kafka)
    sender.send(MODEL_EVENTS, "gate", registered.to_json())
    sender.close()
    another = RandomForestClassifier(7, random_state=1).fit(values[:100], truth[:100])
    (tmp_path / "model.skops").write_bytes(skops.io.dumps(another))
    with pytest.raises(UserError, match=r"gate has a version 2\.0\.0 already"):
        CliRunner(env=environment).invoke(app, [*command, "--version", "2.0.0"], catch_exceptions=False)
    open_artifact(said["artifact"], said["sha256"])
    with pytest.raises(UserError, match=r"served by|serves gate itself"):
        CliRunner(env=environment).invoke(
            app, ["register", "gate", "anything", "--format", "logged", "--version", "3.0.0"], catch_exceptions=False
        )
    with pytest.raises(UserError, match="Nothing tells what"):
        CliRunner(env=environment).invoke(
            app, ["register", "gate", "model.pkl", "--version", "3.0.0"], catch_exceptions=False
        )
