"""A broker that leaves out the end of a transaction where a partition has no leader, as Apache Kafka 4.3.0 does.

The transaction is decided, and its producer told so. In the partition that was left out, of the group's offsets or of
the state, it stays open: readers of committed records wait for ever, unless the same producer's next transaction there
ends. That one decides both.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.cases.counter import SAID, CounterCase

if TYPE_CHECKING:
    from tests.simulation.world import World

_GROUP, _STATE = "counter", "counter-changelog"


class LeaderlessCase(CounterCase):
    """Some ends are left out while it counts; then every process is stopped and started again.

    Not of outputs: of what was told there nothing but another Kafka can take care.
    """

    def __init__(self, seed: int, inputs: int, spread: int) -> None:
        super().__init__(seed, inputs, spread)
        self._chance, self._most = self._random.choice((0.3, 0.8)), self._random.randint(1, 3)
        self._left_out = 0
        self._restarted = False

    def prepare(self, world: "World") -> None:
        """Topics, and what the broker does."""
        super().prepare(world)

        def leaves_out(place: tuple[str, int] | str) -> bool:
            held = place == _GROUP or place[0] == _STATE
            if not held or self._left_out == self._most or self._random.random() >= self._chance:
                return False
            self._left_out += 1
            world.note(f"no end of the transaction is written into {place}")
            return True

        world.cluster.leaves_out = leaves_out

    def feed(self, world: "World") -> bool:
        """Feed, and restart all: who goes on with what is in memory misses nothing."""
        if super().feed(world):
            return True
        if not self._restarted:
            self._restarted, self._most = True, self._left_out
            for process in world.processes:
                process.stop()
        return False

    def check_stopped(self, world: "World", said: str) -> Iterator[str]:
        """It may, where an end was left out, and then nothing was counted twice."""
        if not self._left_out:
            yield f"stopped: {said}"[:300]
        told = Tally(e.value.split(b"=")[0] for log in world.cluster.topics[SAID] for _, e in log.committed())
        yield from (f"said twice: {value!r}" for value, times in told.items() if times > 1)
