"""Looks at what a group's state, offsets and log say, and brings them together in one transaction."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from driftloop.errors import AwayError, UserError
from driftloop.kafka.admin.left_behind import LeftBehind
from driftloop.kafka.admin.recovery_plan import Start, Step, plan
from driftloop.kafka.admin.topics import changelog_config, create_topics, grow_topics
from driftloop.kafka.clients.clients import admin_client, group_reader
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.offsets import EndOffsets, without_errors
from driftloop.kafka.clients.positions import named
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.loop.identity import MARK_KEY, Facts, Mark, Stand, mark_of, mark_write, note_of
from driftloop.kafka.loop.state import DamagedStateError, latest_values, manifest_write, read_snapshot, take_mark
from driftloop.kafka.loop.topic_watch import identity_of
from driftloop.kafka.loop.transport import AbortedError, Position, Write
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import KafkaSettings, StateKind, changelog_of
from driftloop.processor import LogIdentity

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """What would be done. `grow`: the topics that get more partitions, and how many they have then.

    `pending`: the partitions of which nothing can be said before a transaction that nobody ends is ended: of inputs
    where it holds the group's offsets, of the changelog where it holds records.
    """

    group: str
    log: LogIdentity
    grow: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    pending: tuple[Position, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.grow or self.steps or self.pending)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a changelog partition holds."""

    mark: Mark | None = None
    keys: tuple[bytes, ...] = ()
    generation: int = 0
    entries: int = 0
    snapshot_offsets: Mapping[str, int] = field(default_factory=dict)
    damage: str = ""


class Recoverer:
    """Looks after one group; `inputs` are the topics that it reads side by side."""

    def __init__(self, kafka: KafkaSettings, group: str, inputs: Sequence[str], state: StateKind) -> None:
        self._kafka, self._group, self._inputs = kafka, group, tuple(inputs)
        self._stateful, self._rebuilds = state != "none", state == "snapshot"
        self._changelog = changelog_of(group)
        self._admin: AdminClient = admin_client(kafka)
        self._left_behind = LeftBehind(kafka, group, inputs, self._changelog if self._stateful else None)
        self._kept: dict[int, _Kept] = {}

    def look(self, start: Start | None = None, *, forget: bool = False) -> Recovery:
        """What would be done; changes nothing. Raises UserError where a person has to choose."""
        topics = self._topics()
        there = identity_of(self._kafka, self._admin, topics)
        most = max(there.partitions.values())
        grow = {topic: most for topic, count in there.partitions.items() if count < most}
        log = replace(there, partitions=dict.fromkeys(topics, most))
        numbers, steps = range(min(there.partitions.values())), []
        try:
            for number in numbers:
                facts = self._facts(log, number)
                step = plan(number, facts, start, forget=forget, rebuilds=self._rebuilds)
                if step is not None:
                    steps.append(step)
        except AwayError:
            waiting = self._left_behind.found(numbers)
            if not waiting:
                raise
            return Recovery(self._group, log, pending=waiting)
        return Recovery(self._group, log, grow, tuple(steps))

    def apply(self, recovery: Recovery) -> None:
        """Do it: more partitions first, then all else in one transaction. Raises UserError where members still run.

        What is pending is ended and no more: then look again.
        """
        self._require_stopped()
        if recovery.pending:
            self._left_behind.end(recovery.pending, max(recovery.log.partitions.values()))
            return
        if recovery.grow:
            grow_topics(self._kafka, self._admin, recovery.grow)
        writes = [write for step in recovery.steps for write in self._writes(recovery.log, step)]
        note = note_of(recovery.log, self._changelog) if self._stateful else ""
        offsets = [
            TopicPartition(self._kafka.topic_prefix + topic, step.partition, offset, note)
            for step in recovery.steps
            for topic, offset in step.offsets.items()
        ]
        if not offsets:
            return
        try:
            with closing(group_reader(self._kafka, self._group)) as consumer:
                Writer(self._kafka, f"{self._group}-{self._kafka.replica}").commit(writes, offsets, consumer)
        except AbortedError as error:
            raise UserError(f"{self._group} was left as it is: {error}") from error

    def _require_stopped(self) -> None:
        """A transaction may move the offsets of a group that is at work: it has to be asked for."""
        name = self._kafka.topic_prefix + self._group
        try:
            found = self._admin.describe_consumer_groups([name], request_timeout=_TIMEOUT_S)[name].result(_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return
            raise UserError(f"{self._group} could not be asked for: {error.args[0].str()}") from error
        if found.members:
            raise UserError(
                f"{self._group} has {len(found.members)} members at work: stop its service first (after a kill its "
                "session takes up to a minute to end)"
            )

    def _topics(self) -> list[str]:
        if not self._stateful:
            return list(self._inputs)
        there = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        name = self._kafka.topic_prefix + self._changelog
        if name not in there:
            count = max(len(there[self._kafka.topic_prefix + topic].partitions) for topic in self._inputs)
            create_topics(self._admin, [NewTopic(name, count, config=changelog_config())])
        return [*self._inputs, self._changelog]

    def _facts(self, log: LogIdentity, number: int) -> Facts:
        stands = self._stands([(topic, number) for topic in self._inputs])
        if not self._stateful:
            return Facts(replace(log, exact=False), self._changelog, stands)
        kept = self._kept[number] = self._read(number)
        return Facts(log, self._changelog, stands, kept.mark, bool(kept.keys), kept.snapshot_offsets, kept.damage)

    def _stands(self, positions: Sequence[Position]) -> dict[str, Stand]:
        prefix = self._kafka.topic_prefix
        with closing(group_reader(self._kafka, self._group)) as consumer, closing(EndOffsets(self._kafka)) as edges:
            asked = [named(prefix, position) for position in positions]
            found = patiently(
                lambda: without_errors(consumer.committed(asked, timeout=_TIMEOUT_S)), "asking for the group's offsets"
            )
            starts, ends = edges.starts(positions), edges.ask(positions)
        by_topic = {tp.topic.removeprefix(prefix): tp for tp in found}
        return {
            topic: Stand(
                None if by_topic[topic].offset < 0 else int(by_topic[topic].offset),
                str(by_topic[topic].metadata or ""),
                starts[topic, number],
                ends[topic, number],
            )
            for topic, number in positions
        }

    def _read(self, number: int) -> _Kept:
        position = self._changelog, number
        with closing(EndOffsets(self._kafka)) as edges:
            start, end = edges.starts([position])[position], edges.ask([position])[position]
        if start >= end:
            return _Kept()
        with closing(LogReader(self._kafka, start={position: start})) as reader:
            latest = latest_values(reader.read_to({position: end}))
        keys, mark = tuple(key for key in latest if key != MARK_KEY), None
        try:
            mark = take_mark(latest)
            if not self._rebuilds:
                return _Kept(mark, keys)
            snapshot = read_snapshot(latest)
        except DamagedStateError as error:
            return _Kept(mark, keys, damage=str(error))
        if snapshot is None:
            return _Kept(mark)
        return _Kept(mark, keys, snapshot.generation, len(snapshot.entries), snapshot.offsets)

    def _writes(self, log: LogIdentity, step: Step) -> list[Write]:
        if not self._stateful:
            return []
        kept, number = self._kept.get(step.partition, _Kept()), step.partition
        writes = [mark_write(self._changelog, number, mark_of(log, step.offsets))]
        if step.forget:
            writes += [Write(self._changelog, key, None, (), number) for key in kept.keys]
        elif step.snapshot_offsets is not None:
            writes.append(manifest_write(self._changelog, number, kept.generation, kept.entries, step.snapshot_offsets))
        return writes
