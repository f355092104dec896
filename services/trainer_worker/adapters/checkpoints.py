"""Checkpoints of a run, beside the artifacts: what a run that was killed goes on from.

    <artifact_uri>/.checkpoints/<model_id>/<run_id>/<phase>-<hash of the rows>

They are nobody's but the run's: gone when it ends, and those of earlier runs of the model when the
next one starts.
"""

import time

import fsspec

from driftloop.contracts.training_requests import TrainingRequest


class RunCheckpoints:
    """The checkpoints of one run; `phase` tells its fits apart. One is kept every `keep_seconds` at most."""

    def __init__(self, artifact_uri: str, request: TrainingRequest, keep_seconds: float) -> None:
        uri = f"{artifact_uri.rstrip('/')}/.checkpoints/{request.model_id}"
        self._fs, self._model = fsspec.core.url_to_fs(uri)
        self._folder, self._keep_seconds = f"{self._model}/{request.message_id}", keep_seconds

    def begin(self) -> None:
        """Remove what earlier runs of the model have left."""
        if self._fs.exists(self._model):
            for found in self._fs.ls(self._model, detail=False):
                if str(found).rstrip("/").rsplit("/", 1)[-1] != self._folder.rsplit("/", 1)[-1]:
                    self._fs.rm(found, recursive=True)

    def end(self) -> None:
        """The run has ended: nothing is gone on from any more."""
        if self._fs.exists(self._folder):
            self._fs.rm(self._folder, recursive=True)

    def at(self, phase: str, data_sha256: str) -> "FileCheckpoint":
        """The checkpoint of one fit; other rows have another one."""
        return FileCheckpoint(self._fs, f"{self._folder}/{phase}-{data_sha256[:16]}", self._keep_seconds)


class FileCheckpoint:
    """Satisfies `Checkpoint`."""

    def __init__(self, fs: fsspec.AbstractFileSystem, path: str, keep_seconds: float) -> None:
        self._fs, self._path, self._keep_seconds = fs, path, keep_seconds
        self._kept_at = time.monotonic()

    def load(self) -> bytes | None:
        """The bytes that were kept last."""
        try:
            return bytes(self._fs.cat_file(self._path))
        except FileNotFoundError:
            return None

    def is_due(self) -> bool:
        """Whether enough seconds have passed."""
        return time.monotonic() - self._kept_at >= self._keep_seconds

    def save(self, state: bytes) -> None:
        """Written beside and moved into place: a kill leaves the old bytes or the new."""
        self._fs.makedirs(self._path.rsplit("/", 1)[0], exist_ok=True)
        self._fs.pipe_file(f"{self._path}.part", state)
        self._fs.mv(f"{self._path}.part", self._path)
        self._kept_at = time.monotonic()
