"""Gives a core the state of a partition back, as it was at the last commit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.identity import Facts, Stand, judge, sentence
from driftloop.kafka.loop.replay import Replay
from driftloop.kafka.loop.state import (
    DamagedStateError,
    Snapshot,
    entries_of,
    latest_values,
    read_snapshot,
    take_mark,
)
from driftloop.kafka.loop.transport import Transport
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Processor, Record


class MovedError(Exception):
    """The group's offsets moved while state was read: the partition is another replica's, which the group will tell."""


def restore(
    processor: Processor, settings: LoopSettings, transport: Transport, number: int
) -> tuple[dict[str, int], Snapshot | None]:
    """Restore partition `number`; the offsets to go on from, and the snapshot it came from.

    The committed offsets are asked first (that waits for open transactions), and the changelog is
    then read behind every transaction that may still be open in it: state and offsets agree. Raises
    UserError where they do not belong together, and MovedError where they only seem so because another replica has
    the partition by now and commits (we were put out of the group while we hung), before the core is told of anything.
    """
    found = _found(settings, transport, number)
    _require(settings, transport, number, found.facts)
    stands, snapshot = found.facts.stands, found.snapshot
    offsets = {topic: stand.start if stand.committed is None else stand.committed for topic, stand in stands.items()}
    if settings.state != "snapshot":
        _give_back(processor, settings, number, entries_of(found.entries))
        return offsets, None
    entries = snapshot.entries if snapshot else {}
    start = found.facts.replay_from
    Replay(processor, number, settings.keyed, transport.partitions(settings.inputs[0])).run(
        lambda: _give_back(processor, settings, number, ((key.decode(), value) for key, value in entries.items())),
        lambda: [transport.read((topic, number), start.get(topic), offsets[topic]) for topic in settings.inputs],
    )
    return offsets, snapshot and Snapshot(dict.fromkeys(entries, b""), snapshot.generation, snapshot.offsets)


def _give_back(processor: Processor, settings: LoopSettings, number: int, entries: Iterable[tuple[str, bytes]]) -> None:
    try:
        processor.restore(number, entries)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{settings.service} stops: the state in partition {number} of {settings.changelog} cannot be read "
            f"({type(error).__name__}: {str(error)[:200]}). If a newer driftloop wrote it, start that one; else "
            f"`driftloop recover {settings.group} --forget-state` says what it would cost to begin without it",
            ExitCode.STATE_MISMATCH,
        ) from error


@dataclass(frozen=True, slots=True)
class _Found:
    """What there is of a partition: its facts, and its state as entries or as a snapshot."""

    facts: Facts
    entries: dict[bytes, Record] = field(default_factory=dict)
    snapshot: Snapshot | None = None


def _found(settings: LoopSettings, transport: Transport, number: int) -> _Found:
    found = transport.stands([(topic, number) for topic in settings.inputs])
    stands, log = {topic: stand for (topic, _), stand in found.items()}, transport.identity()
    if settings.state == "none":
        return _Found(Facts(replace(log, exact=False), settings.changelog, stands))
    latest, mark = latest_values(transport.read((settings.changelog, number), None, None)), None
    try:
        mark = take_mark(latest)
        if settings.state == "keyed":
            return _Found(Facts(log, settings.changelog, stands, mark, bool(latest)), latest)
        snapshot = read_snapshot(latest)
    except DamagedStateError as error:
        return _Found(Facts(log, settings.changelog, stands, mark, has_state=True, damage=str(error)))
    offsets = snapshot.offsets if snapshot else {}
    return _Found(Facts(log, settings.changelog, stands, mark, snapshot is not None, offsets), snapshot=snapshot)


def _require(settings: LoopSettings, transport: Transport, number: int, facts: Facts) -> None:
    """What is said against a partition is looked at twice.

    Another replica that commits moves the offsets, or writes the state anew at the same ones: compaction may then have
    taken what we had not read yet, and only what came after the end that we read to is the state.
    """
    verdict = judge(facts)
    if verdict is None:
        return
    again = _found(settings, transport, number).facts
    if judge(again) is None or _said(facts.stands) != _said(again.stands):
        raise MovedError(f"partition {number}: {verdict.detail}")
    raise UserError(sentence(settings.service, settings.group, number, verdict), ExitCode.STATE_MISMATCH)


def _said(stands: Mapping[str, Stand]) -> dict[str, tuple[int | None, str]]:
    return {topic: (stand.committed, stand.note) for topic, stand in stands.items()}
