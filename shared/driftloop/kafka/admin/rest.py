"""Waits until every group has processed all that was written, in the direction of the data.

Why one look is enough: next offsets are asked for before ends. They only grow and
never pass an end, so ends that are not past them were there, all at once, when the first end was asked for.

Why the last marker need not be committed: a partition that only transactions write to ends with the marker of the
last one, unless one is open. Whoever has committed up to that marker has processed every record. So nobody has to
wait until an end is noticed and a commit of markers alone has gone through; that was most of a block's time.
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
"""The first pause, as a part of how long the group took last time: most questions before that would be in vain."""
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
        for group, positions in self._inputs.items():
            ends, began = self._ends.ask(positions), time.monotonic()
            pause = _pause(self._took[group] * _FIRST_PART)
            while (behind := self._behind(group, ends, self._groups[group].ask(positions))) > 0:
                alive()
                if time.monotonic() > deadline:
                    raise UserError(f"The loop has not come to rest in {seconds:.0f} s ({group} is {behind} behind).")
                time.sleep(pause)
                self._took[group] = time.monotonic() - began
                pause = _pause(self._took[group] * _NEXT_PART)

    def ends_at_rest(self) -> dict[Position, int] | None:
        """How far each partition holds records, if nothing was on its way at some moment of this call; else None."""
        asked = self._side_by_side.map(lambda group: self._groups[group].ask(self._inputs[group]), self._inputs)
        committed = dict(zip(self._inputs, asked, strict=True))
        stable = self._stable.ask(self._all)
        ends = self._ends.ask(self._all)
        if stable != ends or any(self._behind(group, ends, committed[group]) for group in committed):
            return None
        return {position: self._last(position, end) for position, end in ends.items()}

    def _behind(self, group: str, ends: Mapping[Position, int], committed: Mapping[Position, int]) -> int:
        return sum(
            max(0, self._last(position, ends[position]) - committed[position]) for position in self._inputs[group]
        )

    def _last(self, position: Position, end: int) -> int:
        """The offset behind the last record, where no transaction is open."""
        return max(0, end - 1) if position[0] in self._marked else end


def _pause(seconds: float) -> float:
    return min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, seconds))
