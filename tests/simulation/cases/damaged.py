"""Something of the log, the group or the state is gone or made anew: the service must say so, and never count wrong."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.broker.partition_log import PartitionLog
from tests.simulation.cases.counter import INPUTS, SAID, CounterCase

from driftloop.kafka.loop.topic_watch import LOOK_EVERY_S

if TYPE_CHECKING:
    from tests.simulation.world import World

DAMAGES = (
    *("group deleted", "state emptied", "input made anew", "input cut", "partitions added", "none"),
    *("read tail lost", "read tail lost", "unread tail lost", "state tail lost", "offsets set back"),
    "transactions forgotten",
)
"""The last six are a broker that comes back without what it had acknowledged."""
LOOKS = 6
"""An answer of before the damage, a pause, a question, its answer: each is a turn, and turns can be seconds apart."""
_AT_WORK = ("input made anew", "partitions added", "read tail lost", "transactions forgotten")
_HARMLESS = ("none", "unread tail lost", "transactions forgotten")


class DamagedCase(CounterCase):
    """Half of the input is counted, the damage is done while the services are down (or, in some runs, at work).

    Not before the last transaction is decided: its offsets would come back to a group that was deleted under it.
    """

    def __init__(self, seed: int, inputs: int, spread: int) -> None:
        super().__init__(seed, inputs + 4, spread)
        self._transactional, self._strange = 0.0, 0.0
        self.damage = self._random.choice(DAMAGES)
        self._at_work = self.damage in _AT_WORK and self._random.random() < 0.5
        self._lost: tuple[str, int, int] | None = None
        self._later, self._left = self._left // 2, self._left - self._left // 2
        self._stage, self._replicas = "before", 0
        self._noticed_at = 0.0
        """What is made anew under a service at work is seen with its next look at the topics. A lost tail is seen once
        the client asks for the epoch: after all has come to rest, where what came next has the lost offsets."""

    @property
    def must_stop(self) -> bool:
        """Whether a person is to be told."""
        return self.damage not in _HARMLESS

    def feed(self, world: "World") -> bool:
        """Feed, wait for rest, stop all, do the damage, and feed the rest."""
        if super().feed(world):
            return True
        if self._stage == "before" and not world.unrest():
            self._stage, self._replicas = "stopping", world.wanted["counter"]
            world.wanted["counter"] = self._replicas if self._at_work else 0
            for process in () if self._at_work else world.processes:
                process.stop()
        elif self._stage == "stopping" and not self._busy(world):
            self._stage, self._left = "after", self._later
            self._do_damage(world)
            slow = self._at_work or self.damage == "read tail lost"
            self._noticed_at = world.now + (LOOKS * LOOK_EVERY_S if slow else 0.0)
            world.wanted["counter"] = self._replicas
        return self._stage != "after" or bool(self._left) or world.now < self._noticed_at

    def _busy(self, world: "World") -> bool:
        """Whether the damage has to wait: for the services' end, or for transactions that it would cut in two."""
        return world.cluster.undecided or not (self._at_work or not world.processes)

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
        else:
            self._come_back_without(world)

    def _come_back_without(self, world: "World") -> None:
        cluster = world.cluster
        if self.damage == "read tail lost":
            self._lose_tail(world, INPUTS)
        elif self.damage == "unread tail lost":
            before = {(topic, n): log.end for topic in INPUTS for n, log in enumerate(cluster.topics[topic])}
            while self._left:
                super().feed(world)
            for (topic, number), end in before.items():
                log = cluster.topics[topic][number]
                log.lose(self._random.randint(end, log.end))
        elif self.damage == "state tail lost":
            logs = [log for log in cluster.topics["counter-changelog"] if log.end]
            log = self._random.choice(logs)
            ends = [0, *(at + 1 for at, e in enumerate(log.entries[:-1]) if e is not None and e.marker)]
            log.lose(self._random.choice(ends[-3:]))
        elif self.damage == "offsets set back":
            offsets = cluster.group("counter").offsets
            position = self._random.choice([place for place, (at, _, _) in sorted(offsets.items()) if at])
            at, note, epoch = offsets[position]
            offsets[position] = self._random.randrange(at), note, epoch
        elif self.damage == "transactions forgotten":
            cluster.slots.clear()

    def _lose_tail(self, world: "World", topics: tuple[str, ...]) -> None:
        """A few records that were read are gone; what comes next has their offsets."""
        logs = [(topic, n) for topic in topics for n, log in enumerate(world.cluster.topics[topic]) if log.end]
        topic, number = self._random.choice(logs)
        log = world.cluster.topics[topic][number]
        end = log.end - self._random.randint(1, min(3, log.end))
        self._lost = topic, number, end
        log.lose(end)

    def check_stopped(self, world: "World", said: str) -> Iterator[str]:
        """It had to, it says of what, no input counted twice, and none that is left and was committed is missing."""
        if not self.must_stop:
            yield f"stopped: {said}"[:300]
        if self._lost is None:
            return
        told = Tally(e.value.split(b"=")[0] for log in world.cluster.topics[SAID] for _, e in log.committed())
        yield from (f"said twice: {value!r}" for value, times in told.items() if times > 1)
        offsets = world.cluster.group("counter").offsets
        for topic in INPUTS:
            for number, log in enumerate(world.cluster.topics[topic]):
                end = offsets.get((topic, number), (0, "", -1))[0]
                end = min(end, self._lost[2]) if (topic, number) == self._lost[:2] else end
                yield from (
                    f"lost beside what the broker lost: {e.value!r}"
                    for at, e in log.committed()
                    if at < end and e.value is not None and e.value not in told
                )

    def check(self, world: "World") -> Iterator[str]:
        """It stopped, and where it need not the count holds. What is lost of the state may be the last snapshot, of
        which the one before and the input since are as good."""
        if self.must_stop and self.damage != "state tail lost":
            yield f"nothing was said of: {self.damage}"
        else:
            yield from super().check(world)
