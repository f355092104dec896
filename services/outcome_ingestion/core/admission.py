"""Which rows are new, and their ordinals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcome_ingestion.core.blocks import Block, Ints
from outcome_ingestion.core.memory import PartitionMemory


@dataclass(frozen=True, slots=True)
class Admission:
    """The rows of a block that are new, their ordinals, and the rows that are not."""

    rows: Ints
    ordinals: Ints
    repeated: tuple[int, ...] = ()


def admit(blocks: Sequence[Block], memory: PartitionMemory) -> list[Admission]:
    """One admission a block (a block is one model's rows of the batch in this partition).

    A row is repeated where its id is among the newest `remembered_rows` of the partition, or
    where the row with that id still waits for its label.
    """
    if not blocks:
        return []
    if all(_all_new(block, memory) for block in blocks):
        return _admit_all(blocks, memory.total)
    return _admit_one_by_one(blocks, memory)


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


def _admit_one_by_one(blocks: Sequence[Block], memory: PartitionMemory) -> list[Admission]:
    total, window = memory.total, memory.rules.remembered_rows
    kept: list[list[tuple[int, int]]] = [[] for _ in blocks]
    repeated: list[list[int]] = [[] for _ in blocks]
    new: list[dict[str, int]] = [{} for _ in blocks]
    ids = [block.ids.to_pylist() for block in blocks]
    known = [memory.of(block.layout.model_id).ids.find(block.ids).tolist() for block in blocks]
    arrivals = sorted(
        (place, b, row) for b, block in enumerate(blocks) for row, place in enumerate(block.places.tolist())
    )
    for _, b, row in arrivals:
        prediction_id, model_id = ids[b][row], blocks[b].layout.model_id
        ordinal = new[b].get(prediction_id, known[b][row])
        if ordinal >= 0 and (ordinal >= total - window or memory.waits(model_id, ordinal)):
            repeated[b].append(row)
            continue
        new[b][prediction_id] = total
        kept[b].append((row, total))
        total += 1
    pairs = [np.array(rows, dtype=np.int64).reshape(-1, 2) for rows in kept]
    return [Admission(p[:, 0], p[:, 1], tuple(out)) for p, out in zip(pairs, repeated, strict=True)]
