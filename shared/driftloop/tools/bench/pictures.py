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


def _head() -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    )


def _axis_titles(x_label: str, y_label: str) -> str:
    return (
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 20}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text transform="translate(20 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    )


def _scale(low: float, high: float, start: float, end: float) -> Any:
    width = (high - low) or 1.0
    return lambda value: start + (value - low) / width * (end - start)
