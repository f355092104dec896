"""Artifacts are signed by the trainer and checked by whoever loads them; whatever was tampered with is named."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.registry.test_artifacts import MANIFEST, ROWS, SPEC

from driftloop.artifacts.store import (
    ArtifactError,
    artifact_uri,
    check_artifact,
    load_model,
    sign_artifact,
    verify_artifact,
    write_artifact,
)
from driftloop.contracts import topics
from driftloop.contracts.signed_commands import drawn_key
from driftloop.contracts.signed_commands import public_key as public_key_of
from driftloop.contracts.signing import SigningKey, checked_public_key, is_signed_by
from driftloop.learners.entry_points import make_learner
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.artifacts import verify_artifacts
from driftloop.tools.verify.recorded import Recorded
from trainer_worker.adapters.model_shelf import LoadedModels
from trainer_worker.adapters.signing import SignedArtifacts
from trainer_worker.core.score.ports import RefusedArtifactError
from trainer_worker.core.train.run_report import Failed, Progress, Succeeded
from trainer_worker.metrics import ScoreMetrics
from trainer_worker.settings import Settings

KEY, FOREIGN = SigningKey(drawn_key()), SigningKey(drawn_key())


@pytest.fixture(scope="module")
def model():
    return make_learner(SPEC, "linear", {}).fit(ROWS, None, warm_start=None, seed=1, progress=lambda step: None)


@pytest.fixture
def written(tmp_path, model):
    return write_artifact(artifact_uri(str(tmp_path), "plant", "1.0.0"), MANIFEST, model)


@pytest.fixture
def signed(written):
    sign_artifact(written.uri, written.sha256, KEY)
    return written


def test_the_key_of_the_console_signs_here_too_and_its_public_half_is_the_same():
    pem = drawn_key()
    assert SigningKey(pem).public == public_key_of(pem) == checked_public_key(public_key_of(pem))
    assert is_signed_by([KEY.public, SigningKey(pem).public], b"content", SigningKey(pem).sign(b"content"))


@pytest.mark.parametrize("pem", ["", "a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused_with_a_sentence(pem):
    with pytest.raises(ValueError, match="no Ed25519 key in PEM"):
        SigningKey(pem)
    with pytest.raises(ValueError, match="tokens signing-key"):
        checked_public_key(pem)


def test_a_signed_artifact_is_loaded_and_its_hash_is_what_it_was(signed):
    assert verify_artifact(signed.uri, signed.sha256, [FOREIGN.public, KEY.public]) == signed
    check_artifact(signed.uri, signed.sha256, [KEY.public])
    load_model(signed.uri, signed.sha256, keys=[KEY.public])


def test_signing_again_changes_nothing_and_writing_again_keeps_the_signature(signed, model):
    before = Path(signed.uri, "manifest.sig").read_bytes()
    sign_artifact(signed.uri, signed.sha256, KEY)
    write_artifact(signed.uri, MANIFEST, model)
    assert Path(signed.uri, "manifest.sig").read_bytes() == before


def test_who_asks_for_no_signature_loads_artifacts_of_every_release(written):
    load_model(written.uri, written.sha256)


def _file(folder: Path) -> None:
    file = next(one for one in sorted(folder.iterdir()) if one.name not in ("manifest.json", "manifest.sig"))
    file.write_bytes(file.read_bytes() + b" ")


def _manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "seed": 7}))


def _signature(folder: Path) -> None:
    (folder / "manifest.sig").write_text(
        FOREIGN.sign(b"driftloop artifact\n" + (folder / "manifest.json").read_bytes())
    )


TAMPERED = {
    "a file": (_file, "is not the one that was written"),
    "the manifest": (_manifest, "none of the trusted keys has signed it"),
    "another key": (_signature, "none of the trusted keys has signed it"),
    "no signature": (lambda folder: (folder / "manifest.sig").unlink(), "it is not signed"),
    "a signature that is none": (lambda folder: (folder / "manifest.sig").write_bytes(b"\xff"), "none of the trusted"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named(signed, what):
    tamper, sentence = TAMPERED[what]
    tamper(Path(signed.uri))
    with pytest.raises(ArtifactError, match=sentence):
        load_model(signed.uri, None, keys=[KEY.public])


def test_a_signed_version_is_worth_nothing_under_the_address_of_another(signed):
    other = signed.uri.replace("1.0.0", "1.0.9")
    shutil.copytree(signed.uri, other)
    with pytest.raises(ArtifactError, match=r"signed as plant/1\.0\.0, and lies under another address"):
        load_model(other, signed.sha256, keys=[KEY.public])


def test_scoring_refuses_what_is_not_signed(written):
    shelf = LoadedModels(4, ScoreMetrics(CollectorRegistry()), Settings(trusted_keys=(KEY.public,)).trusted_keys)
    with pytest.raises(RefusedArtifactError, match="it is not signed"):
        shelf.check(written.uri, written.sha256)
    with pytest.raises(RefusedArtifactError, match="it is not signed"):
        shelf.predict(written.uri, written.sha256, ROWS)
    sign_artifact(written.uri, written.sha256, KEY)
    shelf.check(written.uri, written.sha256)
    assert len(shelf.predict(written.uri, written.sha256, ROWS).fields["y"]) == len(ROWS)


class Runs:
    """An executor whose runs have ended."""

    def __init__(self, *reports):
        self.told, self.start, self.holds, self.cancel, self.kept = reports, print, print, print, None

    def reports(self):
        return self.told

    def keep(self, run_ids):
        self.kept = run_ids


def succeeded(uri, sha256):
    return Succeeded.model_construct(artifact=uri, artifact_sha256=sha256, cost=None)


def test_the_worker_signs_what_a_run_made_before_it_is_told(written):
    run, other = UUID(int=1), UUID(int=2)
    progress, end = Progress(step=1, steps=2), succeeded(written.uri, written.sha256)
    executor = SignedArtifacts(Runs((run, progress), (run, end), (other, succeeded(None, None))), KEY)
    assert [report for _, report in executor.reports()][:2] == [progress, end]
    load_model(written.uri, written.sha256, keys=[KEY.public])
    executor.keep(frozenset({other}))


def test_what_a_run_did_not_make_is_not_signed_and_the_run_has_failed(written):
    executor = SignedArtifacts(Runs((UUID(int=1), succeeded(written.uri, "0" * 64))), KEY)
    ((_, report),) = executor.reports()
    assert isinstance(report, Failed)
    assert "published was 0000" in report.reason
    assert not Path(written.uri, "manifest.sig").exists()


def test_the_end_of_a_run_is_told_later_if_the_store_takes_nothing_now(written):
    executor = SignedArtifacts(Runs((UUID(int=1), succeeded(written.uri, written.sha256))), KEY)
    folder = Path(written.uri)
    (folder / "manifest.sig.part").mkdir()  # what is written first cannot be
    assert list(executor.reports()) == []
    (folder / "manifest.sig.part").rmdir()
    assert len(list(executor.reports())) == 1


def registered(written, version="1.0.0", uri=None):
    event = {"message_id": version, "event": "registered", "version": version,
             "artifact": uri or written.uri, "artifact_sha256": written.sha256}  # fmt: skip
    return FakeRecord(topics.MODEL_EVENTS, key="plant", value=json.dumps(event), at_offset=int(version[-1]))


def test_verification_names_a_tampered_artifact_and_counts_those_that_are_gone(signed):
    gone = registered(signed, "1.0.1", uri=signed.uri.replace("1.0.0", "1.0.1"))
    log = Recorded([registered(signed), gone])
    found = verify_artifacts(log, ("plant",), [KEY.public])
    assert (found.right, found.gone, found.differences) == (1, 1, ())
    _file(Path(signed.uri))
    (difference,) = verify_artifacts(log, ("plant",)).differences
    assert difference.sentence.startswith(
        "artifacts of plant, at offset 0: the artifact of version 1.0.0 was as it was"
    )
    assert "is not the one that was written" in difference.again


def test_settings_refuse_a_key_that_is_none():
    with pytest.raises(ValueError, match="no public key"):
        Settings(trusted_keys=("abc",))


def test_a_watcher_refuses_a_key_that_is_none():
    from driftloop.serving.champion import ChampionWatcher

    with pytest.raises(ValueError, match="no public key"):
        ChampionWatcher([], SimpleNamespace(), trusted_keys=["abc"])
