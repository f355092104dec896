"""Something of the log, the group or the state is gone or made anew: the service must say so, and never count wrong."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.broker.partition_log import PartitionLog
from tests.simulation.cases.counter import INPUTS, CounterCase

from driftloop.kafka.loop.topic_watch import LOOK_EVERY_S

if TYPE_CHECKING:
    from tests.simulation.world import World

DAMAGES = ("group deleted", "state emptied", "input made anew", "input cut", "partitions added", "none")


class DamagedCase(CounterCase):
    """Half of the input is counted, the damage is done while the services are down (or, in some runs, at work).

    Not before the last transaction is decided: its offsets would come back to a group that was deleted under it.
    """

    def __init__(self, seed: int, inputs: int, spread: int) -> None:
        super().__init__(seed, inputs + 4, spread)
        self._transactional, self._strange = 0.0, 0.0
        self.damage = self._random.choice(DAMAGES)
        self._at_work = self.damage in ("input made anew", "partitions added") and self._random.random() < 0.5
        self._later, self._left = self._left // 2, self._left - self._left // 2
        self._stage, self._replicas = "before", 0
        self._noticed_at = 0.0
        """What is made anew under a service at work is seen with its next look at the topics, not before."""

    @property
    def must_stop(self) -> bool:
        """Whether a person is to be told."""
        return self.damage != "none"

    def feed(self, world: "World") -> bool:
        """Feed, wait for rest, stop all, do the damage, and feed the rest."""
        if super().feed(world):
            return True
        if self._stage == "before" and not world.unrest():
            self._stage, self._replicas = "stopping", world.wanted["counter"]
            world.wanted["counter"] = self._replicas if self._at_work else 0
            for process in () if self._at_work else world.processes:
                process.stop()
        elif self._stage == "stopping" and (self._at_work or not (world.processes or world.cluster.undecided)):
            self._stage, self._left = "after", self._later
            self._do_damage(world)
            self._noticed_at = world.now + (2 * LOOK_EVERY_S if self._at_work else 0.0)
            world.wanted["counter"] = self._replicas
        return self._stage != "after" or bool(self._left) or world.now < self._noticed_at

    def _do_damage(self, world: "World") -> None:
        cluster = world.cluster
        world.note(f"damage: {self.damage}")
        if self.damage == "group deleted":
            cluster.group("counter").offsets.clear()
        elif self.damage == "state emptied":
            cluster.create("counter-changelog")
        elif self.damage == "input made anew":
            cluster.create(INPUTS[0])
        elif self.damage == "partitions added":
            cluster.topics[INPUTS[0]].append(PartitionLog())
        elif self.damage == "input cut":
            self._left = self._later = max(self._later, 2)
            while self._left > 1:
                super().feed(world)
            for topic in INPUTS:
                for log in cluster.topics[topic]:
                    log.cut(log.end)

    def check(self, world: "World") -> Iterator[str]:
        """It stopped, and where nothing was damaged the count holds."""
        if self.must_stop:
            yield f"nothing was said of: {self.damage}"
        else:
            yield from super().check(world)
