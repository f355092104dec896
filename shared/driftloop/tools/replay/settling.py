"""Waits until the loop has nothing left to do."""

import time
from collections.abc import Callable, Iterable, Mapping

from driftloop.errors import UserError
from driftloop.kafka.admin.quiescence import Quiescence
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.local.programs import GROUP_INPUTS
from driftloop.tools.replay.journal import CONTRACTS, Journal

SETTLE_SECONDS = 900.0


class Settling:
    """Knows when a loop is still: every service at the end of its input, and no run outstanding.

    A training run is long and holds no input back, so the journal is read between the two sweeps of
    `Quiescence`: a result that comes in between moves an end offset, and the sweeps disagree. `groups` are those that
    are waited for, by their inputs.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        journal: Journal,
        check: Callable[[], None],
        groups: Mapping[str, Iterable[str]] = GROUP_INPUTS,
    ) -> None:
        self._quiescence = Quiescence(kafka, groups, and_also=self._no_run)
        self._tail = Tail(kafka, list(CONTRACTS))
        self._journal, self._check = journal, check

    def __enter__(self) -> "Settling":
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.close()

    def settle(self) -> None:
        """Return when the loop is still; raises UserError where that takes more than fifteen minutes."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while not self._quiescence.quiescent():
            self._check()
            self._journal.take(self._tail.read(0.005))
            while self._journal.outstanding and time.monotonic() < deadline:
                self._check()
                self._journal.take(self._tail.read(0.05))
            if time.monotonic() > deadline:
                behind = {group: lag for group, lag in self._quiescence.lag().items() if lag}
                raise UserError(f"The loop has not come to rest in {SETTLE_SECONDS:.0f} s (behind: {behind}).")

    def _no_run(self) -> bool:
        self._journal.take(self._tail.read_to_end())
        return not self._journal.outstanding
