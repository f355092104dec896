"""What a partition's memory may forget, and when."""

import numpy as np

from outcome_ingestion.core.labels.held_rows import Chunk
from outcome_ingestion.core.memory.partition_memory import PartitionMemory


def expire(memory: PartitionMemory, model_id: str, give_up_us: int) -> None:
    """Give up on rows and labels of a model whose other half is not coming.

    Rows count by the labels' clock, and labels by the rows': one topic may run ahead of the
    other. Where nothing comes on the other topic, twice the time on their own has to do.
    """
    model = memory.of(model_id)
    rows_at, labels_at = model.row_clock.value, model.label_clock.value
    passed = max(labels_at - give_up_us, rows_at - 2 * give_up_us)
    while (due := model.held.first_due()) is not None and due[0] < passed:
        _give_up_rows(memory, model_id, due, passed, give_up_us)
    while (item := memory.waiting.first(model_id)) is not None:
        latest = item.at + give_up_us
        if rows_at <= latest and labels_at <= latest + give_up_us:
            break
        memory.waiting.find(model_id, item.prediction_id)
        memory.ignore("label_gave_up" if item.is_whole else "label_part_gave_up")


def _give_up_rows(memory: PartitionMemory, model_id: str, due: tuple[int, Chunk], passed: int, give_up_us: int) -> None:
    """Give up on a chunk whose rows were made before `passed`; those that lie far after the others wait on."""
    (time, chunk), held = due, memory.of(model_id).held
    held.looked_at()
    waits = chunk.labelled_at == 0
    near = waits & (chunk.predicted_at <= time + give_up_us)
    newest = int(chunk.predicted_at[near].max(initial=0))
    if newest >= passed:
        held.look_at(chunk, newest)
        return
    memory.ignore("prediction_gave_up", int(np.count_nonzero(near)))
    far = np.flatnonzero(waits & ~near)
    if len(far):
        memory.shrink(model_id, chunk, far)
    else:
        memory.drop_chunk(model_id, chunk)


def make_room(memory: PartitionMemory) -> None:
    """Forget the oldest of what is over its bound."""
    settled_before = memory.total - memory.rules.correctable_rows
    while memory.settled and memory.settled[0][0] < settled_before:
        _, seq = memory.settled.popleft()
        if seq in memory.chunks:
            memory.drop_chunk(*memory.chunks[seq])
    while memory.waiting_rows > memory.rules.waiting_rows:
        model_id, chunk = _oldest_waiting(memory)
        memory.ignore("prediction_no_room", chunk.waiting)
        memory.drop_chunk(model_id, chunk)
    while memory.waiting.count > memory.rules.early_labels:
        model_id = next(name for name, model in memory.models.items() if model.early)
        memory.waiting.find(model_id, next(iter(memory.models[model_id].early)))
        memory.ignore("label_no_room")
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


def _oldest_waiting(memory: PartitionMemory) -> tuple[str, Chunk]:
    fronts = ((model.held.oldest_waiting(), model_id) for model_id, model in memory.models.items())
    chunk, model_id = min(((c, m) for c, m in fronts if c is not None), key=lambda front: front[0].seq)
    return model_id, chunk
