"""The values of a model's series that a partition remembers, some at a time: a block is a state entry.

Why blocks: an entry a value would cost more than the value, and an entry a series would be written anew, whole, with
each of its values. The entry of a block is written when a value in it changes. A number in it tells which block was
touched later, so that a process that takes up the state forgets in the same order.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from outcome_ingestion.core.observations.observed_records import Observation
from outcome_ingestion.core.observations.series import Series, Told

VALUES_A_BLOCK = 32
Fate = Literal["new", "changed", "unsure", "repeated", "too_late"]
"""Unsure: a value of that time may have been forgotten."""


class Desk(Protocol):
    """What a partition's memory does for the values that it holds."""

    def take_seq(self) -> int:
        """The next sequence number of state entries."""
        ...

    def put_values(self, model_id: str, seq: int, value: bytes | None) -> None:
        """Set or delete a state entry of values."""
        ...

    def ignore(self, why: str, count: int = 1) -> None:
        """Count something that was right to drop."""
        ...


class _Entry(msgspec.Struct, array_like=True, gc=False):
    entity: str
    written: int
    """A sequence number of the partition: which of two blocks was touched later."""
    clock: bytes
    """Of the model's labels (`EventClock.dump`), which marks have now."""
    told: list[tuple[int, Told]]
    """Empty in the one entry that says what was forgotten for want of room."""
    gone_to: int = 0
    """The latest time of a value of the series that is forgotten; of any series in that one entry."""
    limit: int = 0
    """Of the series (`Series.limit`)."""


_decoder = msgspec.msgpack.Decoder(_Entry)


@dataclass(slots=True)
class _Block:
    """Times of one series."""

    entity: str
    times: list[int] = field(default_factory=list)

    def newest(self, limit: int) -> int:
        """The latest of its times up to a limit."""
        return max((at for at in self.times if at <= limit), default=0)


@dataclass(slots=True)
class _Known:
    """A series, the block that each of its times is in, the one that takes the next, and the latest forgotten time."""

    series: Series = field(default_factory=Series)
    where: dict[int, int] = field(default_factory=dict)
    open: int | None = None
    gone_to: int = 0


class ObservedValues:
    """The values of all series of one model in one partition. `count` is how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._known: dict[str, _Known] = {}
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        """By sequence number; those that were touched last stand last."""
        self._changed: OrderedDict[int, None] = OrderedDict()
        self._gone_to = 0
        self._gone_seq: int | None = None
        self._gone_changed = False

    def series(self, entity: str) -> Series:
        """What is known of a series."""
        known = self._known.get(entity)
        return Series() if known is None else known.series

    def take(self, seen: Observation, kept_us: int, limit: int, desk: Desk) -> Fate:
        """Remember a value, and say what it was to the series; one that is `kept_us` behind it is too late.

        Times past the limit do not say where the series is.
        """
        known = self._known.get(seen.entity) or _Known()
        series, at = known.series, seen.observed_at
        before = series.told.get(at)
        if before is None and at < series.reached_by(limit) - kept_us:
            return "too_late"
        if before is not None and seen.at <= before.at:
            return "repeated"
        self._known[seen.entity] = known
        series.put(at, Told(seen.value, seen.at, seen.source))
        series.limit = limit
        self._touch(known.where[at] if before else self._place(known, seen, desk))
        if before is not None:
            return "changed"
        return "unsure" if at <= max(known.gone_to, self._gone_to) else "new"

    def forget(self, model_id: str, entity: str, kept_us: int, most: int, desk: Desk) -> None:
        """Blocks of a series that no forecast reaches back to, and those that were touched first where there are more
        than `most` values."""
        while (known := self._known.get(entity)) is not None:
            oldest = known.where[known.series.times[0]]
            if self._blocks[oldest].newest(known.series.limit) >= known.series.reached - kept_us:
                break
            known.gone_to = max(known.gone_to, *self._blocks[oldest].times)
            self._drop(model_id, oldest, desk)
            if known.where:
                self._touch(known.where[known.series.times[-1]])
        while self.count > most:
            seq, block = next(iter(self._blocks.items()))
            desk.ignore("observation_no_room", len(block.times))
            self._forget_for_all(max(block.times))
            self._drop(model_id, seq, desk)

    def write_down(self, model_id: str, desk: Desk) -> None:
        """The state entries of what has changed since the last call."""
        for seq in self._changed:
            block = self._blocks[seq]
            series = self._known[block.entity].series
            told, gone_to = [(at, series.told[at]) for at in block.times], self._known[block.entity].gone_to
            entry = _Entry(block.entity, desk.take_seq(), b"", told, gone_to, series.limit)
            desk.put_values(model_id, seq, msgspec.msgpack.encode(entry))
        self._changed.clear()
        if self._gone_changed:
            self._gone_changed = False
            self._gone_seq = desk.take_seq() if self._gone_seq is None else self._gone_seq
            entry = _Entry("", desk.take_seq(), b"", [], self._gone_to)
            desk.put_values(model_id, self._gone_seq, msgspec.msgpack.encode(entry))

    def restore(self, seq: int, value: bytes) -> bytes:
        """Take up an entry, and give the clock in it. Entries come in the order in which they were written."""
        entry = _decoder.decode(value)
        if not entry.told:
            self._gone_seq, self._gone_to = seq, entry.gone_to
            return entry.clock
        known = self._known.setdefault(entry.entity, _Known())
        known.gone_to, known.series.limit = entry.gone_to, entry.limit
        for at, told in entry.told:
            known.series.put(at, told)
            known.where[at] = seq
        self._blocks[seq] = _Block(entry.entity, [at for at, _ in entry.told])
        if len(entry.told) < VALUES_A_BLOCK:
            known.open = seq
        self.count += len(entry.told)
        return entry.clock

    def _place(self, known: _Known, seen: Observation, desk: Desk) -> int:
        """The block that a new time goes into."""
        seq = known.open
        if seq is None:
            seq = known.open = desk.take_seq()
            self._blocks[seq] = _Block(seen.entity)
        block = self._blocks[seq]
        block.times.append(seen.observed_at)
        known.where[seen.observed_at] = seq
        self.count += 1
        if len(block.times) == VALUES_A_BLOCK:
            known.open = None
        return seq

    def _touch(self, seq: int) -> None:
        self._blocks.move_to_end(seq)
        self._changed[seq] = None
        self._changed.move_to_end(seq)

    def _forget_for_all(self, at: int) -> None:
        """Values up to this time may be forgotten, whatever their series."""
        if at > self._gone_to:
            self._gone_to, self._gone_changed = at, True

    def _drop(self, model_id: str, seq: int, desk: Desk) -> None:
        block = self._blocks.pop(seq)
        self._changed.pop(seq, None)
        known = self._known[block.entity]
        known.series.forget(block.times)
        for at in block.times:
            del known.where[at]
        if known.open == seq:
            known.open = None
        if not known.where:
            del self._known[block.entity]
            self._forget_for_all(known.gone_to)
        self.count -= len(block.times)
        desk.put_values(model_id, seq, None)


def written_at(value: bytes) -> int:
    """When an entry was written, among all of a partition's."""
    return _decoder.decode(value).written
