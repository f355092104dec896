"""Whether everything that was written has been processed by everyone who reads it.

Why two sweeps: next offsets and end offsets only ever grow, so a value read twice alike did not change
in between. If two sweeps agree, there was a moment between them at which all values held together,
and if every group was at the end of all its inputs at that moment, no record was on its way: outputs
become visible in the transaction that commits the inputs. Open transactions count as unread.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.log_reader import partition_count
from driftloop.kafka.clients.offsets import EndOffsets, GroupOffsets
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings


class Quiescence:
    """Watches groups and their inputs: `{"drift_detection": ("outcome-frames",), ...}`.

    `and_also` is asked between the sweeps, for work that is on no topic (a training run).
    Raises UserError where a topic is not there.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        groups: Mapping[str, Iterable[str]],
        *,
        and_also: Callable[[], bool] = lambda: True,
    ) -> None:
        self._ends = EndOffsets(kafka)
        self._groups = {group: GroupOffsets(kafka, group) for group in groups}
        admin = admin_client(kafka)
        counts = {topic: partition_count(admin, kafka, topic) for topic in {t for ts in groups.values() for t in ts}}
        self._inputs: dict[str, list[Position]] = {
            group: [(topic, number) for topic in topics for number in range(counts[topic])]
            for group, topics in groups.items()
        }
        self._topics = sorted({position for positions in self._inputs.values() for position in positions})
        self._and_also = and_also

    def lag(self) -> dict[str, int]:
        """Offsets between each group and the end of its inputs, transaction markers counted in."""
        ends, committed = self._sweep()
        return {
            group: sum(ends[p] - max(0, committed[group].get(p, 0)) for p in positions)
            for group, positions in self._inputs.items()
        }

    def quiescent(self) -> bool:
        """Whether nothing was on its way at some moment during this call."""
        first = self._sweep()
        return self._at_ends(*first) and self._and_also() and self._sweep() == first

    def wait(self, timeout_s: float, *, pause_s: float = 0.002, alive: Callable[[], None] = lambda: None) -> None:
        """Return once quiescent; raises UserError at the deadline. `alive` may raise what ended the wait."""
        deadline = time.monotonic() + timeout_s
        while not self.quiescent():
            alive()
            if time.monotonic() > deadline:
                behind = {group: lag for group, lag in self.lag().items() if lag}
                raise UserError(f"the services did not catch up within {timeout_s:.0f} s (behind: {behind})")
            time.sleep(pause_s)

    def _at_ends(self, ends: Mapping[Position, int], committed: Mapping[str, Mapping[Position, int]]) -> bool:
        return all(
            committed[group].get(position, 0) == ends[position]
            for group, positions in self._inputs.items()
            for position in positions
        )

    def _sweep(self) -> tuple[dict[Position, int], dict[str, dict[Position, int]]]:
        ends = self._ends.ask(self._topics)
        return ends, {group: self._groups[group].ask(positions) for group, positions in self._inputs.items()}
