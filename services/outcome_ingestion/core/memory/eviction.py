"""What a partition's memory may forget: row by row and label by label, each to be asked for at certain records.

Those records depend on what came before them alone (`due`), and so does what is forgotten there: batches do not show.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace

import numpy as np

from outcome_ingestion.core.labels.held_rows import GONE, Chunk
from outcome_ingestion.core.memory.entries import Marks, in_parts
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.memory.standing import is_correctable


def give_up(memory: PartitionMemory, model_id: str, rows_before: int, labels_before: int) -> None:
    """Give up on rows and labels of a model that wait and were made before these times."""
    model = memory.of(model_id)
    gone = [
        (chunk, np.flatnonzero((chunk.labelled_at == 0) & (chunk.predicted_at < rows_before)).tolist())
        for chunk in model.held.made_before(rows_before)
    ]
    memory.ignore("prediction_gave_up", sum(len(rows) for _, rows in gone))
    found = []
    while (item := memory.waiting.first(model_id)) is not None and item.at < labels_before:
        memory.waiting.find(model_id, item.prediction_id)
        found.append(item.prediction_id)
        memory.ignore(f"{item.waits_as}_gave_up")
    _forget(memory, model_id, gone, found)


def make_room_for_rows(memory: PartitionMemory) -> None:
    """Give up on the oldest rows that wait, of all models, where there are more than there may be."""
    excess = memory.waiting_rows - memory.rules.waiting_rows
    if excess <= 0:
        return
    waiting = [(model_id, chunk) for model_id, model in memory.models.items() for chunk in model.held.that_wait()]
    waiting.sort(key=lambda one: int(one[1].ordinals[0]))
    oldest = _oldest(waiting, excess)
    ordinals = np.concatenate([chunk.ordinals[chunk.labelled_at == 0] for _, chunk in oldest])
    last = int(np.partition(ordinals, excess - 1)[excess - 1])
    memory.ignore("prediction_no_room", excess)
    gone: dict[str, list[tuple[Chunk, list[int]]]] = {}
    for model_id, chunk in oldest:
        if int(chunk.ordinals[0]) <= last:
            rows = np.flatnonzero((chunk.labelled_at == 0) & (chunk.ordinals <= last)).tolist()
            gone.setdefault(model_id, []).append((chunk, rows))
    for model_id, chunks in gone.items():
        _forget(memory, model_id, chunks, [])


def _oldest(waiting: list[tuple[str, Chunk]], count: int) -> list[tuple[str, Chunk]]:
    """The chunks that have the oldest `count` rows that wait; `waiting` ascends by the first ordinal."""
    total, last = 0, -1
    for place, (_, chunk) in enumerate(waiting):
        if total >= count and int(chunk.ordinals[0]) > last:
            return waiting[:place]
        total, last = total + chunk.waiting, max(last, int(chunk.ordinals[-1]))
    return waiting


def make_room_for_labels(memory: PartitionMemory) -> None:
    """Give up on the labels that wait and were made first, of all models, where there are more than there may be."""
    found: dict[str, list[str]] = {}
    firsts = [(item.at, m, item.prediction_id) for m in memory.models if (item := memory.waiting.first(m))]
    heapify(firsts)
    while memory.waiting.count > memory.rules.early_labels:
        _, model_id, prediction_id = firsts[0]
        memory.waiting.find(model_id, prediction_id)
        memory.ignore("label_no_room")
        found.setdefault(model_id, []).append(prediction_id)
        if (following := memory.waiting.first(model_id)) is None:
            heappop(firsts)
        else:
            heapreplace(firsts, (following.at, model_id, following.prediction_id))
    for model_id, ids in found.items():
        _forget(memory, model_id, [], ids)


def _forget(memory: PartitionMemory, model_id: str, gone: Iterable[tuple[Chunk, list[int]]], found: list[str]) -> None:
    """Rows of chunks are given up, and labels wait no longer; what is left of their entries is marked."""
    ordinals = []
    for chunk, rows in gone:
        for row in rows:
            memory.label_at(chunk, row, GONE)
        if chunk.waiting == 0 and not _has_correctable(memory, chunk):
            memory.drop_chunk(model_id, chunk)
        else:
            ordinals += chunk.ordinals[rows].tolist()
    most = memory.rules.frame_bytes // 2
    for part in in_parts(ordinals, most):
        memory.mark(model_id, Marks([], [], gone=part))
    for part in in_parts(found, most) if memory.of(model_id).early else ():
        memory.mark(model_id, Marks([], part))


def _has_correctable(memory: PartitionMemory, chunk: Chunk) -> bool:
    """Whether some row has a label that may still be corrected."""
    ordinals = chunk.ordinals[chunk.labelled_at > 0]
    return len(ordinals) > 0 and is_correctable(memory, int(ordinals[-1]), memory.total)


def tidy(memory: PartitionMemory) -> None:
    """Let go of what counts as forgotten already, by its ordinals: settled rows, and ids."""
    settled_before = memory.total - memory.rules.correctable_rows
    while memory.settled and memory.settled[0][0] < settled_before:
        _, seq = memory.settled.popleft()
        if seq in memory.chunks:
            memory.drop_chunk(*memory.chunks[seq])
    seen_before = memory.total - memory.rules.remembered_rows
    while memory.seen:
        seq, (model_id, seen) = next(iter(memory.seen.items()))
        if seen.known.end > seen_before:
            break
        del memory.seen[seq]
        if seq in memory.chunks:
            memory.parked[seq] = seen
        else:
            memory.forget_seen(seq, model_id, seen)
