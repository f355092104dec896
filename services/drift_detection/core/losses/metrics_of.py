"""From recent sums to named metrics, as policies and people read them."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.losses.measures import CLASSES, RIGHT, all_right_or_wrong
from drift_detection.core.losses.performance import (
    CALIBRATION,
    LATENCY_FLOOR,
    LATENCY_STEP,
    RecentOperations,
    RecentQuality,
)
from drift_detection.core.monitors.error_monitor import losses_are_binary
from drift_detection.core.monitors.monitor import ModelMonitor
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.scores import combined_score, health_grade, health_score, trend

Floats = NDArray[np.float64]
FEW = 8
"""Classes that are worked out in one pass from so many on."""
MOST_NAMED = 10
"""Classes of a target that each have their own F1, at most."""
_OF_FORECASTS = ("coverage", "loss_steps:")


def quality_metrics(recent: RecentQuality, spec: ModelSpec) -> dict[str, float]:
    """Metrics of the last 1,000 labelled rows (fewer at the beginning); {} before 50.

    Losses of 0 and 1 give accuracy and error rate. MAPE leaves rows with a label of 0 out; sMAPE has them.
    Of several targets each has its figures under its name (`mae.weight`), and a figure without a name is their
    mean over the targets that have it: of distances in units of each target's `scale`.
    """
    blocks = recent.blocks()
    if blocks is None:
        return {}
    total: Floats = blocks.sum(axis=0)
    loss = recent.mean("loss", total) or 0.0
    found: dict[str, float | None] = {
        "rolling_loss": loss,
        "rolling_rows": float(total[0]),
        "label_lag_seconds": recent.mean("lag_seconds", total),
    }
    if len(spec.target) > 1:
        found |= _of_every_target(recent, total, spec)
    elif losses_are_binary(spec):
        found |= {"accuracy": 1.0 - loss, "error_rate": loss}
    if "absolute" in recent.measures and len(spec.target) == 1:
        found |= _of_numbers(recent, total)
    found |= {name: recent.mean(name, total) for name in recent.measures if name.startswith(_OF_FORECASTS)}
    if "said" in recent.measures:
        found |= {name: value for name, value in _by_class(recent, total).items() if name not in found}
    if recent.calibration:
        found |= _calibration(recent, total)
    means = recent.block_means("loss", blocks)
    if len(means) >= 3:
        _, slope, error = trend(means, rising_is_good=False)
        found |= {"loss_trend": slope, "loss_trend_error": error}
    return {name: value for name, value in found.items() if value is not None}


def _of_every_target(recent: RecentQuality, total: Floats, spec: ModelSpec) -> dict[str, float | None]:
    """The figures of each target of several, and their means."""
    each: dict[str, dict[str, float]] = {}
    for place, (name, target) in enumerate(spec.target.items()):
        end = f":{name}" if place else ""
        if target.kind == "number":
            figures: Mapping[str, float | None] = _of_numbers(recent, total, end)
        else:
            figures = {word: value for word, value in _by_class(recent, total, end).items() if ":" not in word}
        right = recent.mean(RIGHT + name, total) if RIGHT + name in recent.measures else None
        each[name] = {word: value for word, value in {**figures, "accuracy": right}.items() if value is not None}
    found: dict[str, float | None] = {
        f"{word}.{name}": value for name, figures in each.items() for word, value in figures.items()
    }
    for word in {word: None for figures in each.values() for word in figures}:
        units = {name: spec.target[name].scale ** _UNITS.get(word, 0) for name in each}
        found[word] = float(np.mean([figures[word] / units[name] for name, figures in each.items() if word in figures]))
    accuracy = found.get("accuracy")
    return found if accuracy is None else {**found, "error_rate": 1.0 - accuracy}


_UNITS = {"mae": 1, "rmse": 1, "mse": 2}
"""Figures that have a target's unit, and to which power."""


def _of_numbers(recent: RecentQuality, total: Floats, target: str = "") -> dict[str, float | None]:
    squared = recent.mean("squared" + target, total)
    return {
        "mae": recent.mean("absolute" + target, total),
        "mape": recent.mean("percentage" + target, total),
        "smape": recent.mean("symmetric" + target, total),
        "mse": squared,
        "rmse": None if squared is None else float(np.sqrt(squared)),
    }


def _by_class(recent: RecentQuality, total: Floats, target: str = "") -> dict[str, float]:
    """Macro precision, recall and F1 over the classes that occurred, and the F1 of each of a few classes."""
    classes = CLASSES + 1
    both, said, true = recent.by_class(target, total)
    names = (recent.classes.of(target[1:]) if target else recent.classes).names
    occurred = true > 0
    if not occurred.any():
        return {}
    if np.count_nonzero(occurred) < FEW:
        return _by_few_classes(both.tolist(), said.tolist(), true.tolist(), names)
    precision = np.divide(both, said, out=np.zeros(classes), where=said > 0)[occurred]
    recall = np.divide(both, true, out=np.zeros(classes), where=true > 0)[occurred]
    size = precision + recall
    scores = np.divide(2 * precision * recall, size, out=np.zeros_like(size), where=size > 0)
    found = {"precision": float(precision.mean()), "recall": float(recall.mean()), "f1": float(scores.mean())}
    if len(names) <= MOST_NAMED:
        by_name = np.divide(2 * both, said + true, out=np.zeros(classes), where=said + true > 0)
        found |= {f"f1:{name}": float(by_name[place]) for place, name in enumerate(names) if true[place]}
    return found


def _by_few_classes(
    both: Sequence[float], said: Sequence[float], true: Sequence[float], names: Sequence[str]
) -> dict[str, float]:
    """The same to the bit, without numpy."""
    occurred = [place for place, rows in enumerate(true) if rows > 0]
    precision = [both[place] / said[place] if said[place] > 0 else 0.0 for place in occurred]
    recall = [both[place] / true[place] for place in occurred]
    scores = [
        2 * one * other / (one + other) if one + other > 0 else 0.0
        for one, other in zip(precision, recall, strict=True)
    ]
    found = {"precision": _mean(precision), "recall": _mean(recall), "f1": _mean(scores)}
    if len(names) <= MOST_NAMED:
        named = [(name, both[place], said[place] + true[place]) for place, name in enumerate(names) if true[place]]
        found |= {f"f1:{name}": 2 * right / rows if rows > 0 else 0.0 for name, right, rows in named}
    return found


def _mean(values: Sequence[float]) -> float:
    """The mean as numpy has it: it adds up fewer than eight numbers one after the other.

    Why not `sum`: from Python 3.12 on it makes up for what rounding loses, and may end in another last bit.
    """
    return reduce(add, values) / len(values)


def _calibration(recent: RecentQuality, total: Floats) -> dict[str, float | None]:
    """Expected calibration error over ten bins, and the mean confidence."""
    first = 2 * len(recent.measures)
    rows, said, right = (total[first + part * CALIBRATION : first + (part + 1) * CALIBRATION] for part in range(3))
    known = float(rows.sum())
    if not known:
        return {}
    return {
        "confidence": recent.mean("confidence", total),
        "calibration_error": float(np.abs(said - right).sum() / known),
    }


def operation_metrics(recent: RecentOperations) -> dict[str, float]:
    """Latency percentiles, success, cost and tokens of the last 1,000 rows that have them."""
    total = recent.total()
    if total is None:
        return {}
    found: dict[str, float | None] = {
        "success_rate": recent.mean("success", total),
        "cost": recent.mean("cost", total),
        "tokens": recent.mean("tokens", total),
        "latency_mean_ms": recent.mean("latency_ms", total),
    }
    counts = total[2 * len(recent.measures) :]
    if counts.sum():
        found |= {f"latency_p{share}_ms": _percentile(counts, share / 100) for share in (50, 95, 99)}
    before = None if recent.first is None else recent.mean("latency_ms", recent.first)
    latency = found["latency_mean_ms"]
    if before and latency is not None:
        found["latency_ratio"] = latency / before
    return {name: value for name, value in found.items() if value is not None}


def source_scores(metrics: dict[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """S2's prediction error rate (MAPE; of classes the error rate) and its combined score by these weights."""
    rate = metrics.get("mape", metrics.get("error_rate"))
    found = {} if rate is None else {"prediction_error_rate": rate}
    return {**found, "combined_score": combined_score({**metrics, **found}, weights)}


def model_metrics(monitor: ModelMonitor) -> dict[str, float]:
    """All figures of a monitor's losses, runs and columns, the combined score last: what is published and judged."""
    metrics = quality_metrics(monitor.quality, monitor.spec)
    first = next(iter(monitor.spec.target.values()))
    if first.quantile is not None and first.tolerance is None and len(monitor.spec.target) == 1 and metrics:
        metrics["pinball"] = metrics["rolling_loss"] * first.scale
    metrics |= operation_metrics(monitor.operations)
    loss = None if monitor.errors is None else monitor.errors.recent_loss
    if monitor.errors is not None and loss is not None:
        reference, rows = monitor.errors.reference
        metrics["loss"] = loss
        if rows:
            metrics |= {"loss_reference": reference, "loss_rise": loss - reference}
        if rows and "accuracy" in metrics and all_right_or_wrong(monitor.spec):
            metrics["accuracy_drop"] = metrics["error_rate"] - reference
    found = monitor.windows.findings() if monitor.windows else None
    if found is not None:
        metrics |= found.figures
        metrics |= source_scores(metrics, monitor.combined_weights)
    return metrics


def health_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """S3's health out of 3 and S1's out of 100, of a model whose accuracy is known beside its reference.

    S3's errors are those of the service: runs that failed. {} where the loss is not the share that is wrong: then
    no accuracy follows from its reference.
    """
    if "accuracy_drop" not in metrics:
        return {}
    accuracy, success = metrics["accuracy"], metrics.get("success_rate")
    _, points = health_grade(
        accuracy=accuracy,
        reference_accuracy=1 - metrics["loss_reference"],
        latency_ratio=metrics.get("latency_ratio"),
        error_rate=None if success is None else 1 - success,
    )
    score = health_score(
        accuracy=accuracy,
        success_rate=success,
        error_rate=metrics["error_rate"],
        latency_p95_ms=metrics.get("latency_p95_ms"),
    )
    return {"health_points": points, "health_score": score}


def _percentile(counts: Floats, share: float) -> float:
    """The middle (geometric) of the bin in which the percentile lies."""
    place = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    return float(LATENCY_FLOOR * LATENCY_STEP ** (place - 0.5))
