"""How many transactions were aborted in a row, and how long to pause before what was aborted is tried again."""

from driftloop.kafka.loop.metrics import LoopMetrics

UNABLE_AFTER = 3
"""Transactions aborted in a row from which on a replica is not able to commit: not ready, its batches made smaller."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 1.0
"""Before what was aborted is tried again, doubled with each abort in a row."""


class Aborts:
    """Counts them, and shows the count as a metric."""

    def __init__(self, metrics: LoopMetrics) -> None:
        self._metrics = metrics
        self.in_a_row = 0
        self._of_a_batch = False

    @property
    def unable(self) -> bool:
        """Whether this replica cannot commit, as far as is known."""
        return self.in_a_row >= UNABLE_AFTER

    @property
    def pause_s(self) -> float:
        """Seconds to wait after the abort that was counted last."""
        return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (self.in_a_row - 1)))

    def aborted(self, records: int) -> None:
        """A transaction with so many records was aborted."""
        self._of_a_batch |= records > 0
        self._count(self.in_a_row + 1)

    def went_through(self, records: int) -> None:
        """A transaction was committed; one without records says nothing about the batch that failed."""
        if records or not self._of_a_batch:
            self.forget()

    def forget(self) -> None:
        """Begin anew: partitions went, and what was aborted may have been of theirs."""
        self._of_a_batch = False
        self._count(0)

    def _count(self, in_a_row: int) -> None:
        self.in_a_row = in_a_row
        self._metrics.aborted_in_a_row(in_a_row)
