"""What brings state, offsets and log of a group together again: decided here, done in `recovery`.

Pure: from what is found of a partition and what a person chose, the offsets to go on from, what becomes of the
state, and what that costs, in sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.identity import Facts, Stand, Trouble, Verdict, judge

Start = Literal["state", "group", "earliest", "latest"]
"""Where to go on from: where the state or the group says, or at the beginning or the end of the log."""

_KEYS_MOVED = (
    "the state stays where it is, and some keys are in other partitions by now: for those, what waits finds no label, "
    "and records from before are buried as WrongPartition until `driftloop dlq replay` sends them on"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What is done in one partition. `snapshot_offsets`: the snapshot is taken as it is and counts as of there."""

    partition: int
    trouble: str
    offsets: Mapping[str, int]
    forget: bool
    snapshot_offsets: Mapping[str, int] | None
    words: tuple[str, ...]


def plan(
    number: int, facts: Facts, start: Start | None = None, *, forget: bool = False, rebuilds: bool = False
) -> Step | None:
    """The step for a partition; None where nothing is wrong and nothing was asked for.

    `rebuilds`: state that is not there is built anew from the input that the log still has. Raises UserError where
    a person has to say where to go on from.
    """
    verdict = judge(facts)
    if verdict is None and start is None and not forget:
        return None
    forget = forget or (rebuilds and bool(facts.damage))
    offsets = {topic: _target(topic, facts, verdict, start) for topic in facts.stands}
    moved = None if forget or not facts.replay_from else _moved_snapshot(facts, offsets)
    words = tuple(
        sentence for topic in facts.stands if (sentence := _offset_words(topic, facts, verdict, offsets[topic]))
    )
    return Step(
        number,
        f"{verdict.trouble.value}: {verdict.detail}" if verdict else "nothing is wrong",
        offsets,
        forget,
        moved,
        (*words, _state_words(facts, verdict, forget=forget, rebuilds=rebuilds, moved=moved is not None)),
    )


def _target(topic: str, facts: Facts, verdict: Verdict | None, start: Start | None) -> int:
    stand = facts.stands[topic]
    wanted = _chosen(topic, facts, start) if start else _usual(topic, facts, verdict)
    return min(max(wanted, stand.start), stand.end)


def _chosen(topic: str, facts: Facts, start: Start) -> int:
    stand = facts.stands[topic]
    if start == "earliest":
        return stand.start
    if start == "latest":
        return stand.end
    known = _of_state(topic, facts) if start == "state" else stand.committed
    if known is None:
        raise UserError(f"the {start} has no offset in {topic}: choose another --from", ExitCode.USAGE)
    return known


def _usual(topic: str, facts: Facts, verdict: Verdict | None) -> int:
    """Where nothing was chosen: what loses nothing and counts nothing twice, as far as that is known."""
    stand = facts.stands[topic]
    if verdict is not None and topic in _anew(facts):
        return stand.start
    trust_state = verdict is not None and verdict.trouble in (Trouble.OFFSETS_GONE, Trouble.APART)
    trust_state = trust_state and not facts.damage
    known = _of_state(topic, facts) if trust_state else stand.committed
    if known is None:
        known = stand.committed if trust_state else _of_state(topic, facts)
    if known is None and facts.has_state:
        raise UserError(
            f"neither the group nor the state says how far {topic} was read: choose --from earliest (what is still "
            "there counts again) or --from latest (what is there by now is left out)",
            ExitCode.USAGE,
        )
    return stand.start if known is None else known


def _of_state(topic: str, facts: Facts) -> int | None:
    if facts.mark is not None and topic in facts.mark.offsets:
        return facts.mark.offsets[topic]
    return facts.replay_from.get(topic)


def _anew(facts: Facts) -> set[str]:
    """Topics whose offsets of before mean nothing now."""
    then = facts.mark.topics if facts.mark else {}
    return {t for t in facts.stands if then.get(t) and facts.log.topics.get(t) and then[t] != facts.log.topics[t]}


def _moved_snapshot(facts: Facts, offsets: Mapping[str, int]) -> Mapping[str, int] | None:
    """New offsets of the snapshot where the input since it cannot be replayed up to the targets."""
    anew = _anew(facts)

    def replayable(topic: str, stand: Stand) -> bool:
        first = facts.replay_from.get(topic, stand.start)
        return topic not in anew and stand.start <= first <= offsets[topic]

    whole = all(replayable(topic, stand) for topic, stand in facts.stands.items())
    return None if whole else dict(offsets)


def _offset_words(topic: str, facts: Facts, verdict: Verdict | None, target: int) -> str:
    stand = facts.stands[topic]
    known = None if topic in _anew(facts) else _of_state(topic, facts)
    if known is None and topic not in _anew(facts):
        known = stand.committed
    words = f"{topic} goes on from {target:,} (its log has {stand.start:,} to {stand.end:,})"
    if verdict is not None and topic in verdict.lost:
        return f"{words}; {verdict.lost[topic]:,} records are lost"
    if known is None or known == target:
        return words
    if target > known:
        return f"{words}; {target - known:,} records are left out"
    return f"{words}; {known - target:,} records count again"


def _state_words(facts: Facts, verdict: Verdict | None, *, forget: bool, rebuilds: bool, moved: bool) -> str:
    if rebuilds and (forget or not facts.has_state):
        return "the state is built anew from the input before that offset that the log still has"
    if forget:
        return "the state is forgotten: what waits in it is lost, and what it remembers counts again if repeated"
    if verdict is not None and verdict.trouble is Trouble.STATE_GONE:
        return "it begins with no state: what waited in it is lost, and what it remembered counts again if repeated"
    if moved:
        return "the state is taken as of its last snapshot; what came after that is missing in it"
    if verdict is not None and verdict.trouble is Trouble.OTHER_PARTITIONS:
        return _KEYS_MOVED
    return "the state stays as it is"
