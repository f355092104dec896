"""Requests and responses of model servers to rows: V1, the Open Inference Protocol, and MLflow's own forms."""

from collections.abc import Mapping
from math import prod
from typing import Any

from driftloop.codec.scalars import category_text, same_class
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import invalid
from outcome_ingestion.core.translate.scalars import flat, named_once, scalar_of

Rows = list[dict[str, Any]]
_REQUESTS = ("inputs", "instances", "dataframe_records", "dataframe_split")
_RESPONSES = ("outputs", "predictions")
_MOST_ROWS = 100_000


def part_of(body: Any) -> str:
    """`request` or `response`; raises `Refusal` if a body is neither."""
    if isinstance(body, Mapping):
        if any(name in body for name in _RESPONSES):
            return "response"
        if any(name in body for name in _REQUESTS):
            return "request"
    raise invalid("NoInference", f"the body is no request ({', '.join(_REQUESTS)}) and no response "
                  f"({', '.join(_RESPONSES)}) of a model server")  # fmt: skip


def request_rows(body: Any, source: ModelSource) -> Rows:
    """`features` of each row; raises `Refusal` that names the path."""
    if not isinstance(body, Mapping):
        raise invalid("NoInference", "the request is no object")
    if "inputs" in body:
        return [{"features": row} for row in _tensor_features(body["inputs"], source)]
    name = next((one for one in _REQUESTS if one in body), None)
    if name is None:
        raise invalid("NoInference", f"the request has none of {', '.join(_REQUESTS)}")
    if name == "dataframe_split":
        split = _object(body[name], name)
        columns = [str(column) for column in _list(split.get("columns"), f"{name}.columns")]
        rows = _list(split.get("data"), f"{name}.data")
        return [{"features": _listed(row, columns, f"{name}.data[{n}]")} for n, row in enumerate(rows)]
    rows = _list(body[name], name)
    return [{"features": _instance(row, source, f"{name}[{n}]")} for n, row in enumerate(rows)]


def response_rows(body: Any, source: ModelSource) -> Rows:
    """`prediction` (and `confidence`) of each row; raises `Refusal` that names the path."""
    if not isinstance(body, Mapping):
        raise invalid("NoInference", "the response is no object")
    if "outputs" in body:
        name, values = _chosen(body["outputs"], source)
        return [_said(value, source, f"outputs '{name}'[{n}]") for n, value in enumerate(values)]
    if "predictions" not in body:
        raise invalid("NoInference", f"the response has none of {', '.join(_RESPONSES)}")
    values = _list(body["predictions"], "predictions")
    return [_said(value, source, f"predictions[{n}]") for n, value in enumerate(values)]


def shadow_tensors(body: Any, source: ModelSource) -> dict[str, list[Any]]:
    """Version → its predictions, of the outputs that the source says are predictions in the shadow."""
    if source.shadow_outputs is None or not isinstance(body, Mapping) or "outputs" not in body:
        return {}
    tensors = [_object(tensor, f"outputs[{n}]") for n, tensor in enumerate(_list(body["outputs"], "outputs"))]
    named = {str(tensor.get("name")): tensor for tensor in tensors if _is_shadow(tensor, source)}
    return {name.removeprefix(source.shadow_outputs): _values_of(name, tensor) for name, tensor in named.items()}


def with_shadows(rows: Rows, said: Mapping[str, Any], source: ModelSource) -> Rows:
    """The rows of an answer, each with what versions in the shadow predicted; raises `Refusal` that names the version.

    `said` is version → one prediction a row, or the prediction where there is one row. Null and NaN are no prediction.
    """
    found: Rows = [{} for _ in rows]
    for version, given in said.items():
        values = given if isinstance(given, list) and (len(rows) != 1 or len(given) == 1) else [given]
        if len(values) != len(rows):
            raise invalid(
                "RowsDiffer", f"version {version} in the shadow has {len(values)} predictions, the answer {len(rows)}"
            )
        for number, value in enumerate(values):
            path = f"the shadow of {version}[{number}]"
            if not _says_nothing(value, path):
                found[number][version] = _predicted(value, source, path)["prediction"]
    return [{**row, "shadow": shadow} if shadow else row for row, shadow in zip(rows, found, strict=True)]


def _says_nothing(value: Any, path: str) -> bool:
    """Whether it is null or NaN; of one probability per class, whether one of them is."""
    if isinstance(value, list):
        return any(_says_nothing(one, path) for one in value)
    return not isinstance(value, Mapping) and scalar_of(value, path) is None


def _is_shadow(tensor: Mapping[str, Any], source: ModelSource) -> bool:
    return source.shadow_outputs is not None and str(tensor.get("name")).startswith(source.shadow_outputs)


def _instance(row: Any, source: ModelSource, path: str) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return named_once(flat(row, path), path)
    return _listed(row if isinstance(row, list) else [row], source.feature_names, path)


def _listed(row: Any, names: Any, path: str) -> dict[str, Any]:
    values = _list(row, path)
    if len(values) != len(names):
        raise invalid(
            "WrongShape", f"{path} has {len(values)} values without names, and the source's `feature_names` are "
            f"{len(names)}",
        )  # fmt: skip
    pairs = enumerate(zip(names, values, strict=True))
    return named_once(((name, scalar_of(value, f"{path}[{n}]")) for n, (name, value) in pairs), path)


def _tensor_features(inputs: Any, source: ModelSource) -> Rows:
    columns: list[tuple[str, list[Any]]] = []
    for number, tensor in enumerate(_list(inputs, "inputs")):
        path = f"inputs[{number}]"
        name = str(_object(tensor, path).get("name"))
        rows = _rows_of_tensor(tensor, path)
        if all(len(row) == 1 for row in rows):
            columns.append((name, [scalar_of(row[0], f"{path}.data[{n}]") for n, row in enumerate(rows)]))
            continue
        listed = [_listed(row, source.feature_names, f"{path}.data[{n}]") for n, row in enumerate(rows)]
        columns += [(feature, [row[feature] for row in listed]) for feature in source.feature_names]
    named = named_once(columns, "inputs")
    if len({len(values) for values in named.values()}) > 1:
        raise invalid("WrongShape", "the inputs have different numbers of rows")
    return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]


def _chosen(outputs: Any, source: ModelSource) -> tuple[str, list[Any]]:
    tensors = [_object(tensor, f"outputs[{n}]") for n, tensor in enumerate(_list(outputs, "outputs"))]
    serving = [tensor for tensor in tensors if not _is_shadow(tensor, source)]
    named = [tensor for tensor in serving if source.output in (None, tensor.get("name"))]
    if not named:
        names = ", ".join(str(tensor.get("name")) for tensor in tensors) or "none"
        raise invalid("MissingPath", f"the response has no output '{source.output}': its outputs are {names}")
    name = str(named[0].get("name"))
    return name, _values_of(name, named[0])


def _values_of(name: str, tensor: Mapping[str, Any]) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in _rows_of_tensor(tensor, f"outputs '{name}'")]


def _rows_of_tensor(tensor: Mapping[str, Any], path: str) -> list[list[Any]]:
    """The values of each row, all its axes but the first laid out one after the other."""
    shape = _list(tensor.get("shape"), f"{path}.shape")
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape):
        raise invalid("WrongShape", f"{path}.shape is {str(shape)[:60]}")
    values = _flattened(_list(tensor.get("data"), f"{path}.data"), path)
    rows, width = (shape[0], prod(shape[1:])) if shape else (1, 1)
    if rows * width != len(values) or rows > _MOST_ROWS:
        raise invalid("WrongShape", f"{path}.shape is {shape}, and {path}.data has {len(values)} values")
    return [values[row * width : (row + 1) * width] for row in range(rows)]


def _flattened(values: list[Any], path: str) -> list[Any]:
    for _ in range(8):
        if not any(isinstance(value, list) for value in values):
            return values
        values = [one for value in values for one in (value if isinstance(value, list) else [value])]
    raise invalid("WrongShape", f"{path}.data is nested too deep")


def _predicted(value: Any, source: ModelSource, path: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"prediction": {str(name): scalar_of(one, f"{path}.{name}") for name, one in value.items()}}
    if not isinstance(value, list):
        return {"prediction": _some(scalar_of(value, path), path)}
    if len(value) == 1:
        return _predicted(value[0], source, path)
    if not value or len(value) != len(source.classes):
        raise invalid("WrongShape", f"{path} has {len(value)} values, and the source's `classes` are "
                      f"{len(source.classes)}")  # fmt: skip
    chances = [scalar_of(one, path) for one in value]
    numbers = [float(one) for one in chances if isinstance(one, int | float)]
    if len(numbers) != len(chances):
        raise invalid("WrongType", f"{path} holds something else than one probability per class")
    best = max(range(len(numbers)), key=numbers.__getitem__)
    return {"prediction": source.classes[best]} | _confidence(numbers[best])


def _confidence(chance: float) -> dict[str, Any]:
    return {"confidence": chance} if 0 <= chance <= 1 else {}


def _said(value: Any, source: ModelSource, path: str) -> dict[str, Any]:
    """What is predicted; raises `Refusal` if it is a number that is none of the source's classes: a lone probability,
    an index.

    A text is a class by itself, even if the source does not name it: a model may have learnt a new one.
    """
    row = _predicted(value, source, path)
    said = row["prediction"]
    if not source.classes or isinstance(said, Mapping | str):
        return row
    text = category_text(said)
    if any(same_class(text, one) for one in source.classes):
        return row
    raise invalid("NoClass", f"{path} is {str(said)[:60]!r}, and the source's `classes` are "
                  f"{', '.join(source.classes)[:200]}: log the class, or one probability per class; if the answer is "
                  "the value itself, leave `classes` out")  # fmt: skip


def _some(value: Any, path: str) -> Any:
    if value is None:
        raise invalid("MissingPath", f"{path} is null")
    return value


def _list(value: Any, path: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise invalid("WrongShape", f"{path} is no list")


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise invalid("WrongShape", f"{path} is no object")
