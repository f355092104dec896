"""The core of ingestion: a batch of records to frames, state and dead letters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from driftloop.codec.frames import FEATURE, SEGMENT, Frame, holds_values
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_OUTCOMES
from driftloop.cores.record_fields import key_text
from driftloop.processor import DeadLetter, Effects, LogIdentity, Outgoing, Record, StaleTableError
from outcome_ingestion.core.absent_features import AbsentFeatures
from outcome_ingestion.core.counts import IngestCounts
from outcome_ingestion.core.decode.decoding import BatchDecoder
from outcome_ingestion.core.decode.fast.shaped_blocks import ShapedReader
from outcome_ingestion.core.decode.framed_schemas import FindSchema
from outcome_ingestion.core.decode.json_rows import RowReader
from outcome_ingestion.core.decode.layout import layout_of
from outcome_ingestion.core.frames.applying import apply
from outcome_ingestion.core.frames.blocks import only_text
from outcome_ingestion.core.frames.frame_assembly import outgoing
from outcome_ingestion.core.labels.class_watch import ClassWatch
from outcome_ingestion.core.memory.partition_memory import PartitionMemory
from outcome_ingestion.core.memory.restoring import restore
from outcome_ingestion.core.rules import IngestRules

_NEW = frozenset({"prediction", "outcome", "example"})
"""Events of rows that are framed for the first time."""
_NEW_EVENTS = pa.array(sorted(_NEW))


class Ingest:
    """The `Processor` of role ingest: see the service card for what it promises."""

    def __init__(self, rules: IngestRules | None = None, find_schema: FindSchema | None = None) -> None:
        self.rules = rules or IngestRules()
        self.counts = IngestCounts()
        self.refused_specs: dict[str, str] = {}
        self._readers: dict[str, RowReader] = {}
        self._partitions: dict[int, PartitionMemory] = {}
        self._decoder = BatchDecoder(self._find, self.rules, find_schema)
        self._tables_current = False
        self._classes = ClassWatch()

    @property
    def shaped(self) -> Mapping[str, ShapedReader]:
        """The quick ways of reading, by content type."""
        return self._decoder.shaped

    @property
    def rows_waiting(self) -> int:
        """Predictions that wait for their label."""
        return sum(memory.waiting_rows for memory in list(self._partitions.values()))

    @property
    def labels_waiting(self) -> int:
        """Labels that wait for their prediction."""
        return sum(memory.waiting.count for memory in list(self._partitions.values()))

    @property
    def observed_values(self) -> dict[str, int]:
        """Values of series that are remembered, by model."""
        found: dict[str, int] = {}
        for memory in list(self._partitions.values()):
            for model_id, model in list(memory.models.items()):
                if model.observed.count:
                    found[model_id] = found.get(model_id, 0) + model.observed.count
        return found

    @property
    def extra_features(self) -> dict[str, int]:
        """Values of features that the spec does not name, by model."""
        extra = ((model_id, reader.extra_features) for model_id, reader in list(self._readers.items()))
        return {model_id: values for model_id, values in extra if values}

    @property
    def classes_apart(self) -> Mapping[tuple[str, str], str]:
        """(Model, target field) → what is wrong, where no class was ever both predicted and true."""
        return self._classes.apart

    # -- the processor's protocol ----------------------------------------------------------------

    def take_log(self, log: LogIdentity) -> None:
        """From now on each record is to be in the partition of its key: its label and its repeats come there."""
        self._decoder.partition_count = log.partitions[PREDICTION_OUTCOMES]

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        """Frames of the batch. Raises StaleTableError for a model without a spec, before any state is touched."""
        self._tables_current = tables_current
        decoded = self._decoder.decode(records)
        self.counts.records += len(records)
        frames, memories = apply(decoded, self._memory, self.rules, self.counts)
        ignored: dict[str, int] = {}
        for memory in memories:
            for why, count in memory.take_ignored().items():
                ignored[why] = ignored.get(why, 0) + count
        sent = tuple(self._outgoing(frame) for frame in frames)
        encoded = {id(frame.batch): out.value for frame, out in zip(frames, sent, strict=True)}
        return Effects(
            outgoing=sent,
            state_changes=tuple(change for memory in memories for change in memory.entries.take(encoded)),
            dead_letters=tuple(
                DeadLetter(records[index], refusal.stage, refusal.error_class, refusal.sentence)
                for index, refusal in sorted(decoded.dead.items())
            ),
            ignored=ignored,
        )

    def wake(self, now: datetime) -> Effects:  # noqa: ARG002
        """Never asked for."""
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """Take up a partition."""
        memory = self._partitions[partition] = PartitionMemory(partition, self.rules)
        restore(memory, state)

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002
        """Nothing: the state is keyed."""
        return ()

    def revoke(self, partition: int) -> None:
        """Forget a partition. What its rows lacked is counted anew: another process sees how that goes on."""
        self._partitions.pop(partition, None)
        self.counts.absent_features.clear()

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """Specs: the latest version of each model counts. One that cannot be used is kept out and named."""
        if topic != MODEL_SPECS:
            return
        for record in records:
            value, model_id = record.value(), key_text(record)
            if value is None:
                self._readers.pop(model_id, None)
            else:
                self._take_spec(value, model_id)

    # -- inside ----------------------------------------------------------------------------------

    def _take_spec(self, value: bytes, key: str) -> None:
        try:
            layout = layout_of(ModelSpecPublished.from_json(value))
        except (ValidationError, ValueError) as error:
            self.refused_specs[key] = str(error)
            return
        known = self._readers.get(layout.model_id)
        if known is None or known.layout.spec_version <= layout.spec_version:
            self._readers[layout.model_id] = RowReader(layout)
            self.refused_specs.pop(layout.model_id, None)

    def _find(self, model_id: str) -> RowReader | None:
        reader = self._readers.get(model_id)
        if reader is None and not self._tables_current:
            raise StaleTableError(model_id)
        return reader

    def _memory(self, partition: int) -> PartitionMemory:
        found = self._partitions.get(partition)
        if found is None:
            found = self._partitions[partition] = PartitionMemory(partition, self.rules)
        return found

    def _outgoing(self, frame: Frame) -> Outgoing:
        record, counts = outgoing(frame), self.counts
        events = _counted(frame.batch.column("event"))
        if not holds_values(frame.batch):
            self._classes.see(frame.batch, self._readers[frame.header.model_id].layout)
            self._count_missing(frame, {event for event, _ in events})
        counts.frames += 1
        counts.frame_bytes += len(record.value)
        for event, rows in events:
            key = (frame.header.model_id, event)
            counts.rows[key] = counts.rows.get(key, 0) + rows
        return record

    def _count_missing(self, frame: Frame, events: set[str]) -> None:
        """Count what was declared and did not come: of a renamed feature or segment nothing else tells."""
        counts, model_id = self.counts, frame.header.model_id
        features = frame.names(FEATURE)
        lacking = [frame.batch.column(FEATURE + name).null_count for name in features]
        if missing := sum(lacking):
            counts.missing_features[model_id] = counts.missing_features.get(model_id, 0) + missing
        if missing or model_id in counts.absent_features:
            self._count_absent(frame, events, features, lacking)
        for name in frame.names(SEGMENT):
            if without := frame.batch.column(SEGMENT + name).null_count:
                key = (model_id, name)
                counts.without_segment[key] = counts.without_segment.get(key, 0) + without

    def _count_absent(self, frame: Frame, events: set[str], features: list[str], lacking: list[int]) -> None:
        """Count by feature what new rows lack.

        Rows that a label brings again were sent long ago: with them, a feature renamed today would still seem to come
        for as long as labels take. Only of features that may be missing in half of the new rows they are told apart.
        """
        rows = len(frame.batch)
        if not events <= _NEW:
            new = pc.is_in(frame.batch.column("event"), _NEW_EVENTS)
            rows = new.true_count
            lacking = [
                frame.batch.column(FEATURE + name).filter(new).null_count if 2 * missing > rows else missing
                for name, missing in zip(features, lacking, strict=True)
            ]
        if rows:
            absent = self.counts.absent_features.setdefault(frame.header.model_id, AbsentFeatures())
            absent.after(features, lacking, rows)


def _counted(events: pa.StringArray) -> list[tuple[str, int]]:
    """How many rows have each event."""
    only = only_text(events)
    if only is not None:
        return [(only, len(events))]
    return [(entry["values"], entry["counts"]) for entry in pc.value_counts(events).to_pylist()]
