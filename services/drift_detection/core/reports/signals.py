"""From a finding to the signal that is published."""

from drift_detection.core.findings import Change, Harm
from drift_detection.core.model import WatchedModel
from drift_detection.core.monitors.combined import CombinedAlarm
from drift_detection.core.row_index import Step
from drift_detection.core.timestamps import moment
from drift_detection.core.windows.bins import ColumnBins
from driftloop.contracts.drift_signals import DriftSignal, SignalKind
from driftloop.contracts.message import FramePosition, RowPosition, derive_id


def harm_signal(model: WatchedModel, harm: Harm, position: FramePosition) -> DriftSignal:
    """The signal of a rise in loss: harmful. Of a version beside the judged one it is a warning: it asks for no run."""
    alarm, model_id, rule = harm.alarm, model.spec.model_id, harm.detector if harm.by_rule else ""
    return DriftSignal(
        message_id=derive_id("drift-signal", model_id, harm.segment, harm.version, rule or "error", harm.raised.row),
        model_id=model_id,
        occurred_at=moment(harm.raised.at),
        model_version=harm.version,
        segment=harm.segment,
        kind="performance" if rule else "error",
        subject=rule,
        detector=harm.detector,
        severity="warning" if harm.beside else "drift",
        harmful=True,
        statistic=round(alarm.statistic, 6),
        threshold=round(alarm.threshold, 6),
        reference_rows=alarm.reference_rows,
        current_rows=alarm.onset_rows_ago,
        reference_value=round(alarm.reference, 9),
        current_value=round(alarm.current, 9),
        onset=_position(harm.onset),
        raised=_position(harm.raised),
        position=position,
        label_lag_seconds=harm.lag / 1000,
        explanation=_harm_words(harm),
        evidence={f"segment {name}": part for name, part in harm.parts.items()},
    )


def change_signal(model: WatchedModel, change: Change, position: FramePosition) -> DriftSignal:
    """The signal of a shift of columns: a warning that explains, not a harm."""
    shift, column, model_id = change.shift, change.column, model.spec.model_id
    kind, subject = _kind(column.name)
    onset = model.trail.at_or_before(change.raised.row - shift.rows + 1, change.raised.row) or change.raised
    others = ", ".join(f"{name.split('.', 1)[-1]} {share:.0%}" for name, share in list(shift.share.items())[:3])
    where = f" in segment {change.segment}" if change.segment else ""
    rows = "labelled rows" if kind == "label" else "rows"
    # rows are counted by their labels: between two labels, only its own id tells one row from another
    place = (change.raised.row,) if change.labelled else (change.raised.row, change.raised.prediction_id)
    return DriftSignal(
        message_id=derive_id("drift-signal", model_id, change.segment, change.version, column.name, *place),
        model_id=model_id,
        occurred_at=moment(change.raised.at),
        model_version=change.version,
        segment=change.segment,
        kind=kind,
        subject=subject,
        detector=shift.test,
        severity="warning",
        harmful=False,
        statistic=round(shift.statistic, 6),
        threshold=round(shift.limit, 6),
        p_value=shift.p_value,
        reference_rows=column.rows,
        current_rows=shift.rows,
        onset=_position(onset if onset.row <= change.raised.row else change.raised),
        raised=_position(change.raised),
        position=position,
        explanation=f"the {shift.test} of {_subject_words(kind, subject, column)}{where} {_differs(change)}"
        f" (last {shift.rows} {rows}; parts in the shift: {others})",
        evidence=dict(shift.share),
    )


def combined_signal(model: WatchedModel, alarm: CombinedAlarm, raised: Step, position: FramePosition) -> DriftSignal:
    """The signal of a combined score beyond its limit: a warning, which asks for no run by itself."""
    model_id, windows = model.spec.model_id, model.monitors[""].windows
    found = windows.findings() if windows else None
    rows = found.rows if found is not None else 0
    onset = model.trail.at_or_before(raised.row - rows + 1, raised.row) or raised
    version = model.roster.serving.current or "0.0.0"
    parts = ", ".join(f"{name} {part:.3g}" for name, part in alarm.parts.items())
    return DriftSignal(
        message_id=derive_id("drift-signal", model_id, "combined", version, raised.row, raised.prediction_id),
        model_id=model_id,
        occurred_at=moment(raised.at),
        model_version=version,
        kind="combined",
        detector="combined_score",
        severity="warning",
        harmful=False,
        statistic=round(alarm.score, 6),
        threshold=round(alarm.limit, 6),
        reference_rows=windows.battery.reference.columns[0].rows if windows else 0,
        current_rows=rows,
        onset=_position(onset if onset.row <= raised.row else raised),
        raised=_position(raised),
        position=position,
        explanation=f"the combined score of version {version} is {alarm.score:.4g}, over {alarm.limit:g} ({parts})",
        evidence=dict(alarm.parts),
    )


def _differs(change: Change) -> str:
    if change.shift.again:
        return "has changed again since it differed from what the version learnt"
    return f"differs from what version {change.version} learnt"


def _position(step: Step) -> RowPosition:
    return RowPosition(row=step.row, prediction_id=step.prediction_id, at=moment(step.at))


_KINDS: dict[str, SignalKind] = {
    "feature": "feature",
    "prediction": "prediction",
    "label": "label",
    "multivariate": "multivariate",
}

_JOINT_WORDS = {
    "distance": "distance of the features taken together",
    "residual": "residual of the relations between features",
}


def _kind(column: str) -> tuple[SignalKind, str]:
    if column == "confidence":
        return "confidence", ""
    prefix, _, name = column.partition(".")
    return _KINDS[prefix], name


def _subject_words(kind: SignalKind, subject: str, column: ColumnBins) -> str:
    """A label is called what it is: the prediction has the same name."""
    if column.season is not None:
        return f"{subject} at its hours of the week"
    if kind == "multivariate":
        return _JOINT_WORDS[subject]
    return f"label {subject}" if kind == "label" else subject or kind


def _harm_words(harm: Harm) -> str:
    alarm = harm.alarm
    where = f" in segment {harm.segment}" if harm.segment else ""
    named = next(iter(harm.parts.items()), None)
    carried = f"; segment {named[0]} carries {named[1]:.0%} of the added loss" if named else ""
    evidence = harm.detector if harm.by_rule else "evidence"
    beside = "; this version shares traffic with the one that is judged" if harm.beside else ""
    return (
        f"mean loss of version {harm.version}{where} rose from {alarm.reference:.4g} to {alarm.current:.4g}"
        f" over the last {alarm.onset_rows_ago} labelled rows, since {moment(harm.onset.at):%Y-%m-%d %H:%M} UTC"
        f" ({evidence} {alarm.statistic:.3g}, limit {alarm.threshold:.3g}){carried}{beside}"
    )
