"""The pictures of a backtest: the frontier (loss against trainings) and the time line of a policy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from driftloop.statistics.losses import row_losses
from driftloop.tools.backtest.hindsight import PERIODS
from driftloop.tools.backtest.judged import constant_json
from driftloop.tools.backtest.moment import Train
from driftloop.tools.backtest.options import REPORTED_SHARE
from driftloop.tools.backtest.outcome import Outcome
from driftloop.tools.replay.judging import constant_answer
from driftloop.tools.reports.chart import Line, Mark, line_chart
from driftloop.tools.reports.page import Listing, Page, Picture, write_page

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 960, 380, 70, 46, 24
_COLOURS = {"calendar": "frozen", "policy": "live", "default": "promotion", "oracle": "retrain"}
_LETTER, _LINE = 6.2, 13
"""How much room a letter and a line of a label take."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A way to retrain: how often, and the mean loss that came of it."""

    name: str
    kind: str
    retrains: int
    loss: float


def write_pictures(outcomes: Iterable[Outcome], path: Path) -> None:
    """One HTML page that opens without a network."""
    listed = list(outcomes)
    pictures = [picture for outcome in listed for picture in _pictures(outcome)]
    page = Page(
        title="When does retraining pay?",
        sentences=[
            "Each dot is a way to retrain: how often it did, and what was lost. Left and low is good.",
            "Grey are calendars, every one of them chosen in hindsight; purple is the oracle, that knew the future.",
            *(sentence for outcome in listed for sentence in _about(outcome)),
        ],
        pictures=pictures,
        listings=[_costs(outcome) for outcome in listed],
        foot="A cost is the loss of all predictions and a price for each training.",
    )
    write_page(page, path)


def _about(outcome: Outcome) -> list[str]:
    """File, target and dates of a stream, what was inferred of it, and what its accuracy hides."""
    history = outcome.stream.history
    if history is None:
        return []
    said = constant_json(outcome.stream, outcome.table)
    score = "accuracy" if said["majority"] is not None else "mean absolute error"
    answer = "the median" if said["majority"] is None else said["majority_class"]
    return [*history.sentences(), f"Always saying {answer} would have {score} {said['constant']:.4g}."]


def frontier(outcome: Outcome) -> str:
    """The frontier as SVG text."""
    dots = _dots(outcome)
    most = max(1, *(dot.retrains for dot in dots))
    top, low = max(dot.loss for dot in dots), min(dot.loss for dot in dots)
    low -= 0.08 * (top - low)  # room for names below the lowest dot
    span = (top - low) or 1.0

    def place(dot: Dot) -> tuple[float, float]:
        across = np.log1p(dot.retrains) / np.log1p(most)
        up = (dot.loss - low) / span
        x = _LEFT + across * (_WIDTH - _LEFT - 140)
        return round(float(x), 1), round(_EDGE + (1.0 - up) * (_HEIGHT - _EDGE - _BOTTOM), 1)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="loss against trainings">']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = round(_EDGE + (1.0 - share) * (_HEIGHT - _EDGE - _BOTTOM), 1)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 140}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y + 4}">{low + share * span:.3g}</text>')
    for count in _counts(most):
        x, _ = place(Dot("", "", count, low))
        parts.append(f'<text class="tick" x="{x}" y="{_HEIGHT - _BOTTOM + 18}">{count}</text>')
    places = [place(dot) for dot in dots]
    for dot, (x, y), label_y in zip(dots, places, _label_heights(dots, places), strict=True):
        parts += _drawn(dot, x, y, label_y)
    parts.append(f'<text class="axis" x="{_WIDTH / 2}" y="{_HEIGHT - 6}">trainings</text></svg>')
    return "\n".join(parts)


def _label_heights(dots: Sequence[Dot], places: Sequence[tuple[float, float]]) -> list[float]:
    """Where each label stands: beside its dot, or the nearest line above or below that no other label takes."""
    taken: list[tuple[float, float, float]] = []
    heights = []
    for dot, (x, y) in zip(dots, places, strict=True):
        if dot.kind == "calendar":
            heights.append(y)
            continue
        end = x + 9 + _LETTER * len(dot.name)
        shifts = [sign * step * _LINE for step in range(12) for sign in (-1, 1)]
        inside = [shift for shift in shifts if _LINE < y + shift < _HEIGHT - _BOTTOM + 4]
        free = [shift for shift in inside if not _overlaps(x, end, y + shift, taken)]
        heights.append(y + free[0] if free else y)
        taken.append((x, end, heights[-1]))
    return heights


def _overlaps(start: float, end: float, y: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    return any(start < other_end and end > other and abs(y - line) < _LINE for other, other_end, line in taken)


def _drawn(dot: Dot, x: float, y: float, label_y: float) -> list[str]:
    colour = f"var(--{_COLOURS[dot.kind]})"
    title = f"{dot.name}: {dot.retrains} trainings, mean loss {dot.loss:.4g}"
    radius = 3 if dot.kind == "calendar" else 6
    circle = f'<circle cx="{x}" cy="{y}" r="{radius}" style="fill:{colour}"><title>{escape(title)}</title></circle>'
    if dot.kind == "calendar":
        return [circle]
    return [circle, f'<text class="tick start" x="{x + 9}" y="{round(label_y + 4, 1)}">{escape(dot.name)}</text>']


def _counts(most: int) -> list[int]:
    return [count for count in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if count <= most]


def _dots(outcome: Outcome) -> list[Dot]:
    rows = outcome.table.rows
    dots = [
        Dot(f"every {c.every} blocks, window {c.window}", "calendar", len(c.trainings), c.loss / rows)
        for c in outcome.calendars
        if c.every in (0, *PERIODS)
    ]
    for share, best in outcome.oracles.items():
        loss = best.cost - outcome.price(share) * len(best.path)
        dots.append(Dot(f"oracle {share:.1%}", "oracle", len(best.path), loss / rows))
    for name, runs in outcome.runs.items():
        kind = "default" if name == "default" else "policy"
        for share, run in runs.items() if name == "default" else [(REPORTED_SHARE, runs[REPORTED_SHARE])]:
            label = f"{name} {share:.1%}" if name == "default" else name
            dots.append(Dot(label, kind, run.retrains, run.loss / rows))
    return dots


def _pictures(outcome: Outcome) -> list[Picture]:
    legend = [
        ("promotion", "default"),
        ("live", "other policies"),
        ("frozen", "calendars"),
        ("retrain", "oracle"),
    ]
    found = [Picture(f"{outcome.stream.name}: the frontier", frontier(outcome), "Mean loss against trainings.", legend)]
    if "default" in outcome.runs:
        found.append(_time_line(outcome, "default"))
    return found


def _time_line(outcome: Outcome, name: str) -> Picture:
    table, run = outcome.table, outcome.runs[name][REPORTED_SHARE]
    sizes = np.diff(table.edges)
    rows = np.asarray(table.edges[:-1], dtype=np.float64)
    truth = outcome.stream.labels[table.layout.first :]
    target = outcome.stream.target
    always = row_losses(outcome.stream.spec.target, {target: constant_answer(truth)}, {target: truth})
    starts = np.asarray(table.edges[:-1]) - table.edges[0]
    lines = [
        Line("the best answer that is always the same", "constant", rows, np.add.reduceat(always, starts) / sizes),
        Line("never retrained", "frozen", rows, table.block_totals(table.first, 0) / sizes),
        Line(name, "live", rows, run.losses / sizes),
    ]
    marks = [
        Mark(step.row, "retrain" if isinstance(step.choice, Train) else "promotion", step.choice.reason)
        for step in run.steps
    ]
    svg = line_chart(lines, marks, x_label="row", y_label="mean loss of a block")
    constant = ("constant", "the best answer that is always the same")
    legend = [("live", name), ("frozen", "never retrained"), constant, ("retrain", "trained"), ("promotion", "reused")]
    return Picture(f"{outcome.stream.name}: what {name} did", svg, "At a price of 1 % of never retraining.", legend)


def _costs(outcome: Outcome) -> Listing:
    shares = list(outcome.best)
    header = ["policy", "score", "trainings", "reuses", *(f"cost at {share:.1%}" for share in shares)]
    rows = []
    for name, runs in outcome.runs.items():
        shown = runs[REPORTED_SHARE]
        costs = [f"{runs[share].cost(outcome.price(share)) / outcome.table.unit:,.0f}" for share in shares]
        rows.append([name, f"{outcome.score(shown.loss):.4g}", str(shown.retrains), str(shown.reuses), *costs])
    best = [f"{outcome.best[s].cost(outcome.price(s)) / outcome.table.unit:,.0f}" for s in shares]
    rows.append(["best calendar", "", "", "", *best])
    rows.append(["oracle", "", "", "", *(f"{outcome.oracles[s].cost / outcome.table.unit:,.0f}" for s in shares)])
    return Listing(f"{outcome.stream.name}: costs in errors", header, rows)
