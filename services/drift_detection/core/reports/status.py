"""From monitors to the status that is published after a frame.

Why not the contract's own classes: a status is written after every frame, and its fields are ours already; a test
holds the bytes equal to what the contract would write.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from drift_detection.core.losses.blocks import Block
from drift_detection.core.losses.metrics_of import health_metrics, model_metrics
from drift_detection.core.model import WatchedModel
from drift_detection.core.monitors.monitor import ModelMonitor
from drift_detection.core.reports.attribution import KEPT, column_parts, label_free_error
from drift_detection.core.reports.notes import notes
from drift_detection.core.timestamps import moment
from drift_detection.core.windows.monitor import WindowMonitor
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.topics import DRIFT_STATUS
from driftloop.processor import Outgoing

_encode = msgspec.json.Encoder().encode


class _Test(msgspec.Struct, gc=False):
    """`driftloop.contracts.drift_status.TestStatus`: a status of a hundred columns has as many."""

    name: str
    subject: str
    statistic: float
    threshold: float
    p_value: float | None
    rows: int
    alarmed: bool


class _Block(msgspec.Struct, gc=False):
    """`driftloop.contracts.drift_status.LossBlock`."""

    index: int
    first_row: int
    rows: int
    model_version: str
    loss: float
    last_at: datetime


def status_record(
    model: WatchedModel,
    segment: str,
    position: FramePosition,
    blocks: Sequence[Block] = (),
    *,
    signals: int | None = None,
    elsewhere: str | None = None,
) -> Outgoing:
    """The status of one segment (the whole model where it is empty) as of a frame.

    `signals` is the number of signals about the frame, `elsewhere` its highest version that is numbered as ours are and
    is not ours; they and `blocks` go with the whole model's.
    """
    monitor, model_id = model.monitors[segment], model.spec.model_id
    metrics = _metrics(monitor) | model.ratings.metrics(segment)
    if not segment:
        metrics |= _of_the_whole(model)
        model.published = metrics
    status = {
        "message_id": derive_id("drift-status", model_id, segment, position.partition, position.offset),
        "model_id": model_id,
        "occurred_at": moment(model.watermark),
        "caused_by": (),
        "segment": segment,
        "model_version": model.version,
        "spec_version": model.spec_version,
        "position": {"partition": position.partition, "offset": position.offset},
        "rows": monitor.rows,
        "labelled_rows": monitor.labelled_rows if segment else model.labelled_rows,
        "as_of": moment(model.watermark),
        "loss_blocks": [_block(block) for block in blocks],
        "metrics": metrics,
        "tests": _tests(monitor),
        "active_signals": active_signals(model, segment),
        "signals": signals,
        "attribution": _attribution(model, monitor),
        "notes": () if segment else notes(model),
    }
    if not segment and model.variants.channels:
        status["channels"] = model.variants.published()
    if elsewhere is not None:
        status["numbered_elsewhere"] = elsewhere
    return Outgoing(DRIFT_STATUS, f"{model_id}/{segment}", _encode(status), partition_by=model_id)


def active_signals(model: WatchedModel, segment: str) -> list[str]:
    """The alarms of a segment that stand; of the whole model, that of the combined score among them."""
    monitor = model.monitors[segment]
    active = [f"error:{monitor.errors.name}"] if monitor.errors and monitor.errors.alarmed else []
    active += [f"performance:{one.rule.name}" for one in monitor.rules if one.alarmed]
    active += [name for windows in monitor.streams for name in windows.alarmed]
    return [*active, "combined"] if not segment and model.combined.alarmed else active


def _attribution(model: WatchedModel, monitor: ModelMonitor) -> dict[str, float]:
    """Parts of columns in the shift and, for the whole model while it is harmed, of segments in the added loss."""
    parts = column_parts(monitor.streams)
    if not monitor.segment and monitor.errors is not None and monitor.errors.alarmed:
        added = model.losses.history.added_loss(KEPT, 0, model.losses.harmed_from)
        parts |= {f"segment {name}": part for name, part in added.items()}
    return parts


def _block(block: Block) -> _Block:
    return _Block(block.index, block.first_row, block.rows, block.model_version, block.loss, moment(block.last_at))


def _metrics(monitor: ModelMonitor) -> dict[str, float]:
    metrics = model_metrics(monitor)
    expected = label_free_error(monitor.windows)
    if expected is not None:
        metrics["expected_error"] = expected
        if "error_rate" in metrics:
            metrics["expected_error_miss"] = expected - metrics["error_rate"]
    return metrics | health_metrics(metrics)


def _of_the_whole(model: WatchedModel) -> dict[str, float]:
    """The budget of false alarms beside what was counted, and mature rows apart from provisional ones, label delays."""
    months, budget, ledger = model.roster.traffic.months, model.budget, model.roster.ledger
    counted = {
        "feedback_rows": float(model.feedback_rows),
        "false_alarms_declared_per_month": budget.per_month,
        "alarms_raised": float(ledger.raised),
        "alarms_unconfirmed": float(ledger.unconfirmed),
        "false_alarms_achieved_per_month": ledger.false_per_month(months),
        "observed_months": months,
        "rows_per_month": budget.rows,
    }
    first = model.roster.first_rows
    if first is not None:
        counted |= {"baseline_rows": float(first.rows), "baseline_rows_wanted": float(first.wanted)}
    elif model.roster.learnt is not None:
        counted |= {"baseline_rows": float(model.spec.baseline_rows)}
    if model.corrections:
        counted |= {"corrections": float(model.corrections), "corrections_too_late": float(model.losses.too_late)}
    counted |= {f"unjudged_rows:{why}": float(rows) for why, rows in model.losses.sharing.unjudged.items() if rows}
    if model.roster.slots.unwatched_share:
        counted["unwatched_segments"] = float(model.roster.slots.unwatched)
        counted["unwatched_segment_share"] = model.roster.slots.unwatched_share
    return counted | model.losses.maturity.metrics() | model.delays.metrics()


def _tests(monitor: ModelMonitor) -> list[_Test]:
    tests = []
    if monitor.errors is not None:
        statistic, threshold = monitor.errors.statistic
        rows, alarmed = monitor.errors.rows, monitor.errors.alarmed
        tests.append(_Test(monitor.errors.name, "", statistic, threshold, None, rows, alarmed))
    for windows in monitor.streams:
        tests += _window_tests(windows)
    return tests


def _window_tests(windows: WindowMonitor) -> list[_Test]:
    """The test of each column that stands highest on the newest short window."""
    found = windows.findings()
    if found is None:
        return []
    alarmed, names, rows = set(windows.alarmed), windows.battery.names, found.rows
    columns = zip(windows.battery.reference.columns, found.tests.tolist(), found.excess, strict=True)
    return [
        _Test(names[test], column.name, excess, 1.0, None, rows, column.name in alarmed)
        for column, test, excess in columns
    ]
