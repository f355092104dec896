"""Pictures of a benchmark as SVG files: delay against false alarms, bars of speed. No plotting library."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, MARGIN = 720, 440, 70
_FLOOR = 0.05
"""Where a rate of 0 is drawn on a logarithmic axis, in false alarms per million rows."""


@dataclass(frozen=True, slots=True)
class Point:
    """A named point of a scatter picture; the default detector is `ours`."""

    name: str
    x: float
    y: float
    ours: bool


def frontier(points: Sequence[Point], *, x_label: str, y_label: str) -> str:
    """An SVG of points on logarithmic axes: left and low is better.

    >>> frontier([Point("a", 1, 10, True)], x_label="rate", y_label="delay")[:4]
    '<svg'
    """
    xs = [math.log10(max(point.x, _FLOOR)) for point in points] or [0.0]
    ys = [math.log10(max(point.y, 1.0)) for point in points] or [0.0]
    across = _scale(min(xs), max(xs), MARGIN, WIDTH - MARGIN)
    up = _scale(min(ys), max(ys), HEIGHT - MARGIN, MARGIN)
    parts = [_head(), _axis_titles(f"{x_label} (0 is drawn at {_FLOOR})", y_label)]
    for point, x, y in zip(points, xs, ys, strict=True):
        colour = "#c2410c" if point.ours else "#475569"
        at_x, at_y = across(x), up(y)
        parts.append(f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="5" fill="{colour}"/>')
        words = f"{point.name} ({point.x:g}; {point.y:g})"
        parts.append(f'<text x="{at_x + 8:.1f}" y="{at_y + 4:.1f}" fill="{colour}">{escape(words)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def bars(values: Mapping[str, float], *, label: str) -> str:
    """An SVG of bars by name, longest first."""
    ranked = sorted(values.items(), key=lambda entry: -entry[1])
    most = max(values.values(), default=1.0) or 1.0
    step = (HEIGHT - 2 * MARGIN) / max(len(ranked), 1)
    parts = [_head(), _axis_titles(label, "")]
    for place, (name, value) in enumerate(ranked):
        y = MARGIN + place * step
        width = (WIDTH - 4 * MARGIN) * value / most
        parts.append(
            f'<rect x="{2.2 * MARGIN}" y="{y:.1f}" width="{width:.1f}" height="{step * 0.6:.1f}" fill="#475569"/>'
        )
        parts.append(f'<text x="{2.1 * MARGIN}" y="{y + step * 0.45:.1f}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<text x="{2.3 * MARGIN + width:.1f}" y="{y + step * 0.45:.1f}">{value:,.4g}</text>')
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through points (x, y), both above 0."""

    name: str
    points: Sequence[tuple[float, float]]


_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9")
"""Those of Okabe and Ito that show on white: people who see red and green alike tell them apart."""
_DASHES = ("", "7 3", "2 2", "8 2 2 2")
_MARKERS = {
    "circle": "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0Z",
    "square": "M-2.6,-2.6h5.2v5.2h-5.2Z",
    "triangle": "M0,-3.6L3.4,2.6H-3.4Z",
    "diamond": "M0,-4L4,0L0,4L-4,0Z",
    "cross": "M-1,-3.5h2v2.5h2.5v2h-2.5v2.5h-2v-2.5h-2.5v-2h2.5Z",
}
"""Shapes around (0, 0): a line has one at each of its points."""
MOST_LINES = len(_DASHES) * len(_MARKERS)
"""Lines of a panel that can be told apart without colours: no two have the same dash and marker."""
_PANEL, _LEGEND = 340, 16


def growth_lines(panels: Mapping[str, Sequence[Line]], *, x_label: str, y_label: str) -> str:
    """An SVG with a panel for each name, side by side, all on the same logarithmic axes; grey: as much more, as many.

    Raises ValueError where a panel has more lines than can be told apart, `MOST_LINES`.

    >>> growth_lines({"a": [Line("b", [(1, 1), (10, 10)])]}, x_label="more", y_label="cost")[:4]
    '<svg'
    """
    points = [point for lines in panels.values() for line in lines for point in line.points] or [(1.0, 1.0)]
    right, top = (math.log10(max(one[place] for one in points)) for place in (0, 1))
    bottom = min(0.0, math.log10(min(y for _, y in points)))
    most = max(map(len, panels.values()), default=0)
    if most > MOST_LINES:
        raise ValueError(f"a panel of {most} lines: only {MOST_LINES} can be told apart, so make two of it")
    width, height = MARGIN + _PANEL * len(panels), HEIGHT + most * _LEGEND
    parts = [_head(width, height), _axis_titles(x_label, y_label, width, HEIGHT)]
    up = _scale(bottom, top, HEIGHT - MARGIN, MARGIN)
    for place, (name, lines) in enumerate(panels.items()):
        left = MARGIN + place * _PANEL
        across = _scale(0.0, right, left, left + _PANEL - MARGIN / 2)
        parts += [f'<text x="{left}" y="{MARGIN - 14}" font-weight="bold">{escape(name)}</text>']
        parts += _grid(across, up, right, (bottom, top), left)
        parts += [part for number, line in enumerate(lines) for part in _drawn(line, number, across, up, left)]
    return "\n".join([*parts, "</svg>", ""])


def _grid(across: Any, up: Any, right: float, heights: tuple[float, float], left: float) -> list[str]:
    """A line at each power of ten, and the diagonal."""
    bottom, top = heights
    far = left + _PANEL - MARGIN / 2
    parts = []
    for power in range(math.ceil(bottom), math.floor(top) + 1):
        y = up(power)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{far:.1f}" y2="{y:.1f}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{left - 4}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for power in range(math.floor(right) + 1):
        x = across(power)
        parts.append(f'<line x1="{x:.1f}" y1="{up(bottom):.1f}" x2="{x:.1f}" y2="{up(top):.1f}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{x:.1f}" y="{up(bottom) + 14:.1f}" text-anchor="middle">{10**power}</text>')
    end = min(right, top)
    parts.append(
        f'<line x1="{across(0):.1f}" y1="{up(0):.1f}" x2="{across(end):.1f}" y2="{up(end):.1f}" '
        'stroke="#94a3b8" stroke-dasharray="5 4"/>'
    )
    return parts


def _drawn(line: Line, number: int, across: Any, up: Any, left: float) -> list[str]:
    """The line, and its name below the panel beside a piece of it."""
    places = [(across(math.log10(x)), up(math.log10(y))) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_MARKERS)]
    shape = [*_MARKERS.values()][number % len(_MARKERS)]
    stroke = f'stroke="{colour}" stroke-width="1.5"' + (f' stroke-dasharray="{dash}"' if dash else "")
    below = HEIGHT + number * _LEGEND - 3
    return [
        f'<polyline points="{path}" fill="none" {stroke}/>',
        f'<line x1="{left}" y1="{below}" x2="{left + 28}" y2="{below}" {stroke}/>',
        *(
            f'<path transform="translate({x:.1f} {y:.1f})" d="{shape}" fill="{colour}"/>'
            for x, y in [*places, (left + 14, below)]
        ),
        f'<text x="{left + 34}" y="{below + 4}">{escape(line.name)}</text>',
    ]


def write_detector_pictures(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """One frontier for each size of rise, at the false alarms of 0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for rise in next(iter(result["detectors"].values()))["delay"]:
        points = [
            Point(name, one["false_alarms_per_million"]["0.1"], one["delay"][rise], name == result["default"])
            for name, one in result["detectors"].items()
            if one["delay"][rise] is not None
        ]
        path = folder / f"detectors-{rise.replace('->', '-to-').replace(' ', '-')}.svg"
        picture = frontier(
            points, x_label="false alarms per million rows at 0.1", y_label=f"mean delay in rows, {rise}"
        )
        path.write_text(picture, encoding="utf-8")
        written.append(path)
    return written


def write_bars(values: Mapping[str, float], label: str, path: Path) -> None:
    """Write `bars` to a file, and its folder where that is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bars(values, label=label), encoding="utf-8")


def _head(width: int = WIDTH, height: int = HEIGHT) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
    )


def _axis_titles(x_label: str, y_label: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    return (
        f'<text x="{width / 2}" y="{height - 20}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text transform="translate(20 {height / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    )


def _scale(low: float, high: float, start: float, end: float) -> Any:
    width = (high - low) or 1.0
    return lambda value: start + (value - low) / width * (end - start)
