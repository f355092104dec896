"""Records that are not in their key's partition: buried before a core sees them.

For topics that others write to and that carry little (commands, results). Ingestion checks its own, where the keys
are columns already.
"""

from collections.abc import Sequence

from driftloop.kafka.clients.partitioner import partition_of
from driftloop.processor import WRONG_PARTITION, DeadLetter, Record, wrong_partition


def in_place(
    records: list[Record], keyed: Sequence[str], partitions: int
) -> tuple[list[Record], tuple[DeadLetter, ...]]:
    """The records that a core may have, and letters for the others. Those without a key are the core's to judge."""
    if not keyed or partitions <= 1:
        return records, ()
    letters = []
    kept = []
    for record in records:
        key, found = record.key(), record.partition()
        right = partition_of(key, partitions) if key and record.topic() in keyed else found
        if right == found:
            kept.append(record)
        else:
            why = wrong_partition(found, right, partitions)
            letters.append(DeadLetter(record, "validate", WRONG_PARTITION, why))
    return kept, tuple(letters)
