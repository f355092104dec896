"""Labels of one partition whose row is not there yet, or that lack a truth."""

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from outcome_ingestion.core.decode.label_items import LabelItem, pack_labels

if TYPE_CHECKING:
    from outcome_ingestion.core.memory.partition_memory import PartitionMemory

_STALE = 1_000
"""Entries of a heap that may be out of date before it is made anew."""


class WaitingLabels:
    """Keeps one label for each id, and a state entry for those that came in one batch until the last has gone."""

    def __init__(self, memory: "PartitionMemory") -> None:
        self._memory = memory
        self.count = 0
        self._left: dict[int, int] = {}
        """State entry → labels of it that still wait."""

    def keep(self, model_id: str, seq: int, items: list[LabelItem]) -> None:
        """These labels wait; a newer one takes the place of an older one."""
        self.add(model_id, seq, items)
        clock = self._memory.of(model_id).label_clock.dump()
        self._memory.entries.put("early", model_id, seq, pack_labels(items, clock))

    def add(self, model_id: str, seq: int, items: list[LabelItem]) -> None:
        """Take up waiting labels without writing them down."""
        model = self._memory.of(model_id)
        for item in items:
            self.find(model_id, item.prediction_id)
            model.early[item.prediction_id] = (seq, item)
            if not item.is_whole:
                model.parts.add(item.prediction_id)
            heappush(model.early_due, (item.at, item.prediction_id))
            self.count += 1
            self._left[seq] = self._left.get(seq, 0) + 1
        if len(model.early_due) > 2 * len(model.early) + _STALE:
            model.early_due = [(item.at, prediction_id) for prediction_id, (_, item) in model.early.items()]
            heapify(model.early_due)

    def find(self, model_id: str, prediction_id: str) -> LabelItem | None:
        """The waiting label of a row that has come; it waits no longer."""
        model = self._memory.of(model_id)
        waiting = model.early.pop(prediction_id, None)
        if waiting is None:
            return None
        model.parts.discard(prediction_id)
        self._gone(model_id, waiting[0])
        return waiting[1]

    def first(self, model_id: str) -> LabelItem | None:
        """The waiting label that was made first."""
        model = self._memory.of(model_id)
        while model.early_due:
            at, prediction_id = model.early_due[0]
            waiting = model.early.get(prediction_id)
            if waiting is not None and waiting[1].at == at:
                return waiting[1]
            heappop(model.early_due)
        return None

    def _gone(self, model_id: str, seq: int) -> None:
        self.count -= 1
        self._left[seq] -= 1
        if self._left[seq] == 0:
            del self._left[seq]
            self._memory.entries.put("early", model_id, seq, None)
            self._memory.drop_marks(model_id)
