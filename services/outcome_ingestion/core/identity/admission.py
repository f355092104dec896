"""Which rows are new, and their ordinals; which ids come again, and what for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from driftloop.codec.frames import LABEL
from driftloop.spec.forecast import key_feature
from outcome_ingestion.core.frames.blocks import Block, Ints
from outcome_ingestion.core.identity.reuse import Earlier, Fate, fate_of, same_content
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.memory.standing import is_correctable, known_before

LabelPlaces = dict[str, dict[str, list[int]]]
"""Model → id → places of the labels of the batch, ascending."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The rows of a block that are new, their ordinals, and the rows that are not.

    `again` has the ordinals of rows whose id had another prediction before, each with that one's ordinal;
    `refused` the rows whose id still belongs to another prediction.
    """

    rows: Ints
    ordinals: Ints
    repeated: tuple[int, ...] = ()
    again: tuple[tuple[int, int], ...] = ()
    refused: tuple[int, ...] = ()


@dataclass(slots=True)
class _Found:
    """What became of the rows of one block so far."""

    block: Block
    ids: list[str]
    known: list[int]
    times: list[int]
    is_labelled: list[bool]
    kept: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    again: list[tuple[int, int]] = field(default_factory=list)
    came_again: set[str] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)
    new: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Id → (row, ordinal) of the newest row of this batch."""
    told: dict[str, list[int]] = field(default_factory=dict)
    """Id → places of the rows that are repeated and bring a label, which is joined as one by itself."""

    def labels_of(self, name: str, labels: dict[str, list[int]], memory: PartitionMemory) -> list[int]:
        """Places of the labels with this id; -1 for one that waited and met a row of this batch.

        Values of a series may have been the truth of a forecast before it came: whether they were, the observer says.
        """
        layout = self.block.layout
        met = name in self.new and (name in memory.of(layout.model_id).early or key_feature(layout.spec) is not None)
        return [*labels.get(name, ()), *self.told.get(name, ()), *([-1] if met else ())]

    def admission(self) -> Admission:
        pairs = np.array(self.kept, dtype=np.int64).reshape(-1, 2)
        return Admission(pairs[:, 0], pairs[:, 1], tuple(self.repeated), tuple(self.again), tuple(self.refused))


def admit(blocks: Sequence[Block], memory: PartitionMemory, labels: LabelPlaces) -> tuple[list[Admission], int | None]:
    """One admission a block (a block is one model's rows of the batch in this partition), and where to stop.

    A row is repeated where its id is among the newest `remembered_rows` of the partition, or where the row
    with that id still waits for its label, and it is the same prediction (`reuse`). The place is that of the
    first row which cannot be judged before the labels that lie before it have been joined, or of the first label that
    cannot be joined before an id that came again is remembered; None: all are.
    """
    if not blocks:
        return [], None
    if all(_all_new(block, memory) for block in blocks):
        return _admit_all(blocks, memory.total), None
    return _admit_one_by_one(blocks, memory, labels)


def _all_new(block: Block, memory: PartitionMemory) -> bool:
    return memory.of(block.layout.model_id).ids.all_new(block.ids)


def _admit_all(blocks: Sequence[Block], total: int) -> list[Admission]:
    rows = [np.arange(len(block), dtype=np.int64) for block in blocks]
    if len(blocks) == 1:
        return [Admission(rows[0], rows[0] + total)]
    places = np.concatenate([block.places for block in blocks])
    ordinals = np.empty(len(places), dtype=np.int64)
    ordinals[np.argsort(places, kind="stable")] = np.arange(total, total + len(places))
    ends = np.cumsum([len(block) for block in blocks])[:-1]
    return [Admission(which, numbers) for which, numbers in zip(rows, np.split(ordinals, ends), strict=True)]


def _admit_one_by_one(
    blocks: Sequence[Block], memory: PartitionMemory, labels: LabelPlaces
) -> tuple[list[Admission], int | None]:
    total, found = memory.total, [_found(block, memory) for block in blocks]
    arrivals = sorted(
        (place, b, row) for b, block in enumerate(blocks) for row, place in enumerate(block.places.tolist())
    )
    stop: int | None = None
    for place, b, row in arrivals:
        if stop is not None and place >= stop:
            break
        one = found[b]
        model_id, name = one.block.layout.model_id, one.ids[row]
        if name in one.came_again:  # the prediction before the newest is known by its time only once it is remembered
            return [each.admission() for each in found], place
        earlier = _earlier(one, row, memory, total)
        fate = Fate.NEW if earlier is None else fate_of(earlier, one.times[row], one.block.layout.give_up_us)
        between = [] if earlier is None else one.labels_of(name, labels.get(model_id, {}), memory)
        if earlier is not None and any(at < place for at in between) and _label_decides(earlier, fate, memory, total):
            return [each.admission() for each in found], place
        if fate is Fate.NEW and earlier is not None:  # a label after it may be one of the prediction before
            stop = min([at for at in between if at > place] + ([] if stop is None else [stop]), default=None)
        if fate is Fate.REPEATED:
            one.repeated.append(row)
            if one.is_labelled[row]:
                one.told.setdefault(name, []).append(place)
        elif fate is Fate.REFUSED:
            one.refused.append(row)
        else:
            if earlier is not None:
                one.again.append((total, earlier.ordinal))
                one.came_again.add(name)
            one.new[name] = row, total
            one.kept.append((row, total))
            total += 1
    return [each.admission() for each in found], stop


def _label_decides(earlier: Earlier, fate: Fate, memory: PartitionMemory, total: int) -> bool:
    """Whether a label that lies between changes what a row is: it settles the one before, which may be out then."""
    return fate is not Fate.REPEATED or (not earlier.same_time and not is_correctable(memory, earlier.ordinal, total))


def _found(block: Block, memory: PartitionMemory) -> _Found:
    known = memory.of(block.layout.model_id).ids.find(block.ids).tolist()
    times, labelled = block.times("predicted_at").tolist(), block.has_some(LABEL).tolist()
    return _Found(block, block.ids.to_pylist(), known, times, labelled)


def _earlier(one: _Found, row: int, memory: PartitionMemory, total: int) -> Earlier | None:
    """The newest prediction with this id that is known; None where there is none."""
    block, at, model_id = one.block, one.times[row], one.block.layout.model_id
    model = memory.of(model_id)
    here = one.new.get(one.ids[row])
    if here is not None:
        before, ordinal = here
        same = one.times[before] == at
        settled = all(block.columns[LABEL + name][before].is_valid for name in block.layout.target)
        columns, made_at = block.columns, one.times[before]
    else:
        ordinal = one.known[row]
        if ordinal < 0 or not (ordinal >= total - memory.rules.remembered_rows or memory.waits(model_id, ordinal)):
            return None
        same = model.ids.was_made(ordinal, at) or _was_made(one, row, memory, ordinal, total)
        place = model.held.find(ordinal)
        if place is None:
            return Earlier(ordinal, same, None, settled=True, alike=False)
        chunk, before = place
        settled, made_at = bool(chunk.labelled_at[before]), int(chunk.predicted_at[before])
        columns = {name: chunk.batch.column(i) for i, name in enumerate(chunk.batch.schema.names)}
    if settled and not is_correctable(memory, ordinal, total):
        return Earlier(ordinal, same, None, settled=True, alike=False)
    alike = not same and same_content(columns, before, block, row)
    return Earlier(ordinal, same, made_at, settled=settled, alike=alike)


def _was_made(one: _Found, row: int, memory: PartitionMemory, newest: int, total: int) -> bool:
    """Whether a known prediction that had the id before the newest was made at the time of the row."""
    model = memory.of(one.block.layout.model_id)
    if not model.earlier:
        return False
    earlier = known_before(memory, one.block.layout.model_id, one.ids[row], newest, total)
    return any(model.ids.was_made(ordinal, one.times[row]) for ordinal in earlier)
