"""The page of a replay: error over the rows, with all that the loop did marked in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.tools.replay.figures import Floats, rolling_mean
from driftloop.tools.replay.lineage import lineage
from driftloop.tools.replay.result import ReplayResult, in_order, result_json
from driftloop.tools.replay.stream import row_of
from driftloop.tools.reports.chart import Line, Mark, Span, line_chart
from driftloop.tools.reports.page import Listing, Page, Picture

LEGEND = (
    ("live", "live champion"),
    ("frozen", "first model, never retrained"),
    ("signal", "drift signal"),
    ("retrain", "retraining decided"),
    ("promotion", "promoted"),
    ("rollback", "rolled back"),
)

SIGNAL_HEADER = ("row", "since about", "what", "detector", "evidence")
MODEL_HEADER = ("task", "target", "features", "learner", "policy", "first version", "block")


def replay_page(result: ReplayResult) -> Page:
    """The report of a replay."""
    said = result_json(result)
    measure = "Accuracy" if result.measure == "accuracy" else "Mean absolute error"
    spec = result.recording.spec
    return Page(
        title=f"{spec.model_id}: {said['streamed']:,} rows through the loop",
        sentences=[sentence(result)],
        cards=[
            (figure(result, said[result.measure]), f"{measure.lower()}, live champion"),
            (figure(result, said["never_retrained"]), "first model, never retrained"),
            (figure(result, said["no_change"]), "no-change predictor"),
            (str(said["retrains"]), "retrainings"),
            (str(said["promotions"]), "promotions"),
            (f"{said['training_seconds']:.1f} s", "spent on training"),
        ],
        pictures=[error_picture(result)],
        listings=listings(result),
        foot=f"Apache Kafka {said['kafka']['version'] or ''}, {said['wall_seconds']:.0f} s on the wall.",
    )


def sentence(result: ReplayResult) -> str:
    """What the replay was worth, for a person."""
    said = result_json(result)
    live, frozen, lazy = (figure(result, said[name]) for name in (result.measure, "never_retrained", "no_change"))
    word = "an accuracy" if result.measure == "accuracy" else "a mean absolute error"
    return (
        f"With driftloop the model had {word} of {live}; the first version, never retrained, would have had "
        f"{frozen}, and saying what the last row was, {lazy}. It took {count(said['retrains'], 'retraining')} and "
        f"{said['training_seconds']:.1f} s of training; {count(said['promotions'], 'promotion')}"
        + (f", {said['reuses']} of them of an earlier version." if said["reuses"] else ".")
    )


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "alarm"), count(2, "alarm")
    ('1 alarm', '2 alarms')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def figure(result: ReplayResult, value: float) -> str:
    """A score as a person reads it."""
    return f"{100 * value:.1f} %" if result.measure == "accuracy" else f"{value:,.4g}"


def error_picture(result: ReplayResult, spans: Sequence[Span] = ()) -> Picture:
    """The rolling error of the live champion and of the first model, with marks."""
    streamed = len(result.losses.served)
    window = max(20, min(500, streamed // 40))
    rows = np.arange(result.recording.train_rows, len(result.recording), dtype=np.float64)
    lines = [
        _line("first model, never retrained", "frozen", rows, result.losses.never_retrained, window),
        _line("live champion", "live", rows, result.losses.served, window),
    ]
    label = "error rate" if result.measure == "accuracy" else "mean absolute error"
    svg = line_chart(lines, marks(result), x_label="row", y_label=label, spans=spans)
    return Picture("Error over time", svg, f"Mean of the last {window} rows. Hover over a line to read it.", LEGEND)


def _line(label: str, style: str, rows: Floats, losses: Floats, window: int) -> Line:
    return Line(label, style, rows, rolling(losses, window))


def rolling(losses: Floats, window: int) -> Floats:
    """The rolling mean, missing losses counted as none."""
    return rolling_mean(np.nan_to_num(losses), window)


def marks(result: ReplayResult) -> list[Mark]:
    """Signals, retrainings, promotions and roll-backs, by row."""
    journal = result.played.journal
    found = [
        Mark(
            row_of(s.raised.prediction_id),
            "signal",
            f"row {row_of(s.raised.prediction_id):,}: {s.explanation or s.kind}",
        )
        for s in in_order(journal.signals)
        if s.harmful
    ]
    styles = {"retrain": "retrain", "reuse": "promotion", "promote": "promotion", "roll_back": "rollback"}
    found += [
        Mark(d.row, styles[d.action], f"row {d.row:,}: {d.action.replace('_', ' ')} {d.candidate or ''}: {d.reason}")
        for d in journal.decisions
        if d.action in styles and d.row is not None
    ]
    return found


def _signal_mark(signal: DriftSignal) -> Mark:
    row = row_of(signal.raised.prediction_id)
    return Mark(row, "signal", f"row {row:,}: {signal.explanation or signal.kind}")


def listings(result: ReplayResult) -> list[Listing]:
    """Decisions, signals, lineage and spec as tables."""
    said = result_json(result)
    acted = [d for d in said["decisions"] if d["action"] != "wait"]
    return [
        Listing("Decisions", ("row", "what", "version", "why"), [_decision(d) for d in acted]),
        Listing(
            "Drift signals",
            ("row", "since about", "what", "detector", "evidence"),
            [_signal(s) for s in said["signals"]],
        ),
        Listing("How each version came about", ("lineage",), [(line,) for line in lineage(result.played.journal)]),
        Listing("The model", MODEL_HEADER, [_model(result)]),
    ]


def _model(result: ReplayResult) -> tuple[str, ...]:
    spec = result.recording.spec
    names = list(spec.features)
    features = f"{len(names)}: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
    first, block = f"{result.recording.train_rows:,} rows", f"{result.recording.block_rows} rows"
    return spec.task, ", ".join(spec.target), features, spec.learner.name, str(spec.policy), first, block


def _decision(decision: dict[str, Any]) -> tuple[str, ...]:
    version = decision["candidate"] or decision["champion"] or ""
    return _row(decision["row"]), decision["action"].replace("_", " "), version, decision["reason"]


def _signal(signal: dict[str, Any]) -> tuple[str, ...]:
    what = f"{signal['kind']} {signal['subject']}".strip() + (" (harmful)" if signal["harmful"] else "")
    evidence = signal["explanation"] or f"{signal['statistic']:.3g} > {signal['threshold']:.3g}"
    return _row(signal["row"]), _row(signal["onset"]), what, signal["detector"], evidence


def _row(row: int | None) -> str:
    return "" if row is None else f"{row:,}"
