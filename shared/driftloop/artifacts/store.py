"""Artifacts: a folder a version, written whole or not at all, verified before a byte of it is used.

    <artifact_uri>/<model_id>/<version>/manifest.json   (written last: without it there is no artifact)
                                        model.json, model.safetensors, …
                                        manifest.sig (where the trainer has a key)

The address is any that fsspec knows (`/folder`, `file://`, `s3://`, `memory://`).
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.signatures import SIGNATURE, fault_of, signature_of
from driftloop.contracts.reading import read_message
from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Model
from driftloop.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from driftloop.contracts.signing import SigningKey

MANIFEST = "manifest.json"
T = TypeVar("T")


class ArtifactError(UserError):
    """An artifact that is not there, or is not what was published: it must not be used."""


class StoreAwayError(ArtifactError, AwayError):
    """The store does not answer: nothing is known of the artifact, and asking again later may help."""


class UnwritableError(ArtifactError, AwayError):
    """The store takes nothing now: trying again later may help."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A written or verified artifact: its address, its hash, and its manifest."""

    uri: str
    sha256: str
    manifest: Manifest


def artifact_uri(root: str, model_id: str, version: str) -> str:
    """Where the artifact of a version lies under `root`.

    >>> artifact_uri("memory://artifacts/", "plant", "1.0.0")
    'memory://artifacts/plant/1.0.0'
    """
    return f"{root.rstrip('/')}/{model_id}/{version}"


def write_artifact(uri: str, manifest: Manifest, model: Model, extras: Mapping[str, bytes] | None = None) -> Artifact:
    """Save `model` under `uri`; the hash is that of the manifest, completed with the files' hashes.

    `extras` are further files by name (a report on the data).

    Files of an earlier attempt are replaced; its manifest goes first and the new one comes last, so
    that a reader sees a whole artifact or none. The same model and manifest give the same hash.
    Raises `UnwritableError` where the store refuses (a full disk, a read-only folder).
    """
    fs, path = filesystem_of(uri)
    with tempfile.TemporaryDirectory(prefix="driftloop-artifact-") as scratch:
        folder = Path(scratch)
        model.save(folder)
        contents = {str(file.relative_to(folder).as_posix()): file.read_bytes() for file in _files(folder)}
    contents |= extras or {}
    complete = manifest.model_copy(update={"files": {name: _sha256(data) for name, data in contents.items()}})
    vouched = complete.to_bytes()
    if _read(fs, f"{path}/{MANIFEST}") != vouched or not _intact(fs, path, complete):
        try:
            _replace(fs, path, {**contents, MANIFEST: vouched})
        except OSError as error:
            raise UnwritableError(f"the artifact {uri} cannot be written: {error.strerror or error}") from error
    return Artifact(uri, _sha256(vouched), complete)


def sign_artifact(uri: str, sha256: str, key: "SigningKey") -> None:
    """Put the signature beside the manifest that was published; doing it again changes nothing.

    Raises `ArtifactError` where the manifest is another one, `UnwritableError` where the store refuses.
    """
    fs, path = filesystem_of(uri)
    _manifest(fs, path, uri, sha256)
    signature = signature_of(_read(fs, f"{path}/{MANIFEST}") or b"", key)
    if _read(fs, f"{path}/{SIGNATURE}") == signature:
        return
    try:
        _put(fs, f"{path}/{SIGNATURE}", signature)
    except OSError as error:
        raise UnwritableError(f"the artifact {uri} cannot be signed: {error.strerror or error}") from error


def verify_artifact(uri: str, sha256: str | None = None, keys: Sequence[str] = ()) -> Artifact:
    """The artifact, after every file's hash was found to be right; raises `ArtifactError` otherwise.

    With `keys` (public, base64url), one of them must have signed it.
    """
    artifact, _ = _verified(uri, sha256, keys)
    return artifact


def check_artifact(uri: str, sha256: str | None = None, keys: Sequence[str] = ()) -> None:
    """Raises `ArtifactError` where the manifest is not the one that was published, or a file of it is not there.

    The files are not read: `verify_artifact` does that.
    """
    fs, path = filesystem_of(uri)
    for name in _manifest(fs, path, uri, sha256, keys).manifest.files:
        if not lies_at(fs, f"{path}/{name}"):
            raise ArtifactError(f"the artifact {uri} is damaged: the file {name} is missing")


def load_model(uri: str, sha256: str | None = None, spec: ModelSpec | None = None, keys: Sequence[str] = ()) -> Model:
    """The model of a verified artifact.

    `sha256` is the hash that was published; without it the artifact is only held against itself.
    `spec` defaults to the one that the version was trained under. Raises `ArtifactError`.
    """
    return open_artifact(uri, sha256, spec, keys)[1]


def open_artifact(
    uri: str, sha256: str | None = None, spec: ModelSpec | None = None, keys: Sequence[str] = ()
) -> tuple[Artifact, Model]:
    """The verified artifact and its model. The bytes that were verified are the bytes that are loaded."""
    artifact, contents = _verified(uri, sha256, keys)
    manifest = artifact.manifest
    with tempfile.TemporaryDirectory(prefix="driftloop-artifact-") as scratch:
        for name, data in contents.items():
            file = Path(scratch, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        try:
            learner = make_learner(spec or manifest.spec, manifest.learner, manifest.parameters)
            return artifact, learner.load(Path(scratch))
        except ValueError as error:
            raise ArtifactError(f"the artifact {uri} cannot be loaded: {error}") from error


def delete_artifact(uri: str) -> None:
    """Remove an artifact, its manifest first; one that is not there is no error.

    Raises `StoreAwayError` where that cannot be told, `UnwritableError` where the store refuses.
    """
    fs, path = filesystem_of(uri)
    if not lies_at(fs, path):
        return
    try:
        _remove_manifest(fs, path)
        fs.rm(path, recursive=True)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not lies_at(fs, path):
            return  # somebody else deleted it meanwhile
        raise UnwritableError(f"the artifact {uri} cannot be deleted: {error.strerror or error}") from error


def _verified(uri: str, sha256: str | None, keys: Sequence[str]) -> tuple[Artifact, dict[str, bytes]]:
    fs, path = filesystem_of(uri)
    artifact = _manifest(fs, path, uri, sha256, keys)
    return artifact, _contents(fs, path, uri, artifact.manifest)


def _manifest(fs: Any, path: str, uri: str, sha256: str | None, keys: Sequence[str] = ()) -> Artifact:
    vouched = _read(fs, f"{path}/{MANIFEST}")
    if vouched is None:
        raise ArtifactError(f"there is no artifact at {uri}: {MANIFEST} is missing", ExitCode.NOT_FOUND)
    found = _sha256(vouched)
    if sha256 is not None and found != sha256:
        raise ArtifactError(f"the artifact {uri} is damaged: {MANIFEST} has SHA-256 {found}, published was {sha256}")
    try:
        manifest = read_message(Manifest, vouched).message
    except ValueError as error:
        raise ArtifactError(f"the artifact {uri} is damaged: {MANIFEST} cannot be read: {error}") from error
    if keys and (fault := fault_of(uri, manifest, vouched, _read(fs, f"{path}/{SIGNATURE}"), keys)) is not None:
        raise ArtifactError(f"the artifact {uri} is refused: {fault}")
    return Artifact(uri, found, manifest)


def _contents(fs: Any, path: str, uri: str, manifest: Manifest) -> dict[str, bytes]:
    contents = {}
    for name, expected in manifest.files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ArtifactError(f"the artifact {uri} is refused: the file {name!r} lies outside of it")
        data = _read(fs, f"{path}/{name}")
        if data is None:
            raise ArtifactError(f"the artifact {uri} is damaged: the file {name} is missing")
        if _sha256(data) != expected:
            raise ArtifactError(f"the artifact {uri} is damaged: the file {name} is not the one that was written")
        contents[name] = data
    return contents


def _intact(fs: Any, path: str, manifest: Manifest) -> bool:
    found = ((_read(fs, f"{path}/{name}"), expected) for name, expected in manifest.files.items())
    return all(data is not None and _sha256(data) == expected for data, expected in found)


def filesystem_of(uri: str) -> tuple[Any, str]:
    """The store of an address, and the place in it; raises `ArtifactError` where it cannot be used."""
    try:
        fs, path = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise ArtifactError(f"the artifact address {uri} cannot be used: {error}") from error
    return fs, str(path).rstrip("/")


def _read(fs: Any, path: str) -> bytes | None:
    try:
        return asked(path, lambda: bytes(fs.cat_file(path)))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def asked(place: str, ask: Callable[[], T]) -> T:
    """The store's answer; raises `StoreAwayError` for whatever is no answer: each kind of store has its own errors."""
    try:
        return ask()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise
    except PermissionError as error:
        raise StoreAwayError(f"the artifact store may not be read at {place}: {error.strerror or error}") from error
    except Exception as error:
        raise StoreAwayError(f"the artifact store does not answer for {place}: {error}") from error


def lies_at(fs: Any, path: str) -> bool:
    """Whether something is there; raises `StoreAwayError` where that cannot be told.

    Why a file system is not asked by `exists`: that says no of what lies in a folder which may not be read.
    """
    if not isinstance(fs, LocalFileSystem):
        return asked(path, lambda: bool(fs.exists(path)))
    try:
        asked(path, Path(path).stat)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _put(fs: Any, path: str, data: bytes) -> None:
    fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    if isinstance(fs, LocalFileSystem):
        fs.pipe_file(f"{path}.part", data)
        Path(f"{path}.part").replace(path)
    else:
        fs.pipe_file(path, data)


def _replace(fs: Any, path: str, contents: Mapping[str, bytes]) -> None:
    """What was there goes, its manifest first; what comes is written in the order given."""
    if fs.exists(path):
        _remove_manifest(fs, path)
        _empty(fs, path)
    for name, data in contents.items():
        _put(fs, f"{path}/{name}", data)


def _empty(fs: Any, path: str) -> None:
    """A folder of a file system stays, empty: a training process may have rights in it and not above it."""
    if not isinstance(fs, LocalFileSystem) or Path(path).is_symlink() or not Path(path).is_dir():
        fs.rm(path, recursive=True)
        return
    for entry in Path(path).iterdir():
        fs.rm(str(entry), recursive=True)


def _remove_manifest(fs: Any, path: str) -> None:
    if fs.exists(f"{path}/{MANIFEST}"):
        fs.rm_file(f"{path}/{MANIFEST}")


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
