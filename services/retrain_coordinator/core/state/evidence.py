"""What detection said of a model, as of the newest frame that was taken in."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import TestStatus
from driftloop.contracts.message import FramePosition
from retrain_coordinator.core.payoff.rule import PayoffState
from retrain_coordinator.core.state.entries import SIGNALS_KEPT, Part, Reading


class EvidencePart(Part):
    """Rows, figures, tests, signals and readings."""

    applied: FramePosition | None = None
    as_of: datetime | None = None
    rows: int = 0
    labelled_rows: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    tests: tuple[TestStatus, ...] = ()
    signals: list[DriftSignal] = Field(default_factory=list)
    """Those since the last run."""
    active_signals: tuple[str, ...] = ()
    """Alarms that stand as of the last status."""
    readings: dict[str, Reading] = Field(default_factory=dict)

    def advance_to(self, moment: datetime) -> datetime:
        """Let the model's own clock go on; it never goes back."""
        self.as_of = moment if self.as_of is None else max(self.as_of, moment)
        return self.as_of

    def apply_frame(self, position: FramePosition) -> None:
        """The frame at this position is taken in from here on."""
        self.applied = position

    def take_signals(self, signals: Sequence[DriftSignal], active: tuple[str, ...]) -> None:
        """A frame's signals, and the alarms that stand after it."""
        self.signals = [*self.signals, *signals][-SIGNALS_KEPT:]
        self.active_signals = active

    def keep_signals(self, signals: Sequence[DriftSignal]) -> None:
        """Only these signals count from here on."""
        self.signals = list(signals)

    def count_rows(self, rows: int, labelled_rows: int) -> None:
        """The number of the model's rows, and of those with a label."""
        self.rows, self.labelled_rows = rows, labelled_rows

    def take_figures(self, metrics: Mapping[str, float], tests: tuple[TestStatus, ...]) -> None:
        """The figures and tests of a status."""
        self.metrics, self.tests = dict(metrics), tests

    def take_reading(self, name: str, reading: Reading) -> None:
        """A host's figure."""
        self.readings[name] = reading

    def forget_evidence(self) -> None:
        """What was said under another target says nothing about this one; rows still count."""
        self.signals, self.active_signals = [], ()
        self.metrics, self.tests = {}, ()


class BooksPart(Part):
    """The payoff rule's books, and the rows that wait to enter them."""

    payoff: PayoffState = PayoffState()
    feed: list[dict[str, float]] = Field(default_factory=list)
    """Rows scored since the last whole block, each with its losses by what lost them."""

    def keep_books(self, books: PayoffState) -> None:
        """The books as the payoff rule left them."""
        self.payoff = books

    def feed_rows(self, rows: Sequence[dict[str, float]]) -> None:
        """Rows of a frame wait for their block to be whole."""
        self.feed = [*self.feed, *rows]

    def take_block(self, rows: int) -> list[dict[str, float]] | None:
        """The oldest whole block of rows; None if there is none."""
        if len(self.feed) < rows:
            return None
        block, self.feed = self.feed[:rows], self.feed[rows:]
        return block

    def clear_feed(self) -> None:
        """The rows that wait are of another version or target."""
        self.feed = []
