"""What model servers log as a request or a response: rows of features, and predictions."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
_ROWS_UNDER = ("instances", "dataframe_records", "inputs", "data", "features")
_PREDICTIONS_UNDER = ("predictions", "outputs", "output", "result", "data")
_SAID = ("prediction", "predicted_label", "label", "class", "score")
_SURE = ("confidence", "probability", "probabilities", "scores")


def rows_of(request: Any) -> list[Row]:
    """The rows of a request; raises ValueError, with a sentence, where it holds none.

    >>> rows_of({"instances": [[1, 2], [3, 4]]})
    [{'column1': 1, 'column2': 2}, {'column1': 3, 'column2': 4}]
    >>> rows_of({"dataframe_split": {"columns": ["a"], "data": [[1]]}})
    [{'a': 1}]
    """
    if isinstance(request, Mapping):
        return _rows_of_object(request)
    if not isinstance(request, Sequence) or isinstance(request, str | bytes) or not request:
        raise ValueError("the request holds no rows")
    if all(not isinstance(one, list | dict) for one in request):
        return [_named(request)]
    return [row for one in request for row in [dict(one) if isinstance(one, Mapping) else _named(one)]]


def _rows_of_object(request: Mapping[str, Any]) -> list[Row]:
    split = request.get("dataframe_split", request if {"columns", "data"} <= request.keys() else None)
    if isinstance(split, Mapping):
        return [dict(zip(map(str, split["columns"]), values, strict=True)) for values in split["data"]]
    for key in _ROWS_UNDER:
        if isinstance(request.get(key), list | dict) and (len(request) == 1 or key != "data"):
            return rows_of(request[key])
    columns = {name: value for name, value in request.items() if isinstance(value, list)}
    if columns and len(columns) == len(request) and len({len(value) for value in columns.values()}) == 1:
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if not request:
        raise ValueError("the request holds no rows")
    return [dict(request)]


def _named(values: Any) -> Row:
    if not isinstance(values, list):
        raise ValueError("a row of the request is neither a list nor an object")  # noqa: TRY004  (the log is wrong)
    return {f"column{place}": value for place, value in enumerate(values, 1)}


def predictions_of(response: Any) -> list[Row]:
    """The predictions of a response, each with `prediction` and, where it tells one, `confidence`.

    >>> predictions_of({"predictions": ["a", {"predicted_label": "b", "probability": 0.9}]})
    [{'prediction': 'a'}, {'prediction': 'b', 'confidence': 0.9}]
    """
    found = response
    if isinstance(response, Mapping):
        key = next((key for key in _PREDICTIONS_UNDER if isinstance(response.get(key), list | dict)), None)
        found = response[key] if key is not None else [response]
    if not isinstance(found, list):
        found = [found]
    if not found:
        raise ValueError("the response holds no prediction")
    return [_prediction(one) for one in found]


def _prediction(one: Any) -> Row:
    if isinstance(one, list):
        if not one or isinstance(one[0], list | dict):
            raise ValueError("a prediction of the response is not one value")
        sure = one[1] if len(one) == 2 and isinstance(one[1], float) and 0.0 <= one[1] <= 1.0 else None
        if len(one) > 1 and sure is None:
            raise ValueError("a prediction of the response is not one value")
        return {"prediction": one[0]} | ({} if sure is None else {"confidence": sure})
    if not isinstance(one, Mapping):
        return {"prediction": one}
    said = next((one[key] for key in _SAID if key in one), None)
    if said is None and len(one) == 1:
        said = next(iter(one.values()))
    if said is None or isinstance(said, list | dict):
        raise ValueError(f"the response has no {', '.join(_SAID)} that is one value")
    sure = next((one[key] for key in _SURE if key in one), None)
    sure = max(sure) if isinstance(sure, list) and sure else sure
    return {"prediction": said} | ({"confidence": sure} if isinstance(sure, int | float) else {})


def from_csv(text: str) -> list[list[Any]]:
    """Rows of a CSV without a header; what is a number is one.

    >>> from_csv("1,a\\n2.5,\\n")
    [[1, 'a'], [2.5, None]]
    """
    return [[_scalar(value) for value in row] for row in csv.reader(io.StringIO(text.strip())) if row]


def _scalar(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def from_json(text: Any) -> Any:
    """What a text holds as JSON, or what stands there already; raises ValueError."""
    return json.loads(text) if isinstance(text, str | bytes) else text
