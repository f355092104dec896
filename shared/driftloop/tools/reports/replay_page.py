"""The page of a replay: error over the rows, with all that the loop did marked in it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
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
    ("constant", "the best answer that is always the same"),
    ("signal", "harmful drift signal"),
    ("change", "other drift signal"),
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
    return Page(
        title=title(result),
        sentences=[sentence(result), *judged(result), *dates(result)],
        cards=[
            (figure(result, said[result.measure]), f"{measure.lower()}, live champion"),
            (figure(result, said["never_retrained"]), "first model, never retrained"),
            (figure(result, said["constant"]), constant_words(result)),
            (figure(result, said["no_change"]), "no-change predictor"),
            *class_cards(result),
            (str(said["retrains"]), "retrainings"),
            (str(said["promotions"]), "promotions"),
            (f"{said['training_seconds']:.1f} s", "spent on training"),
        ],
        pictures=[error_picture(result)],
        listings=[*listings(result), *inference_listings(result)],
        foot=f"Apache Kafka {said['kafka']['version'] or ''}, {said['wall_seconds']:.0f} s on the wall.",
    )


def title(result: ReplayResult) -> str:
    """The file, its target, and how many rows."""
    history = result.recording.history
    name = result.recording.spec.model_id if history is None or history.file is None else history.file.name
    targets = ", ".join(result.recording.spec.target)
    return f"{name}: {targets}, {len(result.losses.served):,} rows through the loop"


def judged(result: ReplayResult) -> list[str]:
    """What the accuracy hides."""
    return [] if result.classes is None else [result.classes.sentence()]


def class_cards(result: ReplayResult) -> list[tuple[str, str]]:
    """Recall, precision and F1 as cards."""
    if result.classes is None:
        return []
    of = "mean of classes" if result.classes.positive is None else result.classes.positive
    shares = ((result.classes.recall, "recall"), (result.classes.precision, "precision"))
    cards = [(f"{100 * share:.1f} %", f"{word}, {of}") for share, word in shares]
    return [*cards, (f"{result.classes.f1:.3f}", f"F1, {of}")]


def dates(result: ReplayResult) -> list[str]:
    """From when to when the rows are."""
    recording = result.recording
    if recording.time.moments is None:
        return []
    last = len(recording) - 1
    first, streamed, end = (f"{recording.time.at(row):%Y-%m-%d %H:%M}" for row in (0, recording.train_rows, last))
    return [f"Rows from {first} to {end} (UTC); those from {streamed} on are streamed."]


def inference_listings(result: ReplayResult) -> list[Listing]:
    """What was read and inferred, as tables."""
    history = result.recording.history
    if history is None:
        return []
    file = () if history.file is None else (history.file.sentence(), *history.file.notes)
    return [
        Listing("What was read", ("",), [(line,) for line in (*file, *history.told)]),
        Listing("Columns that are learnt from", ("column", "kind"), list(history.inferred.features.items())),
        Listing("Columns left out", ("column", "why"), list(history.inferred.left_out.items())),
    ]


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


def constant_words(result: ReplayResult) -> str:
    """What the best answer is that is always the same.

    It is judged on the streamed rows, which nobody knows beforehand: it is a yardstick, not a model.
    """
    if result.classes is None:
        return "always saying the median"
    return f"always saying {result.classes.majority_class} (the majority)"


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
    """The rolling error of the live champion, of the first model and of a constant answer, with marks."""
    streamed = len(result.losses.served)
    window = max(20, min(500, streamed // 40))
    rows = np.arange(result.recording.train_rows, len(result.recording), dtype=np.float64)
    curves = (
        (constant_words(result), "constant", result.losses.constant),
        ("first model, never retrained", "frozen", result.losses.never_retrained),
        ("live champion", "live", result.losses.served),
    )
    lines = [Line(words, style, rows, rolling(losses, window)) for words, style, losses in curves]
    label = "error rate" if result.measure == "accuracy" else "mean absolute error"
    svg = line_chart(lines, marks(result), x_label="row", y_label=label, spans=spans, date_of=_date_of(result))
    return Picture("Error over time", svg, f"Mean of the last {window} rows. Hover over a line to read it.", LEGEND)


def _date_of(result: ReplayResult) -> Callable[[float], str] | None:
    time, last = result.recording.time, len(result.recording) - 1
    if time.moments is None:
        return None
    whole = time.at(last) - time.at(0)
    form = "%Y-%m-%d" if whole > timedelta(days=8) else "%m-%d %H:%M"
    return lambda row: f"{time.at(min(last, int(row))):{form}}"


def rolling(losses: Floats, window: int) -> Floats:
    """The rolling mean, missing losses counted as none."""
    return rolling_mean(np.nan_to_num(losses), window)


def marks(result: ReplayResult) -> list[Mark]:
    """All signals, retrainings, promotions and roll-backs, by row."""
    journal = result.played.journal
    styles = {"retrain": "retrain", "reuse": "promotion", "promote": "promotion", "roll_back": "rollback"}
    return [_signal_mark(signal) for signal in in_order(journal.signals)] + [
        Mark(d.row, styles[d.action], f"row {d.row:,}: {d.action.replace('_', ' ')} {d.candidate or ''}: {d.reason}")
        for d in journal.decisions
        if d.action in styles and d.row is not None
    ]


def _signal_mark(signal: DriftSignal) -> Mark:
    row = row_of(signal.raised.prediction_id)
    what = signal.explanation or f"{signal.kind} {signal.subject}".strip()
    return Mark(row, "signal" if signal.harmful else "change", f"row {row:,}: {what}")


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
    policy = spec.policy if isinstance(spec.policy, str) else str(spec.policy.get("name", "custom"))
    return spec.task, ", ".join(spec.target), features, spec.learner.name, policy, first, block


def _decision(decision: dict[str, Any]) -> tuple[str, ...]:
    version = decision["candidate"] or decision["champion"] or ""
    row = _row(decision["row"]) + (f" ({decision['at'][:16].replace('T', ' ')})" if "at" in decision else "")
    return row, decision["action"].replace("_", " "), version, decision["reason"]


def _signal(signal: dict[str, Any]) -> tuple[str, ...]:
    what = f"{signal['kind']} {signal['subject']}".strip() + (" (harmful)" if signal["harmful"] else "")
    evidence = signal["explanation"] or f"{signal['statistic']:.3g} > {signal['threshold']:.3g}"
    raised = _row(signal["row"]) + (f" ({signal['at'][:16].replace('T', ' ')})" if "at" in signal else "")
    return raised, _row(signal["onset"]), what, signal["detector"], evidence


def _row(row: int | None) -> str:
    return "" if row is None else f"{row:,}"
