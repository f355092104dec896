"""Line pictures as SVG text: no plotting library, no script, no font from elsewhere.

Colours come from CSS variables of the page, so that a picture is readable on a dark screen too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from driftloop.axis import Scale, ticks

WIDTH, HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 40
DATE_LINE = 16
KNOBS = {"signal": 0, "change": 12, "retrain": 24, "promotion": 36, "rollback": 48}
"""How far below the top the knob of a mark is, so that those of one row stay apart."""
MOST_POINTS = 900
LETTER = 7.0
"""About how wide a letter of a label is."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: `style` names a class of the page's stylesheet (`live`, `frozen`, `constant`)."""

    label: str
    style: str
    rows: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a row: `style` is `signal`, `change`, `retrain`, `promotion` or `rollback`."""

    row: float
    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of rows with a name, drawn as a pale band (a known drift)."""

    first: float
    last: float
    label: str


def line_chart(
    lines: Sequence[Line],
    marks: Sequence[Mark],
    *,
    x_label: str,
    y_label: str,
    spans: Sequence[Span] = (),
    date_of: Callable[[float], str] | None = None,
) -> str:
    """An SVG of curves over rows, with a vertical line at each mark; `date_of` dates the rows on the axis.

    >>> row = np.arange(3.0)
    >>> line_chart([Line("error", "live", row, row)], [], x_label="row", y_label="error")[:4]
    '<svg'
    """
    first = min((float(line.rows[0]) for line in lines), default=0.0)
    last = max((float(line.rows[-1]) for line in lines), default=1.0)
    top = max((float(np.nanmax(line.values)) for line in lines), default=1.0)
    across = Scale(first, last, LEFT, WIDTH - RIGHT)
    up = Scale(0.0, top * 1.08 or 1.0, HEIGHT - BOTTOM, TOP)
    height = HEIGHT + (DATE_LINE if date_of else 0)
    shown = [span for span in spans if span.first <= last and span.last >= first]
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(y_label)} by {escape(x_label)}">',
        *(_span(span, across, line) for span, line in zip(shown, _lines_of(shown, across), strict=True)),
        *_grid(across, up, date_of),
        *(_mark(mark, across) for mark in marks if first <= mark.row <= last),
        *(_curve(line, across, up) for line in lines),
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{height - 6}">{escape(x_label)}</text>',
        f'<text class="axis" transform="translate(14 {HEIGHT / 2}) rotate(-90)">{escape(y_label)}</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def _grid(across: Scale, up: Scale, date_of: Callable[[float], str] | None) -> list[str]:
    parts = []
    for value in ticks(up.low, up.high):
        y = up(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 4}">{value:g}</text>')
    for value in ticks(across.low, across.high, 8):
        x = min(across(value), WIDTH - RIGHT - 24.0)
        parts.append(f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 16}">{value:,.0f}</text>')
        if date_of:
            parts.append(f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 31}">{escape(date_of(value))}</text>')
    return parts


def _curve(line: Line, across: Scale, up: Scale) -> str:
    every = max(1, math.ceil(len(line.rows) / MOST_POINTS))
    pairs = zip(line.rows[::every].tolist(), line.values[::every].tolist(), strict=True)
    points = " ".join(f"{across(row)},{up(value)}" for row, value in pairs if not math.isnan(value))
    return f'<polyline class="curve {line.style}" points="{points}"><title>{escape(line.label)}</title></polyline>'


def _mark(mark: Mark, across: Scale) -> str:
    x, y = across(mark.row), TOP + KNOBS.get(mark.style, 0)
    line = f'<line x1="{x}" x2="{x}" y1="{y}" y2="{HEIGHT - BOTTOM}"/>'
    knob = f'<circle cx="{x}" cy="{y}" r="4"/>'
    return f'<g class="mark {mark.style}"><title>{escape(mark.text)}</title>{line}{knob}</g>'


def _lines_of(spans: Sequence[Span], across: Scale) -> list[int]:
    """On which line each span's name is written: the lowest that is free there."""
    ends: list[float] = []
    found = []
    for span in spans:
        start = across(max(span.first, across.low)) + 6
        line = next((place for place, end in enumerate(ends) if end < start), len(ends))
        ends[line : line + 1] = [start + LETTER * len(span.label)]
        found.append(line)
    return found


def _span(span: Span, across: Scale, line: int) -> str:
    first, last = max(span.first, across.low), min(span.last, across.high)
    x, width = across(first), max(1.0, across(last) - across(first))
    box = f'<rect class="span" x="{x}" y="{TOP}" width="{width}" height="{HEIGHT - TOP - BOTTOM}"/>'
    y = HEIGHT - BOTTOM - 8 - 15 * line
    return f'{box}<text class="tick start" x="{x + 6}" y="{y}">{escape(span.label)}</text>'
