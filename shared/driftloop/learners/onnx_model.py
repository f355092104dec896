"""Models in ONNX, made elsewhere. They are run here by onnxruntime, and hold no code of anybody's.

Either a model has one input for each feature (a column of numbers or of texts), or a single one, a matrix of numbers
whose columns are features in a declared order. A missing number is NaN, a missing text is the empty text. The first
output (or the one that is declared for a field) is the prediction; a matrix of probabilities beside it the confidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from driftloop.codec.scalars import category_text
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.learners.storage import read_description, write_description
from driftloop.spec.model_spec import ModelSpec

MODEL_FILE = "model.onnx"
_NUMBERS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}


@dataclass(frozen=True)
class OnnxModel:
    """A loaded model. `inputs` are the columns of its only input; empty where each feature has an input."""

    contents: bytes
    kinds: Mapping[str, str]
    targets: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    session: Any

    @classmethod
    def of(
        cls, contents: bytes, spec: ModelSpec, inputs: tuple[str, ...] = (), outputs: Mapping[str, str] | None = None
    ) -> "OnnxModel":
        """The model in a file's bytes; raises ValueError, with a sentence, where it does not fit the spec."""
        session = _session(contents)
        kinds = {name: feature.kind for name, feature in spec.features.items()}
        targets = {name: target.kind for name, target in spec.target.items()}
        model = cls(contents, kinds, targets, inputs, dict(outputs or {}), session)
        model._check()
        return model

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row."""
        if not len(rows):
            return Predictions({name: _empty(kind) for name, kind in self.targets.items()})
        names = [output.name for output in self.session.get_outputs()]
        said = dict(zip(names, self.session.run(names, self._fed(rows)), strict=True))
        outputs = {name: self.outputs.get(name, names[0]) for name in self.targets}
        fields = {name: self._field(said[outputs[name]], kind) for name, kind in self.targets.items()}
        return Predictions(fields, _confidence(list(said.values()), len(rows)))

    def save(self, folder: Path) -> None:
        """Write the model and how it is fed."""
        description = {"inputs": list(self.inputs), "outputs": dict(self.outputs), "kinds": dict(self.kinds)}
        write_description(folder, description | {"targets": dict(self.targets)})
        (folder / MODEL_FILE).write_bytes(self.contents)

    def _fed(self, rows: Rows) -> dict[str, Any]:
        found = {one.name: one.type for one in self.session.get_inputs()}
        if self.inputs:
            (only, kind), *_ = found.items()
            matrix = np.column_stack([_numbers(rows, name) for name in self.inputs])
            return {only: matrix.astype(_NUMBERS[kind])}
        return {name: _input(rows, name, kind) for name, kind in found.items()}

    def _field(self, said: Any, kind: str) -> Column:
        values = np.asarray(said).reshape(len(said), -1)[:, 0]
        if kind == "number":
            return values.astype(np.float64)
        return np.array([category_text(value) for value in values.tolist()], dtype=object)

    def _check(self) -> None:
        """Hold inputs and outputs against the features and the target."""
        found = {one.name: one.type for one in self.session.get_inputs()}
        if self.inputs:
            wrong = [name for name in self.inputs if self.kinds.get(name) != "number"]
            if wrong:
                raise ValueError(f"the model's matrix takes {', '.join(wrong)}, which the spec has not as numbers")
            if len(found) != 1 or next(iter(found.values())) not in _NUMBERS:
                raise ValueError(f"the model has the inputs {', '.join(found)} where one matrix of numbers is declared")
        else:
            _check_inputs(found, self.kinds)
        there = [output.name for output in self.session.get_outputs()]
        missing = [f"{field} ({name})" for field, name in self.outputs.items() if name not in there]
        if missing or (len(self.targets) > 1 and set(self.outputs) != set(self.targets)):
            what = ", ".join(missing or self.targets)
            raise ValueError(f"the outputs of {what} are not declared: the model has {', '.join(there)}")


class OnnxLearner:
    """Loads what others trained; nothing can be fitted with it."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def fit(self, *_rows: Any, **_how: Any) -> NoReturn:
        """Raises ValueError: it was made elsewhere."""
        raise ValueError("a model in ONNX was trained elsewhere: it cannot be trained here")

    def load(self, folder: Path) -> OnnxModel:
        """What `OnnxModel.save` wrote; raises ValueError where it is damaged."""
        described = read_description(folder)
        try:
            contents = (folder / MODEL_FILE).read_bytes()
            inputs, outputs = tuple(described["inputs"]), described["outputs"]
            kinds, targets = described["kinds"], described["targets"]
        except (OSError, KeyError, TypeError) as error:
            raise ValueError(f"the model in {folder} is not in ONNX: {error}") from error
        return OnnxModel(contents, kinds, targets, inputs, outputs, _session(contents))


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> OnnxLearner:
    """The entry point; it has no parameters."""
    del parameters
    return OnnxLearner(spec)


def _session(contents: bytes) -> Any:
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise ValueError("onnxruntime is not installed: pip install 'driftloop[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common kind
        raise ValueError(f"the model is not usable ONNX: {str(error).splitlines()[0][:300]}") from error


def _check_inputs(found: Mapping[str, str], kinds: Mapping[str, str]) -> None:
    for name, kind in found.items():
        if name not in kinds:
            raise ValueError(f"the model has an input {name!r}, which is no feature of the spec; or declare `inputs`")
        if (kinds[name] == "number") != (kind in _NUMBERS):
            raise ValueError(f"the model's input {name!r} is a {kind}, the spec has it as a {kinds[name]}")


def _numbers(rows: Rows, name: str) -> np.ndarray:
    column = rows.features.get(name)
    return np.full(len(rows), np.nan) if column is None else column.astype(np.float64)


def _input(rows: Rows, name: str, kind: str) -> np.ndarray:
    if kind in _NUMBERS:
        return _numbers(rows, name).astype(_NUMBERS[kind])[:, None]
    column = rows.features.get(name)
    texts = [""] * len(rows) if column is None else ["" if value is None else value for value in column]
    return np.array(texts, dtype=object)[:, None]


def _confidence(said: list[Any], rows: int) -> np.ndarray | None:
    for values in said:
        if isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind == "f" and values.shape[1] > 1:
            return np.clip(values.max(axis=1).astype(np.float64), 0.0, 1.0) if len(values) == rows else None
    return None


def _empty(kind: str) -> Column:
    return np.empty(0, dtype=np.float64 if kind == "number" else object)
