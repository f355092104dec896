"""Models that stay where they are: their server is called. The artifact holds the address, no model.

Two protocols: `v2`, the Open Inference Protocol (KServe, Triton, MLServer, Seldon), and `mlflow`, what
`mlflow models serve` speaks. Which version answers is checked: by the version in each answer where the server tells
one, and always by probe rows, on which it has to say what it said when it was registered.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from driftloop.codec.scalars import category_text
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.learners.served_calls import Caller, ServerAwayError
from driftloop.learners.storage import read_description, write_description
from driftloop.spec.model_spec import ModelSpec

PROBES_FILE = "probes.json"
PROBES = 20
_SAME = 1e-4


class OtherVersionError(ValueError):
    """What answers at the address is not the version that was registered."""


class ServedAt(BaseModel):
    """Where a model is served, and how it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    url: str
    protocol: Literal["v2", "mlflow"] = "v2"
    model: str = ""
    """With v2: the model's name on its server."""
    version: str | None = None
    """With v2: the version on its server, which is asked for by its path."""
    inputs: tuple[str, ...] = ()
    """Features in the order of a single matrix; empty: each feature is an input (or a column) by its name."""
    tensor: str = "input-0"
    """With v2 and inputs: the name of the matrix."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """Field of the target → output; empty: the output of that name, else the first."""
    deadline_seconds: float = Field(default=5.0, gt=0)
    """For all batches of a call together."""
    batch_rows: int = Field(default=500, ge=1)


@dataclass
class ServedModel:
    """A model behind an address; `probes` and `expected` are rows, and what it says about them."""

    at: ServedAt
    kinds: Mapping[str, str]
    targets: Mapping[str, str]
    probes: Rows | None = None
    expected: Predictions | None = None
    caller: Caller | None = None
    _checked: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.caller = self.caller or Caller(self.at.url, self.at.deadline_seconds)

    @classmethod
    def of(cls, at: ServedAt, spec: ModelSpec, probes: Rows) -> "ServedModel":
        """The model at an address as it is now; what it says about the probe rows is noted.

        Raises ValueError, with a sentence, where it does not answer or is another one than is declared.
        """
        unknown = [name for name in at.inputs if name not in spec.features]
        if unknown:
            raise ValueError(f"the model takes {', '.join(unknown)}, which the spec has not as features")
        if at.protocol == "v2" and not at.model:
            raise ValueError("the Open Inference Protocol needs the name of the model on its server")
        kinds = {name: feature.kind for name, feature in spec.features.items()}
        model = cls(at, kinds, {name: target.kind for name, target in spec.target.items()})
        some = probes.take(slice(0, PROBES))
        try:
            model._require_version()
            model.probes, model.expected = some, model._asked(some)
        except (ServerAwayError, OtherVersionError) as error:
            raise ValueError(str(error)) from error
        model._checked = True
        return model

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row. Raises `ServerAwayError` or `OtherVersionError`, with a sentence."""
        if not len(rows):
            return Predictions({name: _column([], kind) for name, kind in self.targets.items()})
        if not self._checked:
            self._check()
        return self._asked(rows)

    def save(self, folder: Path) -> None:
        """Write the address, and the probe rows with what the model said about them."""
        description = {"at": self.at.model_dump(mode="json"), "kinds": dict(self.kinds), "targets": dict(self.targets)}
        write_description(folder, description)
        if self.probes is None or self.expected is None:
            raise ValueError("a served model is written with its probe rows")
        probes = {
            "features": {name: _plain(column) for name, column in self.probes.features.items()},
            "predictions": {name: _plain(column) for name, column in self.expected.fields.items()},
        }
        (folder / PROBES_FILE).write_text(json.dumps(probes, sort_keys=True) + "\n", encoding="utf-8")

    def _check(self) -> None:
        """Hold the server against the probe rows, once for each time that the model is loaded."""
        if self.probes is not None and self.expected is not None and len(self.probes):
            said = self._asked(self.probes)
            for name, kind in self.targets.items():
                ours, theirs = said.fields[name], self.expected.fields[name]
                same = ours == theirs if kind == "category" else np.abs(ours - theirs) <= _SAME * (1 + np.abs(theirs))
                if not np.all(same):
                    raise OtherVersionError(
                        f"{self.at.url} says something else about {name!r} on {int(np.sum(~same))} of {len(same)} "
                        "probe rows than when it was registered: another version answers there"
                    )
        self._checked = True

    def _require_version(self) -> None:
        if self.at.protocol != "v2":
            return
        assert self.caller is not None
        told = self.caller.ask(self._path())
        versions = told.get("versions") if isinstance(told, dict) else None
        if self.at.version is not None and versions and self.at.version not in map(str, versions):
            names = ", ".join(map(str, versions))
            raise OtherVersionError(f"{self.at.url} serves {self.at.model} in version {names}, not {self.at.version}")

    def _asked(self, rows: Rows) -> Predictions:
        assert self.caller is not None
        until = self.caller.clock() + self.at.deadline_seconds
        parts: dict[str, list[Any]] = {name: [] for name in self.targets}
        for first in range(0, len(rows), self.at.batch_rows):
            batch = rows.take(slice(first, first + self.at.batch_rows))
            found = self._ask_mlflow(batch, until) if self.at.protocol == "mlflow" else self._ask_v2(batch, until)
            for name, values in found.items():
                if len(values) != len(batch):
                    raise ServerAwayError(f"{self.at.url} answers {len(values)} values for {len(batch)} rows")
                parts[name].extend(values)
        return Predictions({name: _column(values, self.targets[name]) for name, values in parts.items()})

    def _path(self) -> str:
        version = f"/versions/{self.at.version}" if self.at.version is not None else ""
        return f"/v2/models/{self.at.model}{version}"

    def _ask_v2(self, rows: Rows, until: float) -> dict[str, list[Any]]:
        assert self.caller is not None
        answer = self.caller.ask(f"{self._path()}/infer", {"inputs": self._tensors(rows)}, until=until)
        try:
            version, outputs = answer.get("model_version"), {one["name"]: one for one in answer["outputs"]}
            if version and self.at.version is not None and str(version) != self.at.version:
                raise OtherVersionError(f"{self.at.url} answered with version {version}, not {self.at.version}")
            first = next(iter(outputs))
            return {
                name: _rows_of(outputs[self.at.outputs.get(name, name if name in outputs else first)], len(rows))
                for name in self.targets
            }
        except (KeyError, AttributeError, TypeError, StopIteration) as error:
            raise ServerAwayError(f"{self.at.url} gives an answer without usable outputs: {error!r}") from error

    def _tensors(self, rows: Rows) -> list[dict[str, Any]]:
        if self.at.inputs:
            matrix = [_plain(_of(rows, name, "number")) for name in self.at.inputs]
            data = [column[row] for row in range(len(rows)) for column in matrix]
            return [{"name": self.at.tensor, "shape": [len(rows), len(matrix)], "datatype": "FP64", "data": data}]
        return [
            {
                "name": name,
                "shape": [len(rows), 1],
                "datatype": "FP64" if kind == "number" else "BYTES",
                "data": [("" if kind == "category" and value is None else value) for value in column],
            }
            for name, kind in self.kinds.items()
            for column in [_plain(_of(rows, name, kind))]
        ]

    def _ask_mlflow(self, rows: Rows, until: float) -> dict[str, list[Any]]:
        assert self.caller is not None
        names = self.at.inputs or tuple(self.kinds)
        columns = [_plain(_of(rows, name, self.kinds[name])) for name in names]
        split = {"columns": list(names), "data": [list(row) for row in zip(*columns, strict=True)]}
        answer = self.caller.ask("/invocations", {"dataframe_split": split}, until=until)
        said = answer.get("predictions") if isinstance(answer, dict) else answer
        if not isinstance(said, list):
            raise ServerAwayError(f"{self.at.url} gives an answer without predictions")
        return {name: [_value(one, self.at.outputs.get(name, name)) for one in said] for name in self.targets}


class ServedLearner:
    """Loads addresses; nothing can be fitted with it."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def fit(self, *_rows: Any, **_how: Any) -> NoReturn:
        """Raises ValueError: it is trained elsewhere."""
        raise ValueError("a model behind an address was trained elsewhere: it cannot be trained here")

    def load(self, folder: Path) -> ServedModel:
        """What `ServedModel.save` wrote; raises ValueError where it is damaged. The server is not called."""
        described = read_description(folder)
        try:
            told = json.loads((folder / PROBES_FILE).read_text(encoding="utf-8"))
            kinds, targets = described["kinds"], described["targets"]
            features = {name: _column(values, kinds[name]) for name, values in told["features"].items()}
            expected = {name: _column(values, targets[name]) for name, values in told["predictions"].items()}
            at = ServedAt.model_validate(described["at"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the model in {folder} is no address of a server: {error}") from error
        return ServedModel(at, kinds, targets, Rows(features), Predictions(expected))


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> ServedLearner:
    """The entry point; it has no parameters."""
    del parameters
    return ServedLearner(spec)


def _of(rows: Rows, name: str, kind: str) -> Column:
    column = rows.features.get(name)
    if column is not None:
        return column
    return np.full(len(rows), np.nan) if kind == "number" else np.full(len(rows), None, dtype=object)


def _plain(column: Column) -> list[Any]:
    """For JSON: a missing number is null."""
    if column.dtype == object:
        return list(column.tolist())
    return [value if np.isfinite(value) else None for value in column.astype(np.float64).tolist()]


def _column(values: Sequence[Any], kind: str) -> Column:
    if kind == "category":
        return np.array([None if value is None else category_text(value) for value in values], dtype=object)
    try:
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ServerAwayError(f"the server predicts {values[0]!r} where a number is expected") from error


def _rows_of(output: Mapping[str, Any], rows: int) -> list[Any]:
    """A value a row: data may be flat or nested, of shape [n] or [n, 1]."""
    data = output["data"]
    flat = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if len(flat) != rows or any(isinstance(one, list | dict) for one in flat):
        raise ServerAwayError(
            f"the output {output['name']} has shape {output.get('shape')}, where one value a row is expected: declare "
            "the output that holds the prediction"
        )
    return flat


def _value(one: Any, name: str) -> Any:
    if isinstance(one, dict):
        return one.get(name, next(iter(one.values()), None))
    return one[0] if isinstance(one, list) and len(one) == 1 else one
