"""Which earlier rows still count when `total` rows of a partition have gone on, wherever its batches end."""

from itertools import takewhile

from outcome_ingestion.core.labels.held_rows import Chunk
from outcome_ingestion.core.memory.partition_memory import PartitionMemory


def is_known(memory: PartitionMemory, model_id: str, ordinal: int, total: int) -> bool:
    """Whether the id of a row counts as known: the row is one of the newest, or may still get a label or a correction.

    It does not matter how long its batch keeps the id in fact.
    """
    if ordinal >= total - memory.rules.remembered_rows:
        return ordinal >= 0
    return held_at(memory, model_id, ordinal, total) is not None


def held_at(memory: PartitionMemory, model_id: str, ordinal: int, total: int) -> tuple[Chunk, int] | None:
    """Where a row is held that may get a label or a correction."""
    place = memory.of(model_id).held.find(ordinal) if ordinal >= 0 else None
    if place is None:
        return None
    waits = place[0].labelled_at[place[1]] == 0
    return place if waits or is_correctable(memory, ordinal, total) else None


def is_correctable(memory: PartitionMemory, ordinal: int, total: int) -> bool:
    """Whether a row that has its label may get another: by its ordinal, however long its batch keeps it in fact."""
    return ordinal >= total - memory.rules.correctable_rows


def known_before(memory: PartitionMemory, model_id: str, prediction_id: str, newest: int, total: int) -> list[int]:
    """Ordinals of the known predictions that had the id before the one of ordinal `newest`, oldest first."""
    if not is_known(memory, model_id, newest, total):
        return []
    ordinals = reversed(memory.of(model_id).earlier.get(prediction_id, []))
    return [*takewhile(lambda one: is_known(memory, model_id, one, total), ordinals)][::-1]
