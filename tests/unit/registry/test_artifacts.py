"""Artifacts: whole or not there, the same bytes for the same run, and refused when anything was touched."""

import json
from pathlib import Path

import numpy as np
import pytest

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import (
    ArtifactError,
    artifact_uri,
    delete_artifact,
    load_model,
    open_artifact,
    verify_artifact,
    write_artifact,
)
from driftloop.errors import ExitCode
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField

SPEC = ModelSpec(model_id="plant", task="binary", features={"x": Feature()}, target={"y": TargetField()})
X = np.linspace(-1, 1, 60)
ROWS = Rows({"x": X}, {"y": np.where(X > 0, "yes", "no").astype(object)})
MANIFEST = Manifest(model_id="plant", version="1.0.0", learner="linear", spec_version=1, spec=SPEC)


@pytest.fixture(scope="module")
def model():
    return make_learner(SPEC, "linear", {}).fit(ROWS, None, warm_start=None, seed=1, progress=lambda step: None)


@pytest.fixture(params=["folder", "memory"])
def uri(request, tmp_path) -> str:
    root = str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}"
    return artifact_uri(root, "plant", "1.0.0")


def test_what_was_written_is_loaded_and_predicts_the_same(uri, model):
    written = write_artifact(uri, MANIFEST, model)
    artifact, loaded = open_artifact(uri, written.sha256)
    assert artifact == written
    assert np.array_equal(loaded.predict(ROWS).fields["y"], model.predict(ROWS).fields["y"])


def test_the_same_model_and_manifest_have_the_same_hash_wherever_they_lie(tmp_path, model):
    one = write_artifact(str(tmp_path / "a"), MANIFEST, model)
    other = write_artifact("memory://elsewhere/b", MANIFEST, model)
    assert one.sha256 == other.sha256
    assert write_artifact(str(tmp_path / "a"), MANIFEST, model) == one


def test_an_earlier_attempt_is_replaced_whole(uri, model):
    first = write_artifact(uri, MANIFEST.model_copy(update={"seed": 1}), model)
    second = write_artifact(uri, MANIFEST.model_copy(update={"seed": 2}), model)
    assert first.sha256 != second.sha256
    assert verify_artifact(uri, second.sha256).manifest.seed == 2
    with pytest.raises(ArtifactError, match="published was"):
        verify_artifact(uri, first.sha256)


def test_an_attempt_that_died_before_its_manifest_is_no_artifact(tmp_path, model):
    written = write_artifact(str(tmp_path / "v"), MANIFEST, model)
    (tmp_path / "v" / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="there is no artifact at") as error:
        verify_artifact(str(tmp_path / "v"))
    assert error.value.exit_code == ExitCode.NOT_FOUND
    assert write_artifact(str(tmp_path / "v"), MANIFEST, model) == written


def damaged(folder: Path, what: str) -> None:
    if what == "a byte":
        data = bytearray((folder / "model.safetensors").read_bytes())
        data[-1] ^= 1
        (folder / "model.safetensors").write_bytes(bytes(data))
    elif what == "cut short":
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    elif what == "a file gone":
        (folder / "model.json").unlink()
    else:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"version": "9.9.9"}))


@pytest.mark.parametrize("what", ["a byte", "cut short", "a file gone", "the manifest"])
def test_anything_that_was_touched_is_refused_with_a_clear_sentence(tmp_path, model, what):
    written = write_artifact(str(tmp_path / "v"), MANIFEST, model)
    damaged(tmp_path / "v", what)
    with pytest.raises(ArtifactError, match=f"the artifact {tmp_path}/v is damaged: ") as error:
        load_model(written.uri, written.sha256)
    assert error.value.exit_code == ExitCode.ERROR


def test_a_manifest_that_names_a_file_outside_is_refused(tmp_path, model):
    write_artifact(str(tmp_path / "v"), MANIFEST, model)
    path = tmp_path / "v" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"files": {"../../etc/passwd": "0" * 64}}))
    with pytest.raises(ArtifactError, match="lies outside of it"):
        verify_artifact(str(tmp_path / "v"))


def test_trees_that_point_outside_of_their_table_are_never_walked(tmp_path):
    from safetensors.numpy import load_file, save_file

    forest = make_learner(SPEC, "random-forest", {"n_estimators": 2})
    forest.fit(ROWS, None, warm_start=None, seed=1, progress=lambda step: None).save(tmp_path)
    arrays = load_file(tmp_path / "model.safetensors")
    arrays["0.left"][0] = 10_000
    save_file(arrays, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="a node points outside of its table"):
        forest.load(tmp_path)


def test_a_learner_that_is_not_installed_here_is_said(tmp_path, model):
    stranger = MANIFEST.model_copy(update={"learner": "crystal-ball"})
    written = write_artifact(str(tmp_path / "v"), stranger, model)
    with pytest.raises(ArtifactError, match="no learner is called 'crystal-ball'"):
        load_model(written.uri, written.sha256)


def test_a_deleted_artifact_is_gone_and_deleting_it_again_is_no_error(uri, model):
    write_artifact(uri, MANIFEST, model)
    delete_artifact(uri)
    delete_artifact(uri)
    with pytest.raises(ArtifactError, match="there is no artifact"):
        verify_artifact(uri)


def test_an_address_that_nobody_can_read_is_a_clear_error():
    with pytest.raises(ArtifactError, match="cannot be used"):
        verify_artifact("nonsense://somewhere")
