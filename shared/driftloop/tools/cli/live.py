"""Shows a replay or the demo as it happens: a live picture on a terminal, plain lines when not."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.message import ControlMessage
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_results import TrainingResult
from driftloop.tools.replay.stream import row_of

BARS = "▁▂▃▄▅▆▇█"
NEWS_LINES = 14
PLAIN_EVERY = 20
CURVE_POINTS = 60


def sparkline(values: list[float], width: int = CURVE_POINTS) -> str:
    """The last values as a line of bars, from 0 to their largest.

    >>> sparkline([0.0, 1.0, 2.0])
    '▁▅█'
    """
    shown = values[-width:]
    top = max(shown, default=0.0) or 1.0
    return "".join(BARS[min(len(BARS) - 1, int(value / top * (len(BARS) - 1) + 0.5))] for value in shown)


def news(message: ControlMessage) -> str | None:
    """A message in one line, or None where it is not worth one."""
    match message:
        case DriftSignal(harmful=True):
            what = message.explanation or f"{message.kind} {message.subject}".strip()
            return f"[yellow]drift[/] {escape(what)} ({message.detector})"
        case RetrainDecision(action="retrain" | "reuse" | "promote" | "reject" | "roll_back" | "freeze" | "unfreeze"):
            colour = {"promote": "green", "roll_back": "red", "reject": "red"}.get(message.action, "magenta")
            return f"[{colour}]{message.action.replace('_', ' ')}[/] {message.candidate or ''} {escape(message.reason)}"
        case TrainingResult():
            seconds = f" in {message.cost.seconds:.1f} s" if message.cost else ""
            return f"[cyan]run {message.status}[/] {message.version}{seconds} {escape(message.failure or '')}"
        case ModelEvent(event="promoted" | "rolled_back"):
            return f"[bold green]champion is now {message.version}[/]"
        case _:
            return None


def row_said(message: ControlMessage) -> int | None:
    """The row that a signal or a decision names, as the result names it; None for other messages."""
    match message:
        case DriftSignal():
            return row_of(message.raised.prediction_id)
        case RetrainDecision():
            return message.row
        case _:
            return None


def time_left(done: int, of: int, seconds: float) -> str:
    """How long the rest takes if it goes on like that; empty where nothing is done yet, or nothing is left.

    >>> time_left(1_000, 5_000, 15.0), time_left(1_000, 500_000, 1.0), time_left(0, 5_000, 1.0)
    ('about 1 min left', 'about 8 min left', '')
    >>> time_left(4_000, 5_000, 60.0), time_left(5_000, 5_000, 60.0)
    ('about 15 s left', '')
    """
    if not done or done >= of:
        return ""
    left = (of - done) * seconds / done
    return f"about {left / 60:.0f} min left" if left >= 59.5 else f"about {max(1.0, left):.0f} s left"


class LiveAudience:
    """Told by the player, tells the person. Use as a context manager. `clock` gives seconds that only grow."""

    def __init__(
        self, console: Console, rows: int, *, error_word: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._rows, self._error_word, self._clock = console, rows, error_word, clock
        self._first, self._began = 0, 0.0
        self._live = Live(console=console, refresh_per_second=8) if console.is_terminal else None
        self._news: deque[str] = deque(maxlen=NEWS_LINES)
        self._losses: list[float] = []
        self._frozen: list[float] = []
        self._row, self._version, self._stage = 0, "–", ""
        self._said_at = 0

    def __enter__(self) -> "LiveAudience":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def stage(self, sentence: str) -> None:
        """Something began."""
        self._stage, self._began = sentence, self._clock()
        if self._live:
            self._live.update(self._picture())
        else:
            self._console.print(escape(sentence))

    def message(self, message: ControlMessage) -> None:
        """The loop said something about the model."""
        line = news(message)
        if line is None:
            return
        self._said_at = row_said(message) or max(self._said_at, self._row)
        line = f"row {self._said_at:>6,}  {line}"
        self._news.append(line)
        if self._live:
            self._live.update(self._picture())
        else:
            self._console.print(line, highlight=False, soft_wrap=True)

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None:
        """Rows were predicted."""
        self._first = self._first or rows.start
        self._row, self._version = rows.stop, version
        self._losses.append(loss)
        self._frozen.append(frozen_loss)
        if self._live:
            self._live.update(self._picture())
        elif len(self._losses) % PLAIN_EVERY == 0:
            mean = sum(self._losses[-PLAIN_EVERY:]) / PLAIN_EVERY
            frozen = sum(self._frozen[-PLAIN_EVERY:]) / PLAIN_EVERY
            self._console.print(
                f"row {self._row:>6,}  {self._error_word} {mean:.4g}, first model {frozen:.4g}, champion {version}"
                + (f", {left}" if (left := self._left()) else ""),
                highlight=False,
            )

    def _left(self) -> str:
        return time_left(self._row - self._first, self._rows - self._first, self._clock() - self._began)

    def _picture(self) -> Group:
        table = Table.grid(padding=(0, 2))
        share = f"{self._row:,} of {self._rows:,} rows  {self._left()}".rstrip()
        table.add_row("champion", f"[bold]{self._version}[/]", share, f"[dim]{escape(self._stage)}[/]")
        now, frozen = (values[-1] if values else 0.0 for values in (self._losses, self._frozen))
        top = Table.grid(padding=(0, 2))
        top.add_row(f"{self._error_word}", f"[blue]{sparkline(self._losses)}[/]", f"{now:.3g}")
        top.add_row("first model", f"[dim]{sparkline(self._frozen)}[/]", f"{frozen:.3g}")
        lines = [Text.from_markup(line, overflow="ellipsis") for line in self._news]
        for line in lines:
            line.no_wrap = True
        return Group(table, top, Text(""), *lines)
