"""Line pictures as SVG text: no plotting library, no script, no font from elsewhere.

Colours come from CSS variables of the page, so that a picture is readable on a dark screen too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 40
MOST_POINTS = 900


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: `style` names a class of the page's stylesheet (`live`, `frozen`)."""

    label: str
    style: str
    rows: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a row: `style` is `signal`, `retrain`, `promotion` or `rollback`."""

    row: float
    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of rows with a name, drawn as a pale band (a known drift)."""

    first: float
    last: float
    label: str


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def line_chart(
    lines: Sequence[Line], marks: Sequence[Mark], *, x_label: str, y_label: str, spans: Sequence[Span] = ()
) -> str:
    """An SVG of curves over rows, with a vertical line at each mark.

    >>> row = np.arange(3.0)
    >>> line_chart([Line("error", "live", row, row)], [], x_label="row", y_label="error")[:4]
    '<svg'
    """
    first = min((float(line.rows[0]) for line in lines), default=0.0)
    last = max((float(line.rows[-1]) for line in lines), default=1.0)
    top = max((float(np.nanmax(line.values)) for line in lines), default=1.0)
    across = _Scale(first, last, LEFT, WIDTH - RIGHT)
    up = _Scale(0.0, top * 1.08 or 1.0, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y_label)} by {escape(x_label)}">',
        *(_span(span, across) for span in spans),
        *_grid(across, up),
        *(_mark(mark, across) for mark in marks if first <= mark.row <= last),
        *(_curve(line, across, up) for line in lines),
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}">{escape(x_label)}</text>',
        f'<text class="axis" transform="translate(14 {HEIGHT / 2}) rotate(-90)">{escape(y_label)}</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them.

    >>> ticks(0, 23)
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    if high <= low:
        return [low]
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(size * magnitude for size in (1, 2, 2.5, 5, 10) if size * magnitude >= raw * 0.999)
    start = math.ceil(low / step)
    return [round(step * index, 10) for index in range(start, math.floor(high / step + 1e-9) + 1)]


def _grid(across: _Scale, up: _Scale) -> list[str]:
    parts = []
    for value in ticks(up.low, up.high):
        y = up(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 4}">{value:g}</text>')
    return parts + [
        f'<text class="tick" x="{across(value)}" y="{HEIGHT - BOTTOM + 16}">{value:,.0f}</text>'
        for value in ticks(across.low, across.high, 8)
    ]


def _curve(line: Line, across: _Scale, up: _Scale) -> str:
    every = max(1, math.ceil(len(line.rows) / MOST_POINTS))
    pairs = zip(line.rows[::every].tolist(), line.values[::every].tolist(), strict=True)
    points = " ".join(f"{across(row)},{up(value)}" for row, value in pairs if not math.isnan(value))
    return f'<polyline class="curve {line.style}" points="{points}"><title>{escape(line.label)}</title></polyline>'


def _mark(mark: Mark, across: _Scale) -> str:
    x = across(mark.row)
    line = f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    knob = f'<circle cx="{x}" cy="{TOP}" r="4"/>'
    return f'<g class="mark {mark.style}"><title>{escape(mark.text)}</title>{line}{knob}</g>'


def _span(span: Span, across: _Scale) -> str:
    x, width = across(span.first), max(1.0, across(span.last) - across(span.first))
    box = f'<rect class="span" x="{x}" y="{TOP}" width="{width}" height="{HEIGHT - TOP - BOTTOM}"/>'
    return f'{box}<text class="tick start" x="{x + 6}" y="{HEIGHT - BOTTOM - 8}">{escape(span.label)}</text>'
