"""More partitions: what `driftloop topics grow` may do, what it refuses, and why.

Why so little is done in place: a key's partition is its hash modulo their number, so more partitions send new records
of most keys elsewhere, while what is known of a key (a row that waits for its label, the ids that were seen, what a
model's monitors have learnt) stays in the partition where it was. For models it is worse: a frame's offset is the
model's clock, and a model that moves would begin at offset 0 again. Kafka cannot take partitions back. So topics grow
in place only while nothing has been written, and a system at work moves to new topics.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from driftloop.contracts.topics import topics
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import STATEFUL_GROUPS, grow_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.settings import KafkaSettings, changelog_of

_TIMEOUT_S = 30.0
PARTITION_GROUPS = ("predictions", "models")
_NAMED = 3
WAY_ON = (
    "start a second driftloop with another DRIFTLOOP_KAFKA_TOPIC_PREFIX and that many partitions, and move producers "
    "and versions over (docs/operations/growing.md)"
)


@dataclass(frozen=True, slots=True)
class Growth:
    """What would be done: each topic with its partitions now, those that hold records, and who is at work.

    `refusal` says in a sentence why it cannot be done; empty where it can.
    """

    partition_group: str
    wanted: int
    partitions: Mapping[str, int]
    used: tuple[str, ...]
    at_work: tuple[str, ...]
    refusal: str

    @property
    def grows(self) -> dict[str, int]:
        """The topics that get more partitions, and how many they have now."""
        return {topic: count for topic, count in self.partitions.items() if count < self.wanted}


def judge_growth(
    partition_group: str, wanted: int, partitions: Mapping[str, int], used: Sequence[str], at_work: Sequence[str]
) -> Growth:
    """Whether these topics, which are read side by side, may have `wanted` partitions."""
    refusal = _refusal(wanted, partitions, used, at_work)
    return Growth(partition_group, wanted, dict(partitions), tuple(used), tuple(at_work), refusal)


def _refusal(wanted: int, partitions: Mapping[str, int], used: Sequence[str], at_work: Sequence[str]) -> str:
    most = max(partitions.values())
    if most > wanted:
        largest = max(partitions, key=lambda topic: partitions[topic])
        return f"{largest} has {most} partitions already, and Kafka takes none back"
    if most == min(partitions.values()) == wanted:
        return f"every topic has {wanted} partitions already"
    if used:
        more = f" and {len(used) - _NAMED} more" if len(used) > _NAMED else ""
        return (
            f"{', '.join(used[:_NAMED])}{more} held records already, and more partitions would send their keys "
            f"elsewhere than what is known of them: {WAY_ON}"
        )
    if at_work:
        return f"{', '.join(at_work)} are at work, and would stop at topics that change: stop them first"
    return ""


class Grower:
    """Looks at the topics of a partition group, and gives them more partitions. `groups` read them."""

    def __init__(self, kafka: KafkaSettings, partition_group: str, groups: Sequence[str]) -> None:
        self._kafka, self._partition_group, self._groups = kafka, partition_group, groups
        self._admin: AdminClient = admin_client(kafka)

    def look(self, wanted: int) -> Growth:
        """What would be done; changes nothing. Raises UserError where a topic or the broker is not there."""
        names = [topic.name for topic in topics().values() if topic.partition_group == self._partition_group]
        names += [changelog_of(group) for group, like in STATEFUL_GROUPS.items() if like == self._partition_group]
        there = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        missing = [name for name in names if self._kafka.topic_prefix + name not in there]
        if missing:
            raise UserError(f"topic {missing[0]} is not there: run `driftloop topics apply`", ExitCode.NOT_FOUND)
        partitions = {name: len(there[self._kafka.topic_prefix + name].partitions) for name in names}
        with closing(EndOffsets(self._kafka)) as ends:
            found = ends.ask([(name, number) for name, count in partitions.items() for number in range(count)])
        used = [name for name in names if any(end > 0 for (topic, _), end in found.items() if topic == name)]
        return judge_growth(self._partition_group, wanted, partitions, used, self._at_work())

    def apply(self, growth: Growth) -> None:
        """Do it; raises UserError where it is refused. The next look tells how far a call got that was cut off."""
        if growth.refusal:
            raise UserError(f"{growth.partition_group}: {growth.refusal}", ExitCode.STATE_MISMATCH)
        grow_topics(self._kafka, self._admin, dict.fromkeys(growth.grows, growth.wanted))

    def _at_work(self) -> list[str]:
        names = {self._kafka.topic_prefix + group: group for group in self._groups}
        asked = self._admin.describe_consumer_groups(list(names), request_timeout=_TIMEOUT_S)
        return [names[name] for name, future in asked.items() if _has_members(future)]


def _has_members(future: object) -> bool:
    try:
        return bool(future.result(_TIMEOUT_S).members)  # type: ignore[attr-defined]
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return False
        raise UserError(f"a group could not be asked for: {error.args[0].str()}") from error
