"""How long a group had input and did not get on, partition by partition."""

import threading
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.log_reader import partition_count
from driftloop.kafka.clients.offsets import EndOffsets, GroupOffsets
from driftloop.kafka.settings import KafkaSettings

_EVERY_S = 0.3


class Stalls:
    """From looks at offsets: a partition stalls from when it was last at its end, or moved. Pure.

    >>> stalls = Stalls()
    >>> stalls.look(0.0, {"g/0": 5}, {"g/0": 9})
    >>> stalls.look(7.0, {"g/0": 5}, {"g/0": 12})
    >>> stalls.look(8.0, {"g/0": 6}, {"g/0": 12})
    >>> stalls.longest
    8.0
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.where = ""
        self._moved: dict[str, tuple[int, float]] = {}

    def look(self, now: float, committed: Mapping[str, int], ends: Mapping[str, int]) -> None:
        """Offsets as of `now`, in seconds."""
        for place, offset in committed.items():
            before, since = self._moved.get(place, (offset, now))
            if now - since > self.longest:
                self.longest, self.where = now - since, place
            if offset != before or offset >= ends[place]:
                since = now
            self._moved[place] = offset, since


class StallWatch(threading.Thread):
    """Looks at groups, `{"drift_detection": ("outcome-frames",)}`, until it is told to stop."""

    def __init__(self, kafka: KafkaSettings, groups: Mapping[str, Sequence[str]]) -> None:
        super().__init__(name="stalls", daemon=True)
        admin = admin_client(kafka)
        self._positions = {
            group: [(topic, number) for topic in topics for number in range(partition_count(admin, kafka, topic))]
            for group, topics in groups.items()
        }
        self._ends = EndOffsets(kafka)
        self._groups = {group: GroupOffsets(kafka, group) for group in groups}
        self._stopping = threading.Event()
        self.stalls = Stalls()
        self.unanswered: list[str] = []

    def run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            try:
                self._look()
            except (UserError, KafkaException) as error:  # no answer now: the next one counts from the last
                self.unanswered.append(str(error))

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self.join(120)

    def _look(self) -> None:
        every = sorted({position for positions in self._positions.values() for position in positions})
        ends = self._ends.ask(every)
        for group, positions in self._positions.items():
            committed = self._groups[group].ask(positions)
            now = time.monotonic()
            self.stalls.look(
                now,
                {_name(group, position): committed[position] for position in positions},
                {_name(group, position): ends[position] for position in positions},
            )


def _name(group: str, position: tuple[str, int]) -> str:
    return f"{group}: {position[0]}/{position[1]}"
