"""The page of a watched file: its loss over the rows, with what would have been found."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftloop.tools.replay.figures import rolling_mean
from driftloop.tools.reports.chart import Line, Mark, line_chart
from driftloop.tools.reports.page import Listing, Page, Picture
from driftloop.tools.watch.result import WatchResult, result_json

_MEASURES = {"accuracy": "accuracy", "mae": "mean absolute error"}
_LEGEND = (("live", "the model"), ("frozen", "mean of the reference rows"), ("signal", "harmful drift signal"))


def watch_page(result: WatchResult) -> Page:
    """The report of a watched file."""
    said = result_json(result)
    return Page(
        title=f"{said['file']['name']}: {said['rows']:,} recorded outcomes",
        sentences=[sentence(result), *said["notes"]],
        cards=[
            (
                figure(result, said[result.measure]),
                "accuracy" if result.measure == "accuracy" else "mean absolute error",
            ),
            (f"{said['labelled']:,}", "rows with a label"),
            (str(sum(signal["harmful"] for signal in said["signals"])), "harmful signals"),
            (str(len(said["signals"])), "signals in all"),
        ],
        pictures=[_picture(result, said["signals"])] if said["labelled"] else [],
        listings=_listings(result, said),
        foot=f"Read as {result.file.sentence()} {said['wall_seconds']:.1f} s.",
    )


_BLIND = "Drift could not be looked for: there are too few rows for a reference."


def sentence(result: WatchResult) -> str:
    """What was found, for a person."""
    harmful = [signal for signal in result.found.signals if signal.harmful]
    score = result.score(result.losses)
    blind = not result.baseline_rows and not result.found.signals
    if score is None:
        if blind:
            return f"No row has a label. {_BLIND}"
        count = len(result.found.signals)
        raised = "One signal was raised." if count == 1 else f"{count:,} signals were raised."
        return f"No row has a label: only columns were watched. {raised}"
    word = "an accuracy" if result.measure == "accuracy" else "a mean absolute error"
    found = (
        _BLIND
        if blind
        else "No harmful drift would have been found."
        if not harmful
        else f"Harmful drift would have been found {'once' if len(harmful) == 1 else f'{len(harmful):,} times'}."
    )
    return f"The model had {word} of {figure(result, score)} on {result.labelled:,} labelled rows. {found}"


def figure(result: WatchResult, value: float | None) -> str:
    """A score as a person reads it."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if result.measure == "accuracy" else f"{value:,.4g}"


def _picture(result: WatchResult, signals: Sequence[dict[str, Any]]) -> Picture:
    labelled = np.flatnonzero(~np.isnan(result.losses))
    losses = result.losses[labelled]
    window = max(20, min(2_000, len(losses) // 40))
    first = next(iter(result.baseline_rows.values()), window)
    rows = labelled.astype(np.float64)
    reference = np.full(len(rows), losses[:first].mean())
    lines = [
        Line("reference", "frozen", rows, reference),
        Line("the model", "live", rows, rolling_mean(losses, window)),
    ]
    place = {int(row): at for at, row in enumerate(result.recorded.rows)}
    marks = [
        Mark(place[signal["row"]], "signal", f"row {signal['row']:,}: {signal['explanation'] or signal['kind']}")
        for signal in signals
        if signal["harmful"]
    ]
    label = "error rate" if result.measure == "accuracy" else "mean absolute error"
    svg = line_chart(lines, marks, x_label="row, in order of time", y_label=label)
    return Picture("Error over time", svg, f"Mean of the last {window:,} labelled rows.", _LEGEND)


def _listings(result: WatchResult, said: dict[str, Any]) -> list[Listing]:
    signals = [
        (
            f"{one['row']:,}",
            one["time"],
            f"{one['kind']} {one['subject']}".strip() + (" (harmful)" if one["harmful"] else ""),
            one["segment"],
            f"{one['onset_row']:,}",
            one["explanation"],
        )
        for one in said["signals"]
    ]
    segments = [
        (name, value, f"{one['rows']:,}", f"{one['labelled']:,}", figure(result, one[result.measure]))
        for name, values in said["segments"].items()
        for value, one in values.items()
    ]
    model = [
        (
            said["task"],
            said["target"],
            ", ".join(said["features"]),
            ", ".join(f"{k}: {v:,}" for k, v in said["baseline_rows"].items()),
        )
    ]
    return [
        Listing("Signals", ("row", "time", "what", "segment", "since about row", "evidence"), signals),
        Listing("Segments", ("segment", "value", "rows", "labelled", "score"), segments),
        Listing("How it was read", ("task", "target", "features", "reference rows by version"), model),
        Listing("Left out", ("column", "reason"), list(said["left_out"].items())),
    ]
