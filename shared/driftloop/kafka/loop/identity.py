"""Whether state, offsets and log belong together: one pure decision over what is found of a partition.

Why it is asked: a group that is gone is read from its beginning, and a changelog that is gone restores to
nothing. Both look like a first start, and both count wrong without a word. So each transaction of a service with
state writes a *mark* beside the state: which cluster and topics it read, and its next offsets. The group's offsets
name the changelog in turn. A first start has neither, and a service from before there were marks is taken as it is,
once.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftloop.kafka.loop.transport import Write
from driftloop.processor import LogIdentity

MARK_KEY = b"\x00mark"
_NOTE = "driftloop state "


def note_of(log: LogIdentity, changelog: str) -> str:
    """What the group's offsets say of the state that they belong to."""
    return _NOTE + log.topics.get(changelog, "")


@dataclass(frozen=True, slots=True)
class Stand:
    """How a group stands in one partition: its next offset and the note beside it (None where it has none), and the
    first and the end offset of the log."""

    committed: int | None
    note: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written beside the state of a partition: the log that it is of, and the input's next offsets."""

    cluster: str
    topics: Mapping[str, str]
    partitions: int
    offsets: Mapping[str, int]

    def to_json(self) -> bytes:
        """As it stands on the changelog."""
        fields = {"cluster": self.cluster, "topics": dict(self.topics)}
        return json.dumps({**fields, "partitions": self.partitions, "offsets": dict(self.offsets)}).encode()

    @classmethod
    def from_json(cls, value: bytes | str) -> "Mark":
        """The mark in a record's value."""
        fields = json.loads(value)
        topics = {str(topic): str(made) for topic, made in fields["topics"].items()}
        offsets = {str(topic): int(offset) for topic, offset in fields["offsets"].items()}
        return cls(str(fields["cluster"]), topics, int(fields["partitions"]), offsets)


def mark_of(log: LogIdentity, offsets: Mapping[str, int]) -> Mark:
    """The mark of a state that has taken in all inputs up to `offsets`."""
    topics = {topic: log.topics.get(topic, "") for topic in offsets}
    return Mark(log.cluster, topics, log.partitions.get(next(iter(offsets), ""), 0), offsets)


def mark_write(changelog: str, number: int, mark: Mark) -> Write:
    """The record of a mark."""
    return Write(changelog, MARK_KEY, mark.to_json(), (), number)


class Trouble(StrEnum):
    """What does not belong together."""

    OFFSETS_GONE = "the group's offsets are gone"
    STATE_GONE = "the state is gone"
    APART = "state and offsets are of different moments"
    OTHER_CLUSTER = "the state is of another cluster"
    TOPIC_ANEW = "a topic was made anew"
    OTHER_PARTITIONS = "the topics had another number of partitions"
    BEYOND_END = "the group is ahead of the log"
    TRUNCATED = "the log has lost records that were read"
    RETENTION = "the log was cut before it was read"
    REPLAY_GONE = "the input that the state is rebuilt from is gone"
    DAMAGED = "the state is damaged"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is found of one partition. `has_state`: whether the changelog holds any entry. `replay_from`: the offsets
    that the snapshot is of, from which on input is replayed (empty for keyed state). `damage`: what it lacks."""

    log: LogIdentity
    changelog: str
    stands: Mapping[str, Stand]
    mark: Mark | None = None
    has_state: bool = False
    replay_from: Mapping[str, int] = field(default_factory=dict)
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong in a partition: the kind, what exactly, and by topic how many records are lost."""

    trouble: Trouble
    detail: str
    lost: Mapping[str, int] = field(default_factory=dict)


def judge(facts: Facts) -> Verdict | None:
    """What does not belong together, or None where a service may go on (or begin, or be taken over as it is)."""
    if facts.damage:
        return Verdict(Trouble.DAMAGED, f"{facts.changelog} ({facts.damage})")
    held = None
    if facts.log.exact:
        held = _judge_mark(facts.log, facts.mark, facts.stands) if facts.mark else _judge_unmarked(facts)
    return held or _judge_edges(facts)


def _judge_mark(log: LogIdentity, mark: Mark, stands: Mapping[str, Stand]) -> Verdict | None:
    if mark.cluster != log.cluster:
        return Verdict(Trouble.OTHER_CLUSTER, f"it is of {mark.cluster}, this is {log.cluster}")
    anew = [topic for topic in stands if _differ(mark.topics.get(topic), log.topics.get(topic))]
    if anew:
        return Verdict(Trouble.TOPIC_ANEW, f"{', '.join(anew)} was deleted and made anew since the state was written")
    counts = {topic: log.partitions.get(topic, 0) for topic in stands}
    if set(counts.values()) != {mark.partitions}:
        now = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        return Verdict(Trouble.OTHER_PARTITIONS, f"{mark.partitions} then, now {now}: keys are elsewhere by now")
    gone = [topic for topic in mark.offsets if topic in stands and stands[topic].committed is None]
    if gone:
        return Verdict(Trouble.OFFSETS_GONE, f"the group has no offset in {', '.join(gone)}, and there is state")
    apart = {topic: offset for topic, offset in mark.offsets.items() if topic in stands}
    wrong = [
        f"{topic} (state {offset}, group {stands[topic].committed})"
        for topic, offset in apart.items()
        if stands[topic].committed != offset
    ]
    return Verdict(Trouble.APART, ", ".join(wrong)) if wrong else None


def _judge_unmarked(facts: Facts) -> Verdict | None:
    if all(stand.committed is None for stand in facts.stands.values()):
        gone = Verdict(Trouble.OFFSETS_GONE, "the group has no offsets, and there is state")
        return gone if facts.has_state else None
    if any(stand.note.startswith(_NOTE) for stand in facts.stands.values()):
        return Verdict(Trouble.STATE_GONE, f"{facts.changelog} was emptied, or deleted and made anew")
    return None  # offsets from before there were marks


def _judge_edges(facts: Facts) -> Verdict | None:
    known = {topic: (stand.committed, stand) for topic, stand in facts.stands.items() if stand.committed is not None}
    beyond = [f"{topic} ({offset} of {stand.end})" for topic, (offset, stand) in known.items() if offset > stand.end]
    if beyond:
        return Verdict(Trouble.BEYOND_END, f"its offsets are behind the end of {', '.join(beyond)}")
    lost = {topic: stand.start - offset for topic, (offset, stand) in known.items() if offset < stand.start}
    if lost:
        words = ", ".join(f"{count:,} records of {topic}" for topic, count in lost.items())
        return Verdict(Trouble.RETENTION, f"{words} were deleted before they were read", lost)
    gone = [
        topic
        for topic, (offset, stand) in known.items()
        if facts.replay_from.get(topic, offset) < min(stand.start, offset)
    ]
    if gone:
        return Verdict(Trouble.REPLAY_GONE, f"{', '.join(gone)} was deleted up to behind the last snapshot")
    return None


def truncated(topic: str, said: str) -> Verdict | None:
    """What the client said, where that is of a leader that lacks what was read under an earlier one.

    >>> truncated("a", "Partition log truncation detected at offset 10 (leader epoch 0): broker end offset is 6").detail
    'a ends at 6 for the leader that it was read from: what has taken the place of the lost records is unread'
    """
    if "truncation" not in said:
        return None
    end = re.search(r"broker end offset is (\d+)", said)
    where = f"{topic} ends at {end[1]}" if end else f"{topic} ends earlier"
    words = "for the leader that it was read from: what has taken the place of the lost records is unread"
    return Verdict(Trouble.TRUNCATED, f"{where} {words}")


def _differ(then: str | None, now: str | None) -> bool:
    return bool(then and now and then != now)


def sentence(service: str, group: str, number: int, verdict: Verdict) -> str:
    """What a service says as it stops."""
    way_on = f"see the way on with `driftloop recover {group}` (it changes nothing without --yes)"
    if verdict.trouble is Trouble.TRUNCATED:  # the log as it is now does not show it
        way_on = (
            f"say where to go on with `driftloop recover {group} --from group --yes` (what took their place is left "
            "out) or `--from earliest` (what is left counts again)"
        )
    return f"{service} stops: {verdict.trouble.value} in partition {number}: {verdict.detail}; {way_on}"
