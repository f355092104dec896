"""A version in one file; and which artifacts may go."""

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import artifact_uri, verify_artifact, write_artifact
from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.errors import UserError
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.retention import removable, storage_bytes
from driftloop.tools.registry.transfer import export_version, import_version
from driftloop.tools.registry.view import RegistryView

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPEC = ModelSpec(model_id="plant", task="binary", features={"x": Feature()}, target={"y": TargetField()})
X = np.linspace(-1, 1, 60)
ROWS = Rows({"x": X}, {"y": np.where(X > 0, "yes", "no").astype(object)})


@pytest.fixture
def written(tmp_path):
    model = make_learner(SPEC, "linear", {}).fit(ROWS, None, warm_start=None, seed=1, progress=lambda step: None)
    manifest = Manifest(model_id="plant", version="1.0.0", learner="linear", spec_version=1, spec=SPEC)
    return write_artifact(artifact_uri(str(tmp_path / "here"), "plant", "1.0.0"), manifest, model)


def view_of(*happened):
    """A view after events: (what, version, predecessor, artifact)."""
    view = RegistryView()
    published = ModelSpecPublished(
        message_id=derive_id("spec"), model_id="plant", occurred_at=NOW, spec_version=1, spec=SPEC
    )
    records = [FakeRecord(topics.MODEL_SPECS, key="plant", value=published.to_json())]
    for number, (what, version, before, artifact) in enumerate(happened):
        event = ModelEvent(
            message_id=derive_id("event", number), model_id="plant", occurred_at=NOW, event=what, version=version,
            previous_version=before, reason="r", artifact=artifact.uri if artifact else None,
            artifact_sha256=artifact.sha256 if artifact else None,
        )  # fmt: skip
        records.append(FakeRecord(topics.MODEL_EVENTS, key="plant", value=event.to_json(), at_offset=number))
    view.take_in(records)
    return view


@pytest.fixture
def served(written):
    view = view_of(("registered", "1.0.0", None, written), ("promoted", "1.0.0", None, written))
    yield view
    view.close()


def test_a_version_travels_in_one_file(served, written, tmp_path):
    file = tmp_path / "plant.tar.gz"
    assert export_version(served, "plant", "1.0.0", file) > 500
    carried = import_version(file, str(tmp_path / "there"), requested_by="ada", now=NOW)
    assert (carried.model_id, carried.version, carried.spec) == ("plant", "1.0.0", SPEC)
    assert verify_artifact(carried.artifact, written.sha256).manifest.learner == "linear"
    assert (carried.command.command, carried.command.artifact) == ("register", carried.artifact)


def test_what_is_there_already_is_not_written_over(served, tmp_path):
    file = tmp_path / "plant.tar.gz"
    export_version(served, "plant", "1.0.0", file)
    with pytest.raises(UserError, match="already"):
        import_version(file, str(tmp_path / "here"), requested_by="ada", now=NOW)


def test_an_unknown_version_is_not_exported(served, tmp_path):
    with pytest.raises(UserError, match=r"no version 2\.0\.0"):
        export_version(served, "plant", "2.0.0", tmp_path / "x.tar.gz")


def test_a_damaged_artifact_is_not_exported(served, written, tmp_path):
    next(file for file in Path(written.uri).iterdir() if file.name != "manifest.json").write_bytes(b"?")
    with pytest.raises(UserError, match="damaged"):
        export_version(served, "plant", "1.0.0", tmp_path / "x.tar.gz")


@pytest.mark.parametrize("content", [b"no archive", None])
def test_another_file_is_refused(content, tmp_path):
    file = tmp_path / "x.tar.gz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        import_version(file, str(tmp_path), requested_by="ada", now=NOW)


def test_a_file_that_points_outside_is_refused(tmp_path):
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        for name in ("version.json", "artifact/../../evil"):
            data = json.dumps({}).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    with pytest.raises(UserError, match="no exported version"):
        import_version(file, str(tmp_path), requested_by="ada", now=NOW)


def test_champion_predecessor_and_challengers_are_never_removable():
    happened = [("registered", f"1.0.{number}", None, None) for number in range(8)]
    happened += [("promoted", "1.0.0", None, None), ("promoted", "1.0.1", "1.0.0", None)]
    happened += [
        ("archived", "1.0.0", None, None),
        ("promoted", "1.0.2", "1.0.1", None),
        ("archived", "1.0.1", None, None),
    ]
    happened += [("rejected", f"1.0.{number}", None, None) for number in (3, 4, 5)]
    happened += [("challenged", "1.0.6", None, None)]
    view = view_of(*happened)
    assert [info.version for info in removable(view, "plant", keep=0)] == ["1.0.0", "1.0.3", "1.0.4", "1.0.5"]
    assert [info.version for info in removable(view, "plant", keep=2)] == ["1.0.0", "1.0.3"]
    view.close()


def test_storage_is_counted_from_the_artifacts(served):
    assert storage_bytes(served, "plant") > 500
