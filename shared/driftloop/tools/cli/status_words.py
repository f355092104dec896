"""What a model's status says, in sentences: each only where the figures it needs are there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from driftloop.counted import counted
from driftloop.statistics.scores import grade_of

if TYPE_CHECKING:
    from driftloop.contracts.drift_status import DriftStatus, TestStatus

Metrics = Mapping[str, float]

NEAR = 0.5
"""Tests that stand at half of their limit or more are shown one by one, of the others the highest."""
TOLD = frozenset({
    "loss", "loss_reference", "loss_rise", "loss_trend", "loss_trend_error", "rolling_rows", "label_lag_seconds",
    "health_points", "health_score", "expected_error", "expected_error_miss", "alarms_raised", "alarms_unconfirmed",
    "false_alarms_declared_per_month", "false_alarms_achieved_per_month", "observed_months", "rows_per_month",
    "mature_rows", "mature_labelled_share", "mature_loss", "provisional_rows", "provisional_labelled_share",
    "provisional_loss", "corrections", "corrections_too_late",
})  # fmt: skip
"""Metrics that the sentences below tell."""


def sentences(status: "DriftStatus") -> dict[str, str]:
    """Label → sentence, for what is known."""
    metrics = status.metrics
    told = {
        "health": _health(metrics),
        "loss": _loss(metrics),
        "labels": _labels(status),
        "mature": _mature(metrics),
        "without labels": _expected(metrics),
        "false alarms": _alarms(metrics),
        "stands": ", ".join(status.active_signals) or "no signal",
        "shift": _parts(status.attribution, "the shift of the columns", segments=False),
        "harm": _parts(status.attribution, "the added loss", segments=True),
        "not watched": "; ".join(status.notes),
    }
    return {label: words for label, words in told.items() if words}


def _health(metrics: Metrics) -> str:
    if "health_points" not in metrics:
        return ""
    points = metrics["health_points"]
    return f"{grade_of(points)} ({points:.1f} of 3); report score {metrics['health_score']:.0f} of 100"


def _loss(metrics: Metrics) -> str:
    if "loss" not in metrics:
        return ""
    words = f"{metrics['loss']:.4g} over the newest rows"
    if "loss_reference" in metrics:
        words += f", {metrics['loss_reference']:.4g} in the reference ({metrics['loss_rise']:+.4g})"
    if "loss_trend" in metrics:
        slope, error = metrics["loss_trend"], metrics["loss_trend_error"]
        way = "steady" if abs(slope) < 2 * error else "rising" if slope > 0 else "falling"
        words += f"; {way} ({slope:+.2g} ± {error:.2g} per 50 rows)"
    return words


def _labels(status: "DriftStatus") -> str:
    labelled = counted(status.labelled_rows, "labelled row")
    words = f"{counted(status.rows, 'prediction')} seen, {labelled} (examples among them)"
    lag, corrections = status.metrics.get("label_lag_seconds"), status.metrics.get("corrections")
    if lag is not None:
        words += f"; labels come {duration(lag)} after their prediction"
    if corrections:
        late = status.metrics.get("corrections_too_late", 0.0)
        words += f"; {corrections:,.0f} were corrected later" + (
            f", {late:,.0f} too late for these figures" if late else ""
        )
    return words


def _mature(metrics: Metrics) -> str:
    if "mature_rows" not in metrics:
        return ""
    words = f"rows old enough: {_share_and_loss(metrics, 'mature')}"
    if "provisional_rows" in metrics:
        words += f"; newer ones, provisional: {_share_and_loss(metrics, 'provisional')}"
    return words


def _share_and_loss(metrics: Metrics, kind: str) -> str:
    loss = metrics.get(f"{kind}_loss")
    words = f"{metrics[f'{kind}_labelled_share']:.0%} labelled"
    return words if loss is None else f"{words}, mean loss {loss:.4g}"


def _expected(metrics: Metrics) -> str:
    if "expected_error" not in metrics:
        return ""
    words = f"error {metrics['expected_error']:.4g} expected, if confidence is right as often as when it was learnt"
    miss = metrics.get("expected_error_miss")
    return words if miss is None else f"{words}; {miss:+.4g} beside the labels that came"


def _alarms(metrics: Metrics) -> str:
    if "false_alarms_declared_per_month" not in metrics:
        return ""
    declared = f"{metrics['false_alarms_declared_per_month']:.3g} a month declared"
    raised, unconfirmed = metrics["alarms_raised"], metrics["alarms_unconfirmed"]
    seen = (
        f"{unconfirmed:.0f} of {raised:.0f} alarms not borne out in {duration(metrics['observed_months'] * 2_592_000)}"
    )
    achieved = metrics.get("false_alarms_achieved_per_month")
    rate = "" if achieved is None else f"{achieved:.3g} a month came about: "
    return f"{declared}, {rate}{seen} (a month counts as {metrics['rows_per_month']:,.0f} rows)"


def _parts(attribution: Mapping[str, float], whole: str, *, segments: bool) -> str:
    mine = {name: part for name, part in attribution.items() if name.startswith("segment ") == segments}
    ranked = sorted(mine.items(), key=lambda entry: -entry[1])[:3]
    named = ", ".join(f"{name} {part:.0%}" for name, part in ranked)
    return f"{named} of {whole}" if named else ""


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would say.

    >>> duration(0.5), duration(5400), duration(200_000)
    ('0.5 s', '1.5 h', '2.31 d')
    """
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}" if seconds < 100 * length else f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.3g} s"


def further(metrics: Metrics) -> dict[str, float]:
    """The metrics that no sentence tells."""
    return {name: value for name, value in metrics.items() if name not in TOLD}


def worth_showing(tests: "tuple[TestStatus, ...]") -> "tuple[TestStatus, ...]":
    """The tests near or over their limit, highest first; where none is, the highest."""
    ranked = sorted(tests, key=lambda test: -_height(test))
    near = tuple(test for test in ranked if test.alarmed or _height(test) >= NEAR)
    return near or tuple(ranked[:1])


def _height(test: "TestStatus") -> float:
    return test.statistic / test.threshold if test.threshold > 0 else 0.0
