"""The page of the demo: what the plant did, what the loop did about it."""

import numpy as np

from driftloop.tools.replay.result import ReplayResult, result_json
from driftloop.tools.reports.chart import Line, Span, line_chart
from driftloop.tools.reports.page import Page, Picture
from driftloop.tools.reports.replay_page import LEGEND, error_picture, listings, marks, rolling
from driftloop.tools.simulation.demo import (
    FOULING_FULL,
    FOULING_STARTS,
    LOT_CHANGE,
    ROWS,
    demo_figures,
    demo_story,
)

SPANS = (Span(FOULING_STARTS, FOULING_FULL, "fouling"), Span(LOT_CHANGE, ROWS, "new raw material"))
WINDOW = 100


def demo_page(result: ReplayResult) -> Page:
    """The report of the demo."""
    errors, said = demo_figures(result), result_json(result)
    return Page(
        title="A plant drifts, and its model keeps up",
        sentences=demo_story(result),
        cards=[
            (f"{errors.before_drift:.2f}", "error before the drift"),
            (f"{errors.after:.2f}", "error at the end, live champion"),
            (f"{errors.frozen_model:.2f}", "error at the end, first model"),
            (str(said["retrains"]), "retrainings"),
            (str(said["promotions"]), "promotions"),
            (str(said["rollbacks"]), "roll-backs"),
        ],
        pictures=[
            error_picture(result, SPANS),
            _target_picture(result, "d50", "Particle size", "mean |error| of d50, µm"),
            _target_picture(result, "lod", "Moisture", "mean |error| of lod, % points"),
        ],
        listings=listings(result),
        foot=f"Apache Kafka {said['kafka']['version'] or ''}; every figure comes from messages on its topics.",
    )


def _target_picture(result: ReplayResult, name: str, title: str, label: str) -> Picture:
    first = result.recording.train_rows
    truth = result.recording.labels[name][first:]
    rows = np.arange(first, len(result.recording), dtype=np.float64)
    lines = [
        Line(text, style, rows, rolling(np.abs(said[name] - truth), WINDOW))
        for text, style, said in (
            ("first model, never retrained", "frozen", result.played.frozen),
            ("live champion", "live", result.played.served),
        )
    ]
    svg = line_chart(lines, marks(result), x_label="row (one a minute)", y_label=label, spans=SPANS)
    return Picture(title, svg, f"Mean of the last {WINDOW} rows.", LEGEND)
