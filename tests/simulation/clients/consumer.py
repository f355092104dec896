"""The consumer, as the library behaves: a queue of what was fetched ahead, and rebalances inside of its calls.

A message carries the version of its partition's fetcher: seek, pause and unassign raise it, and what was fetched under
an earlier one is dropped when its turn comes.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, Message, TopicPartition
from tests.simulation.broker.groups import Member
from tests.simulation.broker.partition_log import PartitionLog
from tests.simulation.clients.metadata import cluster_metadata
from tests.simulation.current import CURRENT, failure, timed_out

Position = tuple[str, int]
Callback = Callable[[Any, list[TopicPartition]], None]
_BEAT_S, _AGAIN_S, _LATE_ANSWER_S = 0.3, 0.05, 0.5
_TRUNCATED = -3


def _epoch(tp: TopicPartition) -> int:
    return -1 if tp.leader_epoch is None else int(tp.leader_epoch)


@dataclass(slots=True)
class Fetcher:
    """One assigned partition. `at`: what is fetched next, `given`: what the application is given next."""

    at: int
    given: int
    paused: bool = False
    version: int = 0
    end_said: int = -1
    begin_asked_at: float | None = None
    fresh: bool = True
    epoch: int = -1
    given_epoch: int = -1
    under: int = -1
    """The leader's epoch for which `at` was found to be in the log; `epoch` is of what is before `at`."""
    told: tuple[int, int] = (-1001, -1)
    """Behind the last record that was given: its place and its epoch."""


class Queued(NamedTuple):
    """Something for the application; `after` is the position behind it."""

    position: Position
    version: int
    message: Message
    after: int
    epoch: int = -1


class SimulatedConsumer:
    """See `confluent_kafka.Consumer`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._group_name = config["group.id"]
        self._committed_only = config.get("isolation.level") == "read_committed"
        self._classic = config.get("group.protocol") != "consumer"
        self._poll_interval_s = config.get("max.poll.interval.ms", 600_000) / 1000
        self._fetchers: dict[Position, Fetcher] = {}
        self._queue: deque[Queued] = deque()
        self._topics: tuple[str, ...] = ()
        self._callbacks: dict[str, Callback] = {}
        self._name, self._epoch = "", -1
        self._owned: set[Position] = set()
        self._news: tuple[str, set[Position]] | None = None
        self._told_share = False
        self.beat_at = self._polled_at = 0.0
        self._in_callback = self._closing = False

    # -- the group ---------------------------------------------------------------------------------

    def subscribe(self, topics: list[str], on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        """Join with the next heartbeat."""
        world = CURRENT.world
        world.point("subscribe")
        self._topics = tuple(topics)
        self._callbacks = {"assign": on_assign, "revoke": on_revoke, "lost": on_lost}
        self._polled_at = world.now
        self._name = world.new_member(self)

    def beat(self, now: float) -> None:
        """A heartbeat, sent by a thread of the client's own while its process lives."""
        if not self._topics:
            return
        self.beat_at = now + _BEAT_S
        world = CURRENT.world
        group = world.cluster.group(self._group_name)
        member = group.members.get(self._name)
        if now - self._polled_at > self._poll_interval_s and member is not None:
            group.leave(self._name, now)
            member = None
        if member is None:
            self._put_out(now)
            return
        member.seen_at = now
        if self._news is None:
            (self._hear_classic if self._classic else self._hear)(member)

    def _put_out(self, now: float) -> None:
        """The group knows us no more: what we had is lost, and we come again."""
        world = CURRENT.world
        if self._news is not None and self._news[0] == "assign" and not self._in_callback:
            self._owned -= self._news[1]
            self._news = None
        if self._in_callback:
            return
        if self._owned:
            self._news = ("lost", set(self._owned))
        elif self._news is None:
            counts = {topic: len(world.cluster.topics[topic]) for topic in self._topics}
            self._told_share = False
            self._name = world.new_member(self)
            member = Member(self._name, self._topics, self._classic)
            world.cluster.group(self._group_name).join(member, counts, now)

    def _hear(self, member: Member) -> None:
        world = CURRENT.world
        group = world.cluster.group(self._group_name)
        gone, new = group.reconcile(self._name, self._owned, world.random, not world.draw("share in parts"))
        self._epoch = member.epoch
        if gone:
            self._news = ("revoke", gone)
        elif new or not self._told_share:
            self._owned |= new
            self._news, self._told_share = ("assign", new), True

    def _hear_classic(self, member: Member) -> None:
        group = CURRENT.world.cluster.group(self._group_name)
        if member.given:
            member.given = False
            self._epoch, self._owned = member.epoch, set(member.owned)
            self._news = ("assign", set(self._owned))
        elif not member.joined:
            if self._owned:
                self._news = ("revoke", set(self._owned))
            else:
                group.rejoin(self._name)

    def _serve(self) -> None:
        """Call the application back, as the client does from within its poll."""
        world = CURRENT.world
        self._polled_at = world.now
        if self._news is None or world.draw("rebalance later"):
            return
        what, positions = self._news
        self._in_callback = True
        world.note(f"{what} {sorted(positions)}")
        self._callbacks[what](self, [TopicPartition(*position) for position in sorted(positions)])
        self._in_callback = False
        self._news = None
        if what != "assign":
            self._owned -= positions
            self._drop(positions)
            member = world.cluster.group(self._group_name).members.get(self._name)
            if what == "revoke" and self._classic and member is not None:
                world.cluster.group(self._group_name).rejoin(self._name)
            self.beat_at = world.now

    def consumer_group_metadata(self) -> tuple[str, str, int]:
        """Group, member and generation as the client knows them."""
        return self._group_name, self._name, self._epoch

    def close(self) -> None:
        """Give all back and leave; an assignment that waits for its callback is told first."""
        world = CURRENT.world
        if not self._topics:
            return
        world.point("close")
        group = world.cluster.group(self._group_name)
        what = "revoke" if self._name in group.members else "lost"
        self._in_callback = self._closing = True
        if self._news is not None and self._news[0] == "assign":
            self._callbacks["assign"](self, [TopicPartition(*position) for position in sorted(self._news[1])])
        if mine := self._owned:
            self._callbacks[what](self, [TopicPartition(*position) for position in sorted(mine)])
        self._topics, self._owned = (), set()
        group.leave(self._name, world.now)
        world.forget_member(self)

    # -- assignment ---------------------------------------------------------------------------------

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """These and no others."""
        self._drop(set(self._fetchers))
        self.incremental_assign(partitions)

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        """These too."""
        world = CURRENT.world
        for tp in partitions:
            position = tp.topic, tp.partition
            at, epoch = tp.offset, _epoch(tp)
            fetcher = self._fetchers[position] = Fetcher(
                at, at, version=self._fresh_version(), epoch=epoch, given_epoch=epoch, told=(at, epoch)
            )
            if at == OFFSET_BEGINNING:
                fetcher.at = fetcher.given = world.cluster.log(position).start
                if (
                    self._topics
                ):  # the answer may be outdated: the client asks again, and goes there whatever came since
                    fetcher.begin_asked_at = world.now + _LATE_ANSWER_S

    def _fresh_version(self) -> int:
        CURRENT.world.versions += 1
        return CURRENT.world.versions

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        """These no more."""
        self._drop({(tp.topic, tp.partition) for tp in partitions})

    def unassign(self) -> None:
        """None."""
        self._drop(set(self._fetchers))

    def _drop(self, positions: set[Position]) -> None:
        for position in positions:
            self._fetchers.pop(position, None)

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """Deliver nothing; what was fetched ahead is thrown away."""
        for tp in partitions:
            fetcher = self._fetchers[tp.topic, tp.partition]
            fetcher.paused, fetcher.version = True, self._fresh_version()
            fetcher.at, fetcher.end_said, fetcher.epoch, fetcher.under = fetcher.given, -1, fetcher.given_epoch, -1

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Deliver again."""
        CURRENT.world.point("resume")
        for tp in partitions:
            if (fetcher := self._fetchers.get((tp.topic, tp.partition))) is not None:
                fetcher.paused = False

    def seek(self, tp: TopicPartition) -> None:
        """Go on from there; refused while the fetcher of a fresh partition is not up."""
        world = CURRENT.world
        world.point("seek")
        fetcher = self._fetchers.get((tp.topic, tp.partition))
        if fetcher is None:
            raise failure(KafkaError._UNKNOWN_PARTITION, "not assigned")
        if fetcher.fresh and world.draw("fetcher not up"):
            raise failure(KafkaError._STATE, "Erroneous state")
        fetcher.fresh, fetcher.version, fetcher.end_said = False, self._fresh_version(), -1
        fetcher.at = fetcher.given = tp.offset
        fetcher.epoch = fetcher.given_epoch = _epoch(tp)
        fetcher.under, fetcher.told = -1, (tp.offset, fetcher.epoch)

    # -- reading ----------------------------------------------------------------------------------------

    def poll(self, timeout: float = 0.0) -> Message | None:
        """One message, end or error."""
        CURRENT.world.point("poll")
        self._serve()
        found = self._next()
        if found is None and timeout > 0:
            world = CURRENT.world
            deadline = world.now + timeout * (0.1 + 0.9 * world.random.random())
            while found is None and world.now < deadline:
                world.listen(deadline - world.now)
                self._serve()
                found = self._next()
        return found

    def consume(self, num_messages: int = 1, timeout: float = 0.0) -> list[Message]:
        """Several; those of partitions that a rebalance within took away are left out."""
        world = CURRENT.world
        world.point("consume")
        deadline = world.now + timeout
        found: list[Message] = []
        while True:
            self._serve()
            while len(found) < num_messages and (message := self._next()) is not None:
                found.append(message)
            if len(found) >= num_messages or world.now >= deadline:
                return [m for m in found if m.error() is not None or (m.topic(), m.partition()) in self._fetchers]
            world.listen(min(deadline - world.now, world.random.choice((0.01, 0.2))))

    def _next(self) -> Message | None:
        world = CURRENT.world
        if world.up and (not self._queue or world.draw("fetched ahead")):
            self._fetch()
        while self._queue:
            position, version, message, after, epoch = self._queue.popleft()
            fetcher = self._fetchers.get(position)
            if fetcher is not None and fetcher.version == version:
                if after > fetcher.given:
                    fetcher.given, fetcher.given_epoch = after, epoch
                if message.error() is None:
                    fetcher.told = after, epoch
                return message
        return None

    def _fetch(self) -> None:
        """A piece of each partition, in any order."""
        world = CURRENT.world
        places = [(p, f) for p, f in self._fetchers.items() if not f.paused]
        if len(places) > 1:
            world.random.shuffle(places)
        topics = world.cluster.topics
        for position, fetcher in places:
            log = topics[position[0]][position[1]]
            if fetcher.begin_asked_at is not None and world.now >= fetcher.begin_asked_at:
                fetcher.begin_asked_at, fetcher.at = None, log.start
                world.taken_back(position)
            stop = min(log.open.values()) if self._committed_only and log.open else len(log.entries)
            if fetcher.at == stop == fetcher.end_said and fetcher.under == len(log.epochs) - 1 and log.start <= stop:
                world.chance()  # nothing is new; what would be drawn for a record is drawn
            else:
                self._fetch_one(position, fetcher, log, stop)

    def _fetch_one(self, position: Position, fetcher: Fetcher, log: PartitionLog, stop: int) -> None:
        world = CURRENT.world
        at = fetcher.at
        if fetcher.under != log.epoch:
            if fetcher.epoch >= 0 and (end := log.end_of(fetcher.epoch)) < at:
                self._say_truncated(position, fetcher, end)
                return
            fetcher.under = log.epoch
        if at < log.start or at > log.end:
            if fetcher.end_said != -2:
                fetcher.end_said = -2
                self._queue.append(self._error(position, fetcher, KafkaError._AUTO_OFFSET_RESET, at))
            return
        if at < stop and self._topics and world.cruel:
            at = self._played_false(position, fetcher, log, stop)
        last = min(stop, at + 1 + int(world.chance() * world.chunk))
        while at < last:
            entry = log.entries[at]
            at += 1
            if entry is None or entry.marker or (self._committed_only and entry.state != "committed"):
                continue
            message = Message(
                position[0], position[1], at - 1, entry.key, entry.value, list(entry.headers) or None,
                timestamp=(1, entry.at_ms),
            )  # fmt: skip
            self._queue.append(Queued(position, fetcher.version, message, at, log.epoch_of(at - 1)))
        if at > fetcher.at:
            fetcher.at, fetcher.epoch = at, log.epoch_of(at - 1)
        if fetcher.at >= stop and fetcher.end_said != stop:
            fetcher.end_said = stop
            self._queue.append(self._error(position, fetcher, KafkaError._PARTITION_EOF, stop))

    def _played_false(self, position: Position, fetcher: Fetcher, log: PartitionLog, stop: int) -> int:
        """What no client should do, and the loop is to survive: records left out, an end told too early."""
        world = CURRENT.world
        if stop - fetcher.at < 2:
            return fetcher.at
        if world.draw("records left out"):
            world.note(f"client leaves out records of {position} from {fetcher.at}")
            return fetcher.at + world.random.randint(2, stop - fetcher.at)
        if world.draw("end told early"):
            world.note(f"client tells the end of {position} at {stop}, it is at {fetcher.at}")
            return stop
        return fetcher.at

    def _say_truncated(self, position: Position, fetcher: Fetcher, end: int) -> None:
        if fetcher.end_said == _TRUNCATED:
            return
        fetcher.end_said = _TRUNCATED
        said = f"Partition log truncation detected at offset {fetcher.at}: broker end offset is {end}"
        message = Message(*position, fetcher.at, error=KafkaError(KafkaError._AUTO_OFFSET_RESET, said))
        self._queue.append(Queued(position, fetcher.version, message, -1))

    def _error(self, position: Position, fetcher: Fetcher, code: int, offset: int) -> Queued:
        message = Message(position[0], position[1], offset, error=KafkaError(code))
        after = offset if code == KafkaError._PARTITION_EOF else -1
        return Queued(position, fetcher.version, message, after, fetcher.epoch)

    def position(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Behind the last record that was given of each, and under which leader that was written."""
        found = []
        for tp in partitions:
            fetcher = self._fetchers.get((tp.topic, tp.partition))
            offset, epoch = fetcher.told if fetcher is not None else (-1001, -1)
            found.append(TopicPartition(tp.topic, tp.partition, offset, leader_epoch=epoch))
        return found

    # -- questions ----------------------------------------------------------------------------------------

    def committed(self, partitions: Sequence[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """The group's offsets; a reader of committed records waits for open transactions that hold some."""
        world = CURRENT.world
        deadline = world.now + timeout
        world.request("committed", timeout)
        if self._closing:  # no coordinator is looked for any more
            world.sleep(timeout)
            raise failure(KafkaError._DESTROY, "Broker handle destroyed for termination")
        group = world.cluster.group(self._group_name)
        asked = {(tp.topic, tp.partition) for tp in partitions}
        while self._committed_only and group.unstable(asked):
            if world.now > deadline:
                raise timed_out("committed")
            world.sleep(_AGAIN_S)
        found = [(tp, group.offsets.get((tp.topic, tp.partition), (-1001, "", -1))) for tp in partitions]
        world.point("answered")
        return [
            TopicPartition(tp.topic, tp.partition, offset, note, leader_epoch=epoch)
            for tp, (offset, note, epoch) in found
        ]

    def offsets_for_times(self, partitions: Sequence[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """Beginnings and ends; open transactions are counted in unless only committed records are read."""
        world = CURRENT.world
        world.request("offsets_for_times", timeout)
        found = []
        for tp in partitions:
            log = world.cluster.log((tp.topic, tp.partition))
            end = log.stable if self._committed_only else log.end
            found.append(TopicPartition(tp.topic, tp.partition, end if tp.offset == OFFSET_END else log.start))
        world.point("answered")
        return found

    def get_watermark_offsets(self, tp: TopicPartition, timeout: float = -1, cached: bool = False) -> tuple[int, int]:
        """As last heard."""
        log = CURRENT.world.cluster.log((tp.topic, tp.partition))
        return log.start, log.end

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """Topics and partitions."""
        return cluster_metadata(topic, timeout)
