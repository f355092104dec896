"""Waits until the loop has nothing left to do."""

import time
from collections.abc import Callable, Mapping

from driftloop.contracts import topics
from driftloop.errors import UserError
from driftloop.kafka.admin.rest import Rest
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.local.programs import GROUP_INPUTS
from driftloop.tools.replay.journal import CONTRACTS, Journal

SETTLE_SECONDS = 900.0
_IN_ORDER = ("outcome_ingestion", "drift_detection", "challenge_scoring", "retrain_coordinator", "trainer_worker")
"""In the direction of the data. The archive is waited for at the end alone: who reads it awaits the rows it needs."""
_ARCHIVE = "outcome_archive"
_PLAIN = (topics.PREDICTION_OUTCOMES, topics.MODEL_COMMANDS, topics.TRAINING_ANSWERS)
"""What is written outside transactions, by us or by nobody."""


class Settling:
    """Knows when a loop is still: every service has processed its input, and no run is outstanding.

    A training run is long and holds no input back, so the journal is read up to the ends that the groups had reached:
    a run whose request is there and whose result is not is waited for.
    """

    def __init__(self, kafka: KafkaSettings, journal: Journal, check: Callable[[], None]) -> None:
        groups = {group: GROUP_INPUTS[group] for group in _IN_ORDER}
        self._rest = Rest(kafka, groups, plain=_PLAIN, beside=CONTRACTS)
        self._tail = Tail(kafka, list(CONTRACTS))
        self._kafka, self._journal, self._check = kafka, journal, check
        self._read: Mapping[tuple[str, int], int] = {}

    def __enter__(self) -> "Settling":
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.close()
        self._rest.close()

    def settle(self) -> None:
        """Return when the loop is still; raises UserError where that takes more than fifteen minutes."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            self._rest.await_groups(max(0.0, deadline - time.monotonic()), self._check)
            ends = self._rest.ends_at_rest()
            if ends is not None and not self._runs_at(ends):
                return
            self._await_runs(deadline)
            if time.monotonic() > deadline:
                raise UserError(f"The loop has not come to rest in {SETTLE_SECONDS:.0f} s.")

    def finish(self) -> None:
        """Return when the archive has all rows too; raises UserError where that takes more than fifteen minutes."""
        archive = Rest(self._kafka, {_ARCHIVE: GROUP_INPUTS[_ARCHIVE]}, plain=_PLAIN)
        archive.await_groups(SETTLE_SECONDS, self._check)
        archive.close()

    def _runs_at(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether a run is outstanding, after all that the journal's topics hold up to there."""
        said = {position: end for position, end in ends.items() if position[0] in CONTRACTS}
        if said != self._read:
            found = self._tail.read_to(said)
            self._journal.take(found)
            self._read = said
            if any(one.offset >= said[one.topic, one.partition] for one in found):
                return True  # said after that moment, perhaps the end of a run: who reads it has not read it yet
        return bool(self._journal.outstanding)

    def _await_runs(self, deadline: float) -> None:
        while self._journal.outstanding and time.monotonic() < deadline:
            self._check()
            self._journal.take(self._tail.read(0.05))
