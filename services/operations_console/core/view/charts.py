"""The loss over time as SVG text: no plotting library, no script, no inline style.

Colours are classes of the page's stylesheet, so that a picture is readable on a dark screen too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from driftloop.axis import Scale, ticks
from operations_console.core.view.heads import Block
from operations_console.core.view.model_view import ModelView

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 18, 36
SMOOTHED = 4
"""Blocks in the mean that is drawn over them."""
_MARKED = {
    "retrain": "retrain",
    "reuse": "retrain",
    "promote": "promotion",
    "reject": "rejection",
    "roll_back": "rollback",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a row; `target` is the id of what tells more on the page."""

    row: int
    style: str
    text: str
    target: str


def marks_of(model: ModelView) -> list[Mark]:
    """Signals, trainings, promotions, rejections and roll-backs of a model."""
    signals = [
        Mark(one.head.raised.row, "harm" if one.head.harmful else "warning", one.head.explanation or one.head.kind,
             f"s-{one.head.message_id}")
        for one in model.signals
    ]  # fmt: skip
    decisions = [
        Mark(one.head.row, _MARKED[one.head.action], f"{one.head.action.replace('_', ' ')}: {one.head.reason}",
             f"d-{one.head.message_id}")
        for one in model.decisions
        if one.head.row is not None and one.head.action in _MARKED
    ]  # fmt: skip
    return signals + decisions


def loss_chart(model: ModelView) -> str:
    """An SVG of a model's loss; empty where no loss is known."""
    blocks = [block for block in model.losses() if block.loss is not None]
    if not blocks:
        return ""
    reference = model.whole.metrics.get("loss_reference") if model.whole else None
    first, last = blocks[0].first_row, blocks[-1].first_row + blocks[-1].rows
    losses = [block.loss or 0.0 for block in blocks]
    top = max([*losses, reference or 0.0]) * 1.08 or 1.0
    across = Scale(first, last, LEFT, WIDTH - RIGHT)
    up = Scale(min(0.0, *losses), top, HEIGHT - BOTTOM, TOP)
    words = f"Loss of {model.model_id} over labelled rows {first:,} to {last:,}"
    return "\n".join(
        [
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{escape(words)}">',
            *_grid(across, up),
            *_reference(reference, up),
            *_versions(blocks, across),
            *_curves(blocks, losses, across, up),
            *(_mark(mark, across) for mark in marks_of(model) if first <= mark.row <= last),
            f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}">labelled row</text>',
            "</svg>",
        ]
    )


def _curves(blocks: Sequence[Block], losses: Sequence[float], across: Scale, up: Scale) -> Iterator[str]:
    ends = [block.first_row + block.rows for block in blocks]
    yield _line("raw", zip(ends, losses, strict=True), across, up)
    means = [
        sum(part) / len(part)
        for index in range(len(losses))
        if (part := losses[max(0, index - SMOOTHED + 1) : index + 1])
    ]
    yield _line("mean", zip(ends, means, strict=True), across, up)


def _line(style: str, points: Iterable[tuple[float, float]], across: Scale, up: Scale) -> str:
    return f'<polyline class="curve {style}" points="{" ".join(f"{across(x)},{up(y)}" for x, y in points)}"/>'


def _reference(reference: float | None, up: Scale) -> Iterator[str]:
    if reference is not None:
        y = up(reference)
        yield f'<line class="reference" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="tick start" x="{LEFT + 6}" y="{y - 5}">reference {reference:.3g}</text>'


def _versions(blocks: Sequence[Block], across: Scale) -> Iterator[str]:
    before = None
    for block in blocks:
        if block.model_version != before:
            before = block.model_version
            yield f'<text class="tick start" x="{across(block.first_row) + 3}" y="{TOP - 6}">{escape(before)}</text>'


def _grid(across: Scale, up: Scale) -> Iterator[str]:
    for value in ticks(up.low, up.high):
        y = up(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="tick end" x="{LEFT - 6}" y="{y + 4}">{value:g}</text>'
    for value in ticks(across.low, across.high, 8):
        yield f'<text class="tick" x="{across(value)}" y="{HEIGHT - BOTTOM + 16}">{value:,.0f}</text>'


def _mark(mark: Mark, across: Scale) -> str:
    x = across(mark.row)
    line = f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/><circle cx="{x}" cy="{TOP}" r="5"/>'
    words = escape(f"row {mark.row:,}: {mark.text}")
    link = f'class="mark {mark.style}" href="#{escape(mark.target)}" aria-label="{words}"'
    return f"<a {link}><title>{words}</title>{line}</a>"
