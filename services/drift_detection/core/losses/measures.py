"""What is measured of every row: columns of numbers, NaN where a row has no such figure."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.losses.corrections import Revision
from drift_detection.core.rows import FrameRows, codes_of, forecasts_of, numbers
from drift_detection.core.series import distances, forecast_measures
from driftloop.codec.frames import LABEL, PREDICTION
from driftloop.spec.model_spec import ModelSpec, TargetField
from driftloop.statistics.statuses import is_failure

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

CLASSES = 30

OF_NUMBERS = ("loss", "lag_seconds", "absolute", "squared", "percentage", "symmetric")
"""Of a labelled row of a model whose first target is a number: the last four are that target's."""
OF_CLASSES = ("loss", "lag_seconds", "confidence", "correct", "said", "true")
"""Of a labelled row of a model whose first target is a class: `said` and `true` are codes of classes."""
RIGHT = "right:"
"""Of a row of a model with several targets, by target: 1 where it was right, of targets that are right or wrong."""
LAG = 1
"""Place of `lag_seconds` among the measures of a labelled row."""
OPERATIONS = ("latency_ms", "success", "cost", "tokens")
"""Of a row as it was predicted."""


class ClassNames:
    """Classes by code, in the order in which they were first seen; at most 30, the others share the last code."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names: list[str] = names or []
        self.further: dict[str, ClassNames] = {}
        """Those of the targets after the first, by target."""

    def of(self, target: str) -> "ClassNames":
        """The classes of a target after the first."""
        return self.further.setdefault(target, ClassNames())

    def clear(self) -> None:
        """Forget all classes."""
        self.names.clear()
        self.further.clear()

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
    """What is measured of a labelled row: of the first target, then of each other one, under its name.

    >>> from driftloop.spec.model_spec import Feature
    >>> two = {"a": TargetField(), "b": TargetField(kind="number")}
    >>> spec = ModelSpec(model_id="m", task="multi-field", features={"x": Feature()}, target=two)
    >>> measures_of(spec)[-5:]
    ('right:a', 'absolute:b', 'squared:b', 'percentage:b', 'symmetric:b')
    """
    (_, first), *others = spec.target.items()
    found: tuple[str, ...] = OF_CLASSES if first.kind == "category" else OF_NUMBERS + forecast_measures(spec)
    if not others:
        return found
    if first.kind == "number" and _is_right_or_wrong(spec):
        found = (*found, "confidence", "correct")
    rights = tuple(RIGHT + one for one, target in spec.target.items() if _has_right(target))
    return (*found, *rights, *(measure for one, target in others for measure in _names_of(one, target)))


_OF_OTHERS = {
    "number": ("absolute", "squared", "percentage", "symmetric"),
    "category": ("said", "true"),
    "series": (),
}


def _names_of(name: str, target: TargetField) -> tuple[str, ...]:
    return tuple(f"{measure}:{name}" for measure in _OF_OTHERS[target.kind])


def _has_right(target: TargetField) -> bool:
    return target.kind == "category" or target.tolerance is not None


def all_right_or_wrong(spec: ModelSpec) -> bool:
    """Whether every target is: then the loss of a row is the share of its targets that are wrong."""
    return all(_has_right(target) for target in spec.target.values())


def _is_right_or_wrong(spec: ModelSpec) -> bool:
    return any(_has_right(target) for target in spec.target.values())


def quality(rows: FrameRows, which: Places, lag_ms: NDArray[np.int64], classes: ClassNames) -> Floats:
    """`measures_of` the labelled rows `which`: a matrix (measures × rows)."""
    name, target = next(iter(rows.spec.target.items()))
    table = dict.fromkeys(measures_of(rows.spec), np.full(len(which), np.nan))
    table["loss"], table["lag_seconds"] = rows.losses[which], lag_ms / 1000
    if len(rows.spec.target) > 1:
        table |= _of_every_target(rows, which, classes)
    said, true = rows.column(PREDICTION + name), rows.column(LABEL + name)
    if said is None or true is None:
        return np.stack(list(table.values()))
    if target.kind == "series":
        forecasts = (one[which] for one in forecasts_of(rows, name))
        return np.stack(list(({**table, **distances(rows.spec, *forecasts)}).values()))
    if target.kind == "number":
        return np.stack(list(({**table, **_distances(numbers(said)[which], numbers(true)[which])}).values()))
    confidence = _confidence(rows, which)
    if confidence is not None and len(rows.spec.target) == 1:
        table["confidence"] = confidence
        table["correct"] = 1.0 - np.minimum(table["loss"], 1.0)
    (said_codes, said_names), (true_codes, true_names) = rows.coded(PREDICTION + name), rows.coded(LABEL + name)
    classes.learn((true_codes[which], true_names), (said_codes[which], said_names))
    table["said"] = classes.codes(said_codes[which], said_names)
    table["true"] = classes.codes(true_codes[which], true_names)
    return np.stack(list(table.values()))


def _of_every_target(rows: FrameRows, which: Places, classes: ClassNames) -> dict[str, Floats]:
    """What is measured of a model with several targets beside its first one's figures."""
    table: dict[str, Floats] = {}
    for place, (name, target) in enumerate(rows.spec.target.items()):
        if _has_right(target):
            table[RIGHT + name] = 1.0 - rows.losses_of(name)[which]
        said, true = rows.column(PREDICTION + name), rows.column(LABEL + name)
        if place == 0 or said is None or true is None or target.kind == "series":
            continue
        if target.kind == "number":
            found = _distances(numbers(said)[which], numbers(true)[which])
            table |= {f"{measure}:{name}": values for measure, values in found.items()}
        else:
            (said_codes, said_names), (true_codes, true_names) = rows.coded(PREDICTION + name), rows.coded(LABEL + name)
            known = classes.of(name)
            known.learn((true_codes[which], true_names), (said_codes[which], said_names))
            table[f"said:{name}"] = known.codes(said_codes[which], said_names)
            table[f"true:{name}"] = known.codes(true_codes[which], true_names)
    confidence, rights = _confidence(rows, which), [one for name, one in table.items() if name.startswith(RIGHT)]
    if confidence is not None and rights:
        table |= {"confidence": confidence, "correct": np.mean(rights, axis=0)}
    return table


def _confidence(rows: FrameRows, which: Places) -> Floats | None:
    """How sure the predictions of the rows were; None where none of the frame says so."""
    column = rows.column("confidence")
    return None if column is None or column.null_count == len(column) else numbers(column)[which]


def learn_classes(rows: FrameRows, which: Places, classes: ClassNames) -> None:
    """Name the classes of the rows `which`, in their order: those of corrections among the others."""
    for place, (name, target) in enumerate(rows.spec.target.items()):
        if target.kind != "category" or any(rows.column(kind + name) is None for kind in (PREDICTION, LABEL)):
            continue
        (said, said_names), (true, true_names) = rows.coded(PREDICTION + name), rows.coded(LABEL + name)
        known = classes.of(name) if place else classes
        known.learn((true[which], true_names), (said[which], said_names))


def labels_of(rows: FrameRows, which: Places, measures: Floats) -> Floats:
    """The first target's label of the rows `which`, whose `quality` is `measures`: a number, or a class's code."""
    name, target = next(iter(rows.spec.target.items()))
    if target.kind == "category":
        found: Floats = measures[OF_CLASSES.index("true")]
        return found
    true = rows.column(LABEL + name)
    return np.full(len(which), np.nan) if true is None else numbers(true)[which]


def remembered(spec: ModelSpec, measures: Floats) -> Floats:
    """What of a row's `quality` must be kept so that a correction can take it back: all where one number is not all
    that a label tells, of several targets and of forecasts."""
    return measures if _labels_are_many(spec) else measures[:0].copy()


def remembered_measures(spec: ModelSpec) -> int:
    """How many measures `remembered` keeps of a row."""
    return len(measures_of(spec)) if _labels_are_many(spec) else 0


def _labels_are_many(spec: ModelSpec) -> bool:
    return len(spec.target) > 1 or spec.forecast is not None


def quality_before(rows: FrameRows, which: Places, measures: Floats, replaced: Revision) -> Floats:
    """The `quality` of corrected rows as it was with the losses and labels of `replaced`, all else being `measures`."""
    losses, labels = replaced.losses, replaced.labels
    if len(replaced.measures):
        before = replaced.measures.copy()
        before[LAG] = measures[LAG]
        return before
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
        good = [0.0 if is_failure(value) else 1.0 for value in values]
        return np.array([*good, np.nan])[codes]
    return numbers(column)
