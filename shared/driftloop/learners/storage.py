"""The files of a model: `model.json` for what is small, `model.safetensors` for arrays. Neither can hold code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

JSON_FILE, ARRAYS_FILE = "model.json", "model.safetensors"


def write_model(folder: Path, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write both files; the same content gives the same bytes."""
    from safetensors.numpy import save_file

    write_description(folder, description)
    save_file({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}, folder / ARRAYS_FILE)


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `model.json` alone."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(description, indent=1, sort_keys=True, allow_nan=False)
    (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")


def read_model(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `write_model` wrote; raises ValueError where a file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    description = read_description(folder)
    try:
        return description, load_file(folder / ARRAYS_FILE)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"the model in {folder} cannot be read: {error}") from error


def read_description(folder: Path) -> dict[str, Any]:
    """What `write_description` wrote; raises ValueError where it is missing or damaged."""
    try:
        description = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"the model in {folder} cannot be read: {error}") from error
    if not isinstance(description, dict):
        raise ValueError(  # noqa: TRY004  (the file is wrong, not the caller)
            f"the model in {folder} cannot be read: {JSON_FILE} holds no object"
        )
    return description
