"""The state entries of a partition that changed since they were taken last."""

from collections.abc import Mapping

import pyarrow as pa

from driftloop.codec.arrow import encode_batch
from driftloop.processor import StateChange


class StateEntries:
    """Gathers changes by key; of several of one key the last counts."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._changes: dict[str, bytes | pa.RecordBatch | None] = {}

    def put(self, kind: str, model_id: str, seq: int, value: bytes | pa.RecordBatch | None) -> None:
        """Set or delete an entry; rows are encoded when the changes are taken."""
        self._changes[f"{kind}/{model_id}/{seq:012d}"] = value

    def take(self, encoded: Mapping[int, bytes]) -> tuple[StateChange, ...]:
        """The changes since the last call.

        `encoded` has, by `id`, the bytes of batches that went out as frames: they serve again here.
        """
        changes, self._changes = self._changes, {}
        values = (
            (key, (encoded.get(id(value)) or encode_batch(value)) if isinstance(value, pa.RecordBatch) else value)
            for key, value in changes.items()
        )
        return tuple(StateChange(self._partition, key, value) for key, value in values)
