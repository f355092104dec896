"""Processes input again that a snapshot lacks: its effects are on the log already, and are dropped."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import structlog

from driftloop.errors import AwayError
from driftloop.kafka.loop.placement import in_place
from driftloop.processor import Processor, Record, StaleTableError

_BATCH = 5_000


class Replay:
    """The replay of one partition. What was buried because it is outside its key's partition is left out, as it was the
    first time; so is a record that makes the core raise.

    Such a record was buried, and a snapshot was written behind it, so that a replay hardly meets it: only one does that
    builds a state anew from all that the log has.
    """

    def __init__(self, processor: Processor, number: int, keyed: Sequence[str], partitions: int) -> None:
        self._processor, self._number, self._keyed, self._partitions = processor, number, keyed, partitions
        self._log = structlog.get_logger()

    def run(self, restore: Callable[[], None], logs: Callable[[], Sequence[Iterator[Record]]]) -> None:
        """Give the core its snapshot back, and then the records since; both are asked for twice where one raises."""
        restore()
        try:
            for batch in _batches(logs()):
                self._again(batch)
        except AwayError:
            raise  # what the core needs: no record is to blame
        except Exception:  # noqa: BLE001  (whatever a record does to a core, the service lives)
            self._processor.revoke(self._number)  # it took in a part of that batch
        else:
            return
        restore()
        for batch in _batches(logs()):
            self._around_the_culprit(batch)

    def _around_the_culprit(self, batch: list[Record]) -> None:
        """Take a batch in; where it raises, its halves from the state before it, until the culprit stands alone."""
        before = list(self._processor.snapshot(self._number))
        try:
            self._again(batch)
        except AwayError:
            raise
        except Exception as error:  # noqa: BLE001
            self._processor.revoke(self._number)
            self._processor.restore(self._number, before)
            if len(batch) > 1:
                half = len(batch) // 2
                self._around_the_culprit(batch[:half])
                self._around_the_culprit(batch[half:])
                return
            (record,) = batch
            self._log.warning(
                "a record is left out of the state that is built anew: it was buried, or should have been",
                topic=record.topic(), partition=record.partition(), offset=record.offset(), error=repr(error)[:300],
            )  # fmt: skip

    def _again(self, batch: list[Record]) -> None:
        placed = in_place(batch, self._keyed, self._partitions)[0]
        if not placed:
            return
        now = datetime.fromtimestamp(max(record.timestamp()[1] for record in placed) / 1000, UTC)
        try:
            self._processor.process(placed, now)
        except StaleTableError:
            self._processor.process(placed, now, tables_current=True)


def _batches(logs: Sequence[Iterator[Record]]) -> Iterator[list[Record]]:
    """By the records' timestamps, and at the same moment in the order of the inputs."""
    records = _merged(logs)
    while batch := list(islice(records, _BATCH)):
        yield batch


def _merged(logs: Sequence[Iterator[Record]]) -> Iterator[Record]:
    def in_order(place: int, log: Iterator[Record]) -> Iterator[tuple[tuple[int, int], Record]]:
        latest = 0
        for record in log:
            latest = max(latest, record.timestamp()[1])
            yield (latest, place), record

    streams = [in_order(place, log) for place, log in enumerate(logs)]
    return (record for _, record in heapq.merge(*streams, key=lambda pair: pair[0]))
