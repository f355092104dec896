"""The figures that the source systems judge by, each a formula of its own."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from driftloop.statistics.losses import pinball_losses

Floats = NDArray[np.float64]
Trend = Literal["improving", "stable", "declining"]
Grade = Literal["excellent", "good", "fair", "poor"]


def combined_score(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """S2's weighted sum; a score that is not known counts as 0.

    >>> combined_score({"prediction_error_rate": 0.1}, {"prediction_error_rate": 0.4, "anomaly_rate": 0.1})
    0.04
    """
    return round(sum(weight * scores.get(name, 0.0) for name, weight in weights.items()), 12)


def mean_absolute_percentage_error(said: Floats, true: Floats, floor: float | None = None) -> float:
    """MAPE that survives zeros: no divisor is smaller than `floor` (default: a tenth of the mean |label|).

    >>> mean_absolute_percentage_error(np.array([9.0, 1.0]), np.array([10.0, 0.0]))
    1.05
    """
    least = floor if floor is not None else max(0.1 * float(np.abs(true).mean()), 1e-12)
    return float(np.mean(np.abs(said - true) / np.maximum(np.abs(true), least)))


def symmetric_percentage_error(said: Floats, true: Floats) -> float:
    """sMAPE in 0…2; where both are 0 the error is 0.

    >>> symmetric_percentage_error(np.array([0.0, 1.0]), np.array([0.0, 3.0]))
    0.5
    """
    size = np.abs(said) + np.abs(true)
    return float(np.mean(np.divide(2 * np.abs(said - true), size, out=np.zeros_like(size), where=size > 0)))


def pinball_loss(said: Floats, true: Floats, quantile: float) -> float:
    """Mean pinball loss of a forecast of a quantile.

    >>> pinball_loss(np.array([1.0]), np.array([3.0]), 0.9)
    1.8
    """
    return float(pinball_losses(true - said, quantile).mean())


def trend(values: Sequence[float], *, rising_is_good: bool, limit: float = 0.001) -> tuple[Trend, float, float]:
    """(direction, slope a step, its standard error) of the last ten values; fewer than three are stable.

    S3's fixed limit of ±0.001, and beyond it the slope must be twice its own error: noise is no
    trend. Which direction is good is said: S3 called rising latency an improvement.

    >>> trend([0.10, 0.12, 0.14, 0.16], rising_is_good=False)[0]
    'declining'
    >>> trend([0.5, 0.5], rising_is_good=True)
    ('stable', 0.0, 0.0)
    """
    last = np.asarray(values[-10:], dtype=np.float64)
    if len(last) < 3:
        return "stable", 0.0, 0.0
    steps = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float(steps @ last / (steps @ steps))
    residual = last - last.mean() - slope * steps
    error = float(np.sqrt(residual @ residual / max(len(last) - 2, 1) / (steps @ steps)))
    return direction(slope, error, rising_is_good=rising_is_good, limit=limit), slope, error


def direction(slope: float, error: float, *, rising_is_good: bool, limit: float = 0.001) -> Trend:
    """What a slope and its standard error say.

    >>> direction(0.02, 0.001, rising_is_good=True), direction(0.02, 0.02, rising_is_good=True)
    ('improving', 'stable')
    """
    if abs(slope) <= limit or abs(slope) < 2 * error:
        return "stable"
    return "improving" if (slope > 0) == rising_is_good else "declining"


def health_grade(
    *, accuracy: float, reference_accuracy: float, latency_ratio: float | None, error_rate: float | None
) -> tuple[Grade, float]:
    """S3's grade and its points out of 3, from three parts of 1, ½ or 0.

    A part that is not known (None) is left out, and the points of the others are scaled to 3.

    >>> health_grade(accuracy=0.9, reference_accuracy=0.9, latency_ratio=1.2, error_rate=0.005)
    ('excellent', 2.5)
    """
    parts = [_part(accuracy >= reference_accuracy, accuracy >= reference_accuracy - 0.02)]
    if latency_ratio is not None:
        parts.append(_part(latency_ratio <= 1.1, latency_ratio <= 1.5))
    if error_rate is not None:
        parts.append(_part(error_rate <= 0.01, error_rate <= 0.05))
    points = 3 * sum(parts) / len(parts)
    return grade_of(points), points


def grade_of(points: float) -> Grade:
    """S3's word for points out of 3.

    >>> grade_of(2.0)
    'good'
    """
    limits: tuple[tuple[float, Grade], ...] = ((2.5, "excellent"), (2.0, "good"), (1.5, "fair"))
    return next((grade for least, grade in limits if points >= least), "poor")


def _part(full: bool, half: bool) -> float:
    return 1.0 if full else 0.5 if half else 0.0


def health_score(
    *, accuracy: float, success_rate: float | None, error_rate: float, latency_p95_ms: float | None
) -> float:
    """S1's report score out of 100: four floors, each the same part, in proportion where one is missed.

    What is not known (None) is left out. The floors are S1's: accuracy 0.70, success 0.80, errors 0.15,
    latency 5,000 ms.

    >>> health_score(accuracy=0.7, success_rate=0.9, error_rate=0.1, latency_p95_ms=10_000)
    87.5
    """
    parts = [min(accuracy / 0.70, 1.0), min(0.15 / error_rate, 1.0) if error_rate > 0 else 1.0]
    if success_rate is not None:
        parts.append(min(success_rate / 0.80, 1.0))
    if latency_p95_ms is not None:
        parts.append(min(5000.0 / latency_p95_ms, 1.0) if latency_p95_ms > 0 else 1.0)
    return round(100.0 * sum(parts) / len(parts), 6)


def improvement(losses: Sequence[float]) -> float | None:
    """S3's (mean of the older ten − mean of the recent ten) ÷ older; None below twenty or where the older is 0.

    >>> improvement([1.0] * 10 + [0.5] * 10)
    0.5
    """
    if len(losses) < 20:
        return None
    older, recent = float(np.mean(losses[-20:-10])), float(np.mean(losses[-10:]))
    return (older - recent) / older if older else None


def stability(losses: Sequence[float]) -> float | None:
    """S3's 1 ÷ (1 + variance of the last ten losses); None below five.

    >>> stability([0.2] * 6)
    1.0
    """
    return 1.0 / (1.0 + float(np.var(losses[-10:]))) if len(losses) >= 5 else None
