"""How much room artifacts take, by model and version, in whatever store they lie."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from driftloop.artifacts.store import asked, filesystem_of


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes of versions by model; `beside` are what lies there too: logs and checkpoints of runs."""

    versions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    beside: int = 0

    def of(self, model_id: str) -> int:
        """The bytes of a model's versions."""
        return sum(self.versions.get(model_id, {}).values())

    @property
    def total(self) -> int:
        """All bytes."""
        return self.beside + sum(map(self.of, self.versions))


def stored(root: str) -> Storage:
    """What lies under the address of artifacts (`/folder`, `s3://…`, `memory://…`); nothing where it is not there.

    The store is asked for its list of files, and no file is read. Raises `StoreAwayError` where it does not answer, or
    a folder may not be read.
    """
    fs, path = filesystem_of(root)
    fs.invalidate_cache()
    try:
        found = asked(root, lambda: _sizes(fs, path))
    except FileNotFoundError:  # a bucket that is not there; of a folder the list is empty
        return Storage()
    versions: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    beside = 0
    for name, size in found.items():
        model, *rest = name.removeprefix(path).strip("/").split("/")
        if len(rest) < 2 or model.startswith("."):
            beside += size
        else:
            versions[model][rest[0]] += size
    return Storage({model: dict(sorted(sizes.items())) for model, sizes in sorted(versions.items())}, beside)


def _sizes(fs: Any, path: str) -> dict[str, int]:
    """Of every file below, by its whole name."""
    if isinstance(fs, LocalFileSystem):
        return dict(_of_folder(path))
    return {str(name): int(facts.get("size") or 0) for name, facts in fs.find(path, detail=True).items()}


def _of_folder(path: str) -> Iterator[tuple[str, int]]:
    """Why not by its own list of files: that leaves out a folder which may not be read, without a word."""
    for folder, _, names in os.walk(path, onerror=_refuse):
        for name in names:
            with suppress(FileNotFoundError):  # it was deleted meanwhile
                yield f"{folder}/{name}", Path(folder, name).stat().st_size


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
