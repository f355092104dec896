"""From monitors to the status that is published after a frame."""

from collections.abc import Sequence

from drift_detection.core.model import WatchedModel
from drift_detection.core.moments import moment
from drift_detection.core.monitor import ModelMonitor
from drift_detection.core.windows.battery import TESTS
from driftloop.contracts.drift_status import DriftStatus, LossBlock, TestStatus
from driftloop.contracts.message import FramePosition, derive_id


def status_of(
    model: WatchedModel, segment: str, position: FramePosition, blocks: Sequence[LossBlock] = ()
) -> DriftStatus:
    """Every metric of one segment (the whole model where it is empty) as of a frame."""
    monitor = model.monitors[segment]
    model_id = model.spec.model_id
    active = [f"error:{monitor.errors.name}"] if monitor.errors and monitor.errors.alarmed else []
    active += monitor.windows.alarmed if monitor.windows else []
    return DriftStatus.model_construct(
        message_id=derive_id("drift-status", model_id, segment, position.partition, position.offset),
        model_id=model_id,
        occurred_at=moment(model.watermark),
        caused_by=(),
        segment=segment,
        model_version=model.judged.current or model.serving.current,
        spec_version=model.spec_version,
        position=position,
        rows=monitor.rows,
        labelled_rows=monitor.labelled_rows if segment else model.labelled_rows,
        as_of=moment(model.watermark),
        loss_blocks=tuple(blocks),
        metrics=_metrics(monitor),
        tests=_tests(monitor),
        active_signals=tuple(active),
        attribution={},
    )


def _metrics(monitor: ModelMonitor) -> dict[str, float]:
    metrics: dict[str, float] = {}
    if monitor.errors is not None and monitor.errors.recent_loss is not None:
        loss, (reference, rows) = monitor.errors.recent_loss, monitor.errors.reference
        metrics["loss"] = loss
        if rows:
            metrics |= {"loss_reference": reference, "loss_rise": loss - reference}
    found = monitor.windows.findings() if monitor.windows else None
    if found is not None:
        metrics |= {"psi": float(found.psi.max()), "ks": float(found.ks.max())}
        metrics |= {"anomaly_rate": float(found.anomaly_rate.mean()), "missing_share": float(found.missing.max())}
    return metrics


def _tests(monitor: ModelMonitor) -> tuple[TestStatus, ...]:
    tests = []
    if monitor.errors is not None:
        statistic, threshold = monitor.errors.statistic
        tests.append(
            TestStatus.model_construct(
                name=monitor.errors.name,
                subject="",
                statistic=statistic,
                threshold=threshold,
                p_value=None,
                rows=monitor.errors.rows,
                alarmed=monitor.errors.alarmed,
            )
        )
    windows = monitor.windows
    found = windows.findings() if windows else None
    if windows is None or found is None:
        return tuple(tests)
    alarmed = set(windows.alarmed)
    for index, column in enumerate(windows.battery.reference.columns):
        worst = int(found.excess[0, index].argmax())
        tests.append(
            TestStatus.model_construct(
                name=TESTS[worst],
                subject=column.name,
                statistic=float(found.excess[0, index, worst]),
                threshold=1.0,
                p_value=None,
                rows=int(found.rows[0]),
                alarmed=column.name in alarmed,
            )
        )
    return tuple(tests)
