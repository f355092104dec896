"""The folder of a run: what a program finds in it, and what it leaves.

request.json         what is asked for (`RequestFile`)
training.parquet     the rows to learn from: a column a feature, a column a field of the target
held_out.parquet     later rows without the target; their predictions are judged
check_rows.parquet   rows with holes, without the target: the model here must say what the program's says
progress.jsonl       a line of JSON a step, where the program cares to tell
result.json          what it made (`ResultFile`); without it the run fails
"""

import json
import shutil
from decimal import Decimal
from math import isfinite, isnan
from os import SEEK_END
from pathlib import Path
from typing import Any, Literal

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from driftloop.codec.scalars import category_text
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.learners.protocol import Column, Predictions, Rows, Step
from driftloop.spec.model_spec import ModelSpec

Phase = Literal["proof", "refit"]
RUNS_KEPT = 50
"""Folders of runs that stay, for their logs; their rows go when a run has ended."""
_CHECK_ROWS = 100
_MOST_STEPS = 2**53
_LARGEST_FILE = 1 << 30
LOGS = ("stdout.log", "stderr.log")
SUBMITTED = "submitted"
"""In a folder whose job was begun on a cluster."""
_STAY = (*LOGS, SUBMITTED, "request.json", "result.json")


class ResultFile(BaseModel):
    """`result.json`. `model` and `predictions` are names of files in the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    format: Literal["onnx", "predictions"]
    """`onnx`: a model that is run here. `predictions`: no model, the predictions of the held-out rows, of a model that
    somebody else serves."""
    model: str = "model.onnx"
    sha256: str | None = None
    """Of the model's file, where the program says it."""
    inputs: tuple[str, ...] = ()
    """Features in the order of the model's only input; empty: the model has an input of its own for each feature."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """Field of the target → the output that predicts it; empty: the first output."""
    predictions: str = "predictions.parquet"
    """What the model says about `held_out.parquet`, a column a field."""
    checked: str = "check_predictions.parquet"
    """What the program's own model says about `check_rows.parquet`."""
    refits: bool = False
    """Run the command once more on all rows, with the phase `refit`, when the proof is through."""
    environment: dict[str, str] = Field(default_factory=dict)
    """What it was made with, for the record."""


class RunFolder:
    """One phase of one run; on a cluster, one attempt at it."""

    def __init__(self, runs: Path, request: TrainingRequest, phase: Phase, attempt: int = 1) -> None:
        self.phase: Phase = phase
        self.attempt = attempt
        self.root = runs.absolute() / str(request.message_id)
        self.path = self.root / (phase if attempt == 1 else f"{phase}.{attempt}")
        self._request = request
        self._read = 0

    def fetch(self, address: str) -> None:
        """Copy the files at an address (any that fsspec knows) into the folder, as if a program had left them.

        Raises ValueError, with a sentence, where nothing is there.
        """
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        self._forget_oldest()
        try:
            fs, there = fsspec.core.url_to_fs(address)
            files = [file for file in fs.ls(there, detail=True) if file["type"] == "file"]
            for file in files:
                if file["size"] > _LARGEST_FILE:
                    raise ValueError(f"{file['name']} is larger than {_LARGEST_FILE >> 20} MB")
                fs.get_file(file["name"], str(self.path / file["name"].rpartition("/")[2]))
        except (OSError, ImportError) as error:
            raise ValueError(f"the folder {address} cannot be read: {error}") from error

    def check_rows(self, spec: ModelSpec) -> Rows:
        """The check rows that somebody brought along, a column a feature; raises ValueError with a sentence."""
        try:
            table = pq.read_table(pa.BufferReader(self.file("check_rows.parquet")))
        except pa.ArrowException as error:
            raise ValueError(f"check_rows.parquet is no Parquet file: {error}") from error
        lacking = [name for name in spec.features if name not in table.column_names]
        if lacking:
            raise ValueError(f"check_rows.parquet has no column {', '.join(lacking)}")
        features = {name: _feature(name, table[name], feature.kind) for name, feature in spec.features.items()}
        return Rows(features)

    @property
    def is_made(self) -> bool:
        """Whether all that the program finds is there: `request.json` is written last."""
        return (self.path / "request.json").is_file()

    def make(self, spec: ModelSpec, training: Rows, held_out: Rows) -> Rows:
        """Write all that the program finds; gives the rows that its model is checked on."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        self._forget_oldest()
        checked = with_holes(training, spec)
        labels = {name: f"label_{name}" if name in spec.features else name for name in spec.target}
        _write(self.path / "training.parquet", training, spec, labels)
        _write(self.path / "held_out.parquet", held_out, spec, {})
        _write(self.path / "check_rows.parquet", checked, spec, {})
        text = json.dumps(self._described(spec, labels), indent=1)
        whole = self.path / "request.json.part"
        whole.write_text(text + "\n", encoding="utf-8")
        whole.replace(self.path / "request.json")
        return checked

    def steps(self) -> list[Step]:
        """What the program has told of its progress since the last call; lines that are none are left out."""
        try:
            with (self.path / "progress.jsonl").open("rb") as file:
                if file.seek(0, SEEK_END) < self._read:
                    self._read = 0  # it was written anew
                file.seek(self._read)
                told = file.read()
        except FileNotFoundError:
            return []
        whole = told[: told.rfind(b"\n") + 1]
        self._read += len(whole)
        return [step for line in whole.splitlines() if (step := _step(line)) is not None]

    def result(self) -> ResultFile:
        """What the program says that it made; raises ValueError, with a sentence, where it does not."""
        text = self.file("result.json")
        try:
            return ResultFile.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ValueError(f"result.json is not usable: {where}: {first['msg']}") from error

    def file(self, name: str) -> bytes:
        """A file that the program left; raises ValueError, with a sentence, where it is not there or lies outside."""
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ValueError(f"{name} lies outside of the run's folder")
        if not path.is_file():
            raise ValueError(f"the command left no {name}")
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"{name} is larger than {_LARGEST_FILE >> 20} MB")
        return path.read_bytes()

    def predictions(self, name: str, spec: ModelSpec, rows: int) -> Predictions:
        """The predictions in a Parquet file: a column a field, `rows` rows. Raises ValueError with a sentence."""
        try:
            table = pq.read_table(pa.BufferReader(self.file(name)))
        except pa.ArrowException as error:
            raise ValueError(f"{name} is no Parquet file: {error}") from error
        if len(table) != rows:
            raise ValueError(f"{name} has {len(table)} rows, {rows} are expected")
        fields: dict[str, Column] = {}
        for field, target in spec.target.items():
            if field not in table.column_names:
                raise ValueError(f"{name} has no column {field!r}: it predicts {', '.join(table.column_names)}")
            fields[field] = _column(name, table[field], target.kind)
        return Predictions(fields)

    def _described(self, spec: ModelSpec, labels: dict[str, str]) -> dict[str, Any]:
        request = self._request
        return {
            "run_id": str(request.message_id),
            "model_id": request.model_id,
            "version": request.version,
            "phase": self.phase,
            "task": spec.task,
            "features": {name: feature.kind for name, feature in spec.features.items()},
            "target": {name: target.kind for name, target in spec.target.items()},
            "label_columns": labels,
            "parameters": dict(request.learner_parameters),
            "seed": request.seed,
            "reason": request.reason,
        }

    def _forget_oldest(self) -> None:
        kept = sorted(self.root.parent.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
        for folder in kept[:-RUNS_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def let_go(root: Path, *, may_be_asked_again: bool) -> None:
    """Remove the rows of a run that has ended, and what its programs left, from its folders.

    Logs, markers, and what was asked and answered stay. Where the answer `may_be_asked_again`, so do the files that
    `result.json` names: a cluster does not run a job of the same name twice.
    """
    for folder in root.iterdir() if root.is_dir() else ():
        kept = {*_STAY, *(_named(folder) if may_be_asked_again else ())}
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name not in kept:
                shutil.rmtree(file, ignore_errors=True) if file.is_dir() else file.unlink(missing_ok=True)


def _named(folder: Path) -> set[str]:
    try:
        result = ResultFile.model_validate_json((folder / "result.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return set()
    return {part for name in (result.model, result.predictions, result.checked) for part in Path(name).parts[:1]}


def with_holes(rows: Rows, spec: ModelSpec) -> Rows:
    """Newest rows, and the same once more, in each of which one feature or the other is missing."""
    newest = rows.take(slice(max(0, len(rows) - _CHECK_ROWS), len(rows)))
    features = {}
    for place, name in enumerate(spec.features):
        column = newest.features[name].copy()
        column[np.arange(len(newest)) % len(spec.features) == place] = None if column.dtype == object else np.nan
        features[name] = np.concatenate([newest.features[name], column])
    return Rows(features)


def _write(path: Path, rows: Rows, spec: ModelSpec, labels: dict[str, str]) -> None:
    columns = {name: _arrow(rows.features[name]) for name in spec.features}
    columns |= {column: _arrow(rows.labels[name]) for name, column in labels.items()}
    if labels and rows.weights is not None:
        columns["sample_weight"] = pa.array(rows.weights)
    pq.write_table(pa.table(columns), path)


def _arrow(column: Column) -> pa.Array:
    if column.dtype == object:
        return pa.array(column.tolist(), pa.string())
    return pa.array(column.astype(np.float64), from_pandas=True)


def _feature(name: str, values: pa.ChunkedArray, kind: str) -> Column:
    if kind == "number":
        return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.array(_classes(f"check_rows.parquet's {name}", values), dtype=object)


def _classes(name: str, values: pa.ChunkedArray) -> list[str | None]:
    """Categories by their texts, None where one is missing (NaN is, as pandas writes it); raises ValueError."""
    found: list[str | None] = []
    for value in values.to_pylist():
        if value is None or (isinstance(value, float) and isnan(value)):
            found.append(None)
        elif isinstance(value, str | int | float | Decimal):
            found.append(category_text(float(value) if isinstance(value, Decimal) else value))
        else:
            raise ValueError(f"{name} holds values of type {values.type} where classes are expected")
    return found


def _column(name: str, values: pa.ChunkedArray, kind: str) -> Column:
    if values.null_count:
        raise ValueError(f"{name} has rows without a prediction")
    if kind == "number":
        try:
            found = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
        except pa.ArrowException as error:
            raise ValueError(f"{name} holds no numbers: {error}") from error
        return found
    classes = _classes(name, values)
    if None in classes:
        raise ValueError(f"{name} has rows without a prediction")
    return np.array(classes, dtype=object)


def _step(line: bytes) -> Step | None:
    try:
        told = json.loads(line)
        step, steps = int(told["step"]), int(told["steps"])
        losses = _loss(told.get("training_loss")), _loss(told.get("validation_loss"))
    except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not 0 <= step <= _MOST_STEPS or not 1 <= steps <= _MOST_STEPS:
        return None
    return Step(step, max(step, steps), *losses)


def _loss(told: Any) -> float | None:
    """A loss as programs write it, `"0.25"` and NaN included; None where it is no number."""
    try:
        found = float(told)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if isfinite(found) else None
