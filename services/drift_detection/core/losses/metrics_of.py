"""From recent sums to named metrics, as policies and people read them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.losses.measures import CLASSES
from drift_detection.core.losses.performance import (
    CALIBRATION,
    LATENCY_FLOOR,
    LATENCY_STEP,
    RecentOperations,
    RecentQuality,
)
from drift_detection.core.windows.battery import Findings
from driftloop.statistics.scores import combined_score, health_grade, health_score, trend

Floats = NDArray[np.float64]
_OF_FORECASTS = ("coverage", "loss_steps:")


def quality_metrics(recent: RecentQuality, *, binary: bool) -> dict[str, float]:
    """Metrics of the last 1,000 labelled rows (fewer at the beginning); {} before 50.

    `binary` losses give accuracy and error rate. MAPE leaves rows with a label of 0 out; sMAPE has them.
    """
    total = recent.total()
    if total is None:
        return {}
    loss = recent.mean("loss", total) or 0.0
    found: dict[str, float | None] = {
        "rolling_loss": loss,
        "rolling_rows": float(total[0]),
        "label_lag_seconds": recent.mean("lag_seconds", total),
    }
    if binary:
        found |= {"accuracy": 1.0 - loss, "error_rate": loss}
    if "absolute" in recent.measures:
        found |= _of_numbers(recent, total)
        found |= {name: recent.mean(name, total) for name in recent.measures if name.startswith(_OF_FORECASTS)}
    else:
        found |= _by_class(recent, total)
        found |= _calibration(recent, total)
    means = recent.block_means("loss")
    if len(means) >= 3:
        _, slope, error = trend(means, rising_is_good=False)
        found |= {"loss_trend": slope, "loss_trend_error": error}
    return {name: value for name, value in found.items() if value is not None}


def _of_numbers(recent: RecentQuality, total: Floats) -> dict[str, float | None]:
    squared = recent.mean("squared", total)
    return {
        "mae": recent.mean("absolute", total),
        "mape": recent.mean("percentage", total),
        "smape": recent.mean("symmetric", total),
        "mse": squared,
        "rmse": None if squared is None else float(np.sqrt(squared)),
    }


def _by_class(recent: RecentQuality, total: Floats) -> dict[str, float]:
    """Macro precision, recall and F1 over the classes that occurred."""
    classes = CLASSES + 1
    both, said, true = np.split(total[-3 * classes :], 3)
    occurred = true > 0
    if not occurred.any():
        return {}
    precision = np.divide(both, said, out=np.zeros(classes), where=said > 0)[occurred]
    recall = np.divide(both, true, out=np.zeros(classes), where=true > 0)[occurred]
    size = precision + recall
    scores = np.divide(2 * precision * recall, size, out=np.zeros_like(size), where=size > 0)
    found = {"precision": float(precision.mean()), "recall": float(recall.mean()), "f1": float(scores.mean())}
    named = [
        name for name, seen in zip(recent.classes.names, occurred[: len(recent.classes.names)].tolist(), strict=False)
    ]
    if len(named) <= 10:
        by_name = np.divide(2 * both, said + true, out=np.zeros(classes), where=said + true > 0)
        found |= {f"f1:{name}": float(by_name[place]) for place, name in enumerate(recent.classes.names) if true[place]}
    return found


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


def shift_metrics(found: Findings, own: slice) -> dict[str, float]:
    """The shift of the columns on the newest short window: the worst PSI and KS, and the means that S2 scores by.

    Of the columns that rows have of themselves (`own`): S2 and S4 know no others.
    """
    return {
        "psi": float(found.psi[:, own].max()),
        "ks": float(found.ks[:, own].max()),
        "missing_share": float(found.missing[:, own].max()),
        "anomaly_rate": float(found.anomaly_rate[:, own].mean()),
        "distribution_shift_score": float(found.ks[:, own].mean()),
        "feature_drift_score": float(np.abs(found.mean_shift[:, own]).mean()),
        "shifted_share": float((found.excess[:, own].max(axis=2) >= 1).mean()),
    }


def source_scores(metrics: dict[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """S2's prediction error rate (MAPE; of classes the error rate) and its combined score by these weights."""
    rate = metrics.get("mape", metrics.get("error_rate"))
    found = {} if rate is None else {"prediction_error_rate": rate}
    return {**found, "combined_score": combined_score({**metrics, **found}, weights)}


def health_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """S3's health out of 3 and S1's out of 100, of a model whose accuracy is known beside its reference.

    S3's errors are those of the service: runs that failed.
    """
    if "accuracy" not in metrics or "loss_reference" not in metrics:
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
