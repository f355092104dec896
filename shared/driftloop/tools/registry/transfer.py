"""A version as one file: its artifact, its spec and its story, to carry to another driftloop.

The file is a gzipped tar: `version.json`, and the artifact's files under `artifact/`. Every file is
held against the manifest's hashes when it is written and again when it is read.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

import fsspec

from driftloop.artifacts.store import MANIFEST, artifact_uri, verify_artifact
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.errors import ExitCode, UserError
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.registry.lineage import Lineage, lineage
from driftloop.tools.registry.view import RegistryView

_STORY, _FOLDER = "version.json", "artifact/"


@dataclass(frozen=True, slots=True)
class Carried:
    """A version that was read from a file; `command` registers it where it is sent to."""

    model_id: str
    version: str
    spec: ModelSpec
    artifact: str
    command: ModelCommand


def export_version(view: RegistryView, model_id: str, version: str, file: Path) -> int:
    """Write a version to `file`; its size in bytes. Raises UserError where it is not known or is damaged."""
    story, model = lineage(view, model_id, version), view.model(model_id)
    if story is None or model is None or story.version.artifact is None:
        raise UserError(f"{model_id} has no version {version} with an artifact.", ExitCode.NOT_FOUND)
    artifact = verify_artifact(story.version.artifact, story.version.artifact_sha256)
    fs, path = fsspec.core.url_to_fs(story.version.artifact)
    with tarfile.open(file, "w:gz") as tar:
        _add(tar, _STORY, json.dumps(_facts(story, model.spec, artifact.sha256), indent=1).encode())
        for name in (MANIFEST, *sorted(artifact.manifest.files)):
            _add(tar, _FOLDER + name, fs.cat_file(f"{path}/{name}"))
    return file.stat().st_size


def import_version(file: Path, artifact_root: str, *, requested_by: str, now: datetime) -> Carried:
    """Put a version's artifact under `artifact_root` and give the command that registers it.

    Raises UserError where the file is no such file, or an artifact of that version is there already.
    """
    contents = _contents(file)
    facts = json.loads(contents[_STORY])
    target = artifact_uri(artifact_root, facts["model_id"], facts["version"])
    fs, path = fsspec.core.url_to_fs(target)
    if fs.exists(f"{path}/{MANIFEST}"):
        raise UserError(f"There is an artifact at {target} already.")
    files = {name.removeprefix(_FOLDER): data for name, data in contents.items() if name.startswith(_FOLDER)}
    for name in sorted(files, key=lambda name: name == MANIFEST):
        fs.makedirs(str(PurePosixPath(f"{path}/{name}").parent), exist_ok=True)
        fs.pipe_file(f"{path}/{name}", files[name])
    verify_artifact(target, facts["sha256"])
    command = ModelCommand(
        message_id=derive_id("command", facts["model_id"], "register", facts["version"], now.isoformat()),
        model_id=facts["model_id"], occurred_at=now, command="register", version=facts["version"], artifact=target,
        artifact_sha256=facts["sha256"], reason=f"imported from {file.name}", requested_by=requested_by,
    )  # fmt: skip
    return Carried(
        facts["model_id"], facts["version"], ModelSpec.model_validate_json(json.dumps(facts["spec"])), target, command
    )


def _facts(story: Lineage, spec: ModelSpec, sha256: str) -> dict[str, object]:
    messages = [story.decision, story.request, story.result, *story.signals, *story.proof, *story.events]
    return {
        "format": 1,
        "model_id": story.version.model_id,
        "version": story.version.version,
        "sha256": sha256,
        "spec": spec.model_dump(mode="json"),
        "story": [message.model_dump(mode="json") for message in messages if message is not None],
    }


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def _contents(file: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(file, "r:gz") as tar:
            found = {member.name: tar.extractfile(member) for member in tar.getmembers() if member.isfile()}
            contents = {name: stream.read() for name, stream in found.items() if stream is not None}
    except (tarfile.TarError, OSError) as error:
        raise UserError(f"{file} cannot be read as an exported version: {error}", ExitCode.NOT_FOUND) from error
    if _STORY not in contents or any(".." in PurePosixPath(name).parts for name in contents):
        raise UserError(f"{file} is no exported version.", 2)
    return contents
