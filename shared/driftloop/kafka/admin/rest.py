"""Waits until every group has processed all that was written, in the direction of the data.

Why one look is enough: next offsets are asked for before ends. They only grow and
never pass an end, so ends that are not past them were there, all at once, when the first end was asked for.

Why the last marker need not be committed: a partition that only transactions write to ends with the marker of the
last one, unless one is open. Whoever has committed up to that marker has processed every record. So nobody has to
wait until an end is noticed and a commit of markers alone has gone through; that was most of a block's time.

Why what a group said earlier is kept: its next offsets only grow, so an end that they have reached is reached. Whoever
waits asks the broker of the groups that work, and the broker has more time for them.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.log_reader import partition_count
from driftloop.kafka.clients.offsets import EndOffsets, GroupOffsets
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings

_SHORTEST_PAUSE_S = 0.004
_LONGEST_PAUSE_S = 0.05
_FIRST_PART = 0.5
"""The pause before the first question, as a part of how long the group took last time: earlier ones are in vain."""
_NEXT_PART = 0.2
"""Each further one, as a part of what it has taken so far: what waits takes little from those that work."""


class Rest:
    """Watches groups, given upstream first, and their inputs: `{"drift_detection": ("outcome-frames",), ...}`.

    `plain` are the topics that are written to outside transactions. `beside` are topics whose ends are of interest
    though no group reads them. Raises UserError where a topic is not there.
    """

    def __init__(
        self, kafka: KafkaSettings, groups: Mapping[str, Sequence[str]], *, plain: Collection[str],
        beside: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self._ends, self._stable = EndOffsets(kafka), EndOffsets(kafka, stable=True)
        self._groups = {group: GroupOffsets(kafka, group) for group in groups}
        self._side_by_side = ThreadPoolExecutor(len(groups), thread_name_prefix="offsets")
        admin = admin_client(kafka)
        names = {topic for topics in groups.values() for topic in topics} | {*beside}
        partitions = {topic: [(topic, n) for n in range(partition_count(admin, kafka, topic))] for topic in names}
        self._inputs = {group: [p for topic in topics for p in partitions[topic]] for group, topics in groups.items()}
        self._all = sorted(position for positions in partitions.values() for position in positions)
        self._known: dict[str, Mapping[Position, int]]
        self._known = {group: dict.fromkeys(positions, 0) for group, positions in self._inputs.items()}
        self._took = dict.fromkeys(groups, 0.0)
        self._marked = frozenset(topic for topic in names if topic not in plain)

    def close(self) -> None:
        """Let the connections go."""
        self._side_by_side.shutdown()
        self._ends.close()
        self._stable.close()
        for group in self._groups.values():
            group.close()

    def await_groups(self, seconds: float, alive: Callable[[], None]) -> None:
        """Return once each group, one after the other, has read what its inputs held when its turn came.

        A transaction of one record that is still open is not seen here; `ends_at_rest` sees it.
        Raises UserError after `seconds`; `alive` is called while waiting and may raise what ended the wait.
        """
        deadline = time.monotonic() + seconds

        def look(group: str, behind: int) -> None:
            alive()
            if time.monotonic() > deadline:
                raise UserError(f"The loop has not come to rest in {seconds:.0f} s ({group} is {behind} behind).")

        for group, positions in self._inputs.items():
            ends = self._ends.ask(positions)
            if self._behind(group, ends):
                self._await_group(group, ends, look)

    def _await_group(self, group: str, ends: Mapping[Position, int], look: Callable[[str, int], None]) -> None:
        began, expected = time.monotonic(), self._took[group]
        self._took[group] = 0.0  # unless a question is in vain
        if expected:
            time.sleep(_pause(expected * _FIRST_PART))
        self._ask(group)
        while (behind := self._behind(group, ends)) > 0:
            look(group, behind)
            time.sleep(_pause((time.monotonic() - began) * _NEXT_PART))
            self._ask(group)
            self._took[group] = time.monotonic() - began

    def ends_at_rest(self) -> dict[Position, int] | None:
        """How far each partition holds records, if nothing was on its way at some moment of this call; else None."""
        ends = self._reached()
        if ends is None:
            for _ in self._side_by_side.map(self._ask, self._inputs):
                continue
            ends = self._reached()
        return None if ends is None else {position: self._last(position, end) for position, end in ends.items()}

    def _reached(self) -> dict[Position, int] | None:
        """The ends, if no transaction is open and the groups were known to be there before; else None."""
        stable = self._stable.ask(self._all)
        ends = self._ends.ask(self._all)
        return None if stable != ends or any(self._behind(group, ends) for group in self._inputs) else ends

    def _ask(self, group: str) -> None:
        self._known[group] = self._groups[group].ask(self._inputs[group])

    def _behind(self, group: str, ends: Mapping[Position, int]) -> int:
        known = self._known[group]
        return sum(max(0, self._last(position, ends[position]) - known[position]) for position in self._inputs[group])

    def _last(self, position: Position, end: int) -> int:
        """The offset behind the last record, where no transaction is open."""
        return max(0, end - 1) if position[0] in self._marked else end


def _pause(seconds: float) -> float:
    return min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, seconds))
