"""What is measured of every row: columns of numbers, NaN where a row has no such figure."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.rows import FrameRows, codes_of, numbers
from driftloop.codec.frames import LABEL, PREDICTION
from driftloop.spec.model_spec import ModelSpec

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

CLASSES = 30
SUCCESS = frozenset({"ok", "success", "succeeded", "successful", "completed", "done", "passed"})
"""Values of `status` that mean success; any other is a failure."""

OF_NUMBERS = ("loss", "lag_seconds", "absolute", "squared", "percentage", "symmetric")
"""Of a labelled row of a model whose first target is a number: the last four are that target's."""
OF_CLASSES = ("loss", "lag_seconds", "confidence", "correct", "said", "true")
"""Of a labelled row of a model whose first target is a class: `said` and `true` are codes of classes."""
OPERATIONS = ("latency_ms", "success", "cost", "tokens")
"""Of a row as it was predicted."""


class ClassNames:
    """Classes by code, in the order in which they were first seen; at most 30, the others share the last code."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names: list[str] = names or []

    def learn(self, *columns: tuple[NDArray[np.int32], list[str]]) -> None:
        """Name the classes that are new, in the order of their rows (in one row, of the columns)."""
        if len(self.names) >= CLASSES:
            return
        known = frozenset(self.names)
        fresh = [
            (first, place, values[code])
            for place, (codes, values) in enumerate(columns)
            if not known.issuperset(values)
            for code, first in zip(*(found.tolist() for found in np.unique(codes, return_index=True)), strict=True)
            if code >= 0 and values[code] not in known
        ]
        for _, _, value in sorted(fresh):
            if value not in self.names and len(self.names) < CLASSES:
                self.names.append(value)

    def codes(self, codes: NDArray[np.int32], values: list[str]) -> Floats:
        """Codes of a frame's values as lasting ones; −1 (missing) is NaN."""
        places = {name: float(place) for place, name in enumerate(self.names)}
        lasting = [places.get(value, float(CLASSES)) for value in values]
        return np.array([*lasting, np.nan])[codes]


def measures_of(spec: ModelSpec) -> tuple[str, ...]:
    """What is measured of a labelled row."""
    first = next(iter(spec.target.values()))
    return OF_NUMBERS if first.kind == "number" else OF_CLASSES


def quality(rows: FrameRows, which: Places, lag_ms: NDArray[np.int64], classes: ClassNames) -> Floats:
    """`measures_of` the labelled rows `which`: a matrix (measures × rows)."""
    name, target = next(iter(rows.spec.target.items()))
    table = dict.fromkeys(measures_of(rows.spec), np.full(len(which), np.nan))
    table["loss"], table["lag_seconds"] = rows.losses[which], lag_ms / 1000
    said, true = rows.column(PREDICTION + name), rows.column(LABEL + name)
    if said is None or true is None:
        return np.stack(list(table.values()))
    if target.kind == "number":
        return np.stack(list(({**table, **_distances(numbers(said)[which], numbers(true)[which])}).values()))
    confidence = rows.column("confidence")
    if confidence is not None and confidence.null_count < len(confidence):
        table["confidence"] = numbers(confidence)[which]
        table["correct"] = 1.0 - np.minimum(table["loss"], 1.0)
    (said_codes, said_names), (true_codes, true_names) = rows.coded(PREDICTION + name), rows.coded(LABEL + name)
    classes.learn((true_codes[which], true_names), (said_codes[which], said_names))
    table["said"] = classes.codes(said_codes[which], said_names)
    table["true"] = classes.codes(true_codes[which], true_names)
    return np.stack(list(table.values()))


def learn_classes(rows: FrameRows, which: Places, classes: ClassNames) -> None:
    """Name the classes of the rows `which`, in their order: those of corrections among the others."""
    name, target = next(iter(rows.spec.target.items()))
    if target.kind == "number" or any(rows.column(kind + name) is None for kind in (PREDICTION, LABEL)):
        return
    (said, said_names), (true, true_names) = rows.coded(PREDICTION + name), rows.coded(LABEL + name)
    classes.learn((true[which], true_names), (said[which], said_names))


def labels_of(rows: FrameRows, which: Places, measures: Floats) -> Floats:
    """The first target's label of the rows `which`, whose `quality` is `measures`: a number, or a class's code."""
    name, target = next(iter(rows.spec.target.items()))
    if target.kind != "number":
        found: Floats = measures[OF_CLASSES.index("true")]
        return found
    true = rows.column(LABEL + name)
    return np.full(len(which), np.nan) if true is None else numbers(true)[which]


def quality_before(rows: FrameRows, which: Places, measures: Floats, losses: Floats, labels: Floats) -> Floats:
    """The `quality` of corrected rows as it was with other losses and labels, all else being `measures`."""
    name = next(iter(rows.spec.target))
    table = dict(zip(measures_of(rows.spec), measures, strict=True)) | {"loss": losses}
    if "true" in table:
        correct = np.where(np.isnan(table["correct"]), np.nan, 1.0 - np.minimum(losses, 1.0))
        table |= {"true": labels, "correct": correct}
    elif (said := rows.column(PREDICTION + name)) is not None:
        table |= _distances(numbers(said)[which], labels)
    return np.stack(list(table.values()))


def _distances(said: Floats, true: Floats) -> Mapping[str, Floats]:
    gap = np.abs(said - true)
    size = np.abs(said) + np.abs(true)
    percentage = np.divide(gap, np.abs(true), out=np.full_like(gap, np.nan), where=true != 0)
    symmetric = np.divide(2 * gap, size, out=np.zeros_like(gap), where=size > 0)
    return {"absolute": gap, "squared": gap * gap, "percentage": percentage, "symmetric": symmetric}


def operations(rows: FrameRows, which: Places) -> Floats | None:
    """`OPERATIONS` of the rows `which`: a matrix (measures × rows); None if a frame has none of them."""
    columns = [rows.column(name) for name in ("latency_ms", "status", "cost", "tokens")]
    if all(column is None or column.null_count == len(column) for column in columns):
        return None
    gaps = np.full(len(which), np.nan)
    found = [gaps if column is None else _figure(column)[which] for column in columns]
    return np.stack(found)


def _figure(column: pa.Array) -> Floats:
    """A column of numbers; of text, 1 where it means success."""
    if pa.types.is_string(column.type):
        codes, values = codes_of(column)
        good = [1.0 if value.lower() in SUCCESS else 0.0 for value in values]
        return np.array([*good, np.nan])[codes]
    return numbers(column)
