"""What a partition remembers: ids it has seen, rows that wait for a label, labels that wait for a row.

Every row that goes on gets an *ordinal*: how many went on before it in its partition. Windows are
counted in ordinals, so that what is a duplicate does not depend on how records were batched.

A batch writes state entries of four kinds for a model, numbered in the order in which they are
written: `ids` (what was seen), `rows` (what may still be labelled or corrected), `early` (labels
whose row is not there yet) and `marks` (rows that got their label or were given up, early labels that
wait no longer, the labels' clock). Values of series are in entries of kind `series`, which are written
anew when a value comes to them. Entries go when nothing needs them any more. One entry per row would
cost more than all the rest of ingestion.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

import pyarrow as pa

from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.frames.blocks import Ints
from outcome_ingestion.core.identity.id_index import Known
from outcome_ingestion.core.labels.held_rows import Chunk, chunk_of
from outcome_ingestion.core.memory.entries import Marks, ModelMemory, Seen
from outcome_ingestion.core.memory.state_entries import StateEntries
from outcome_ingestion.core.memory.waiting_labels import WaitingLabels
from outcome_ingestion.core.rules import IngestRules


class PartitionMemory:
    """All models of one partition. `entries` gathers what changed, `waiting` has the labels that wait for a row."""

    def __init__(self, partition: int, rules: IngestRules) -> None:
        self.partition, self.rules = partition, rules
        self.models: dict[str, ModelMemory] = {}
        self.total = 0
        self.next_seq = 0
        self.waiting_rows = 0
        self.ignored: dict[str, int] = {}
        self.seen: OrderedDict[int, tuple[str, Seen]] = OrderedDict()
        self.parked: dict[int, Seen] = {}
        self.chunks: dict[int, tuple[str, Chunk]] = {}
        self.settled: deque[tuple[int, int]] = deque()
        """(last ordinal, seq) of chunks in which no row waits."""
        self.entries = StateEntries(partition)
        self.waiting = WaitingLabels(self)

    def of(self, model_id: str) -> ModelMemory:
        """The memory of a model."""
        found = self.models.get(model_id)
        if found is None:
            found = self.models[model_id] = ModelMemory()
        return found

    def waits(self, model_id: str, ordinal: int) -> bool:
        """Whether a row that went on in an earlier batch has no label yet, and may still get one."""
        place = self.of(model_id).held.find(ordinal)
        return place is not None and place[0].labelled_at[place[1]] == 0

    def ignore(self, why: str, count: int = 1) -> None:
        """Count something that was right to drop."""
        if count:
            self.ignored[why] = self.ignored.get(why, 0) + count

    def take_seq(self) -> int:
        """The next sequence number of state entries."""
        self.next_seq += 1
        return self.next_seq - 1

    def take_ignored(self) -> dict[str, int]:
        """What was ignored since the last call, by reason."""
        ignored, self.ignored = self.ignored, {}
        return ignored

    def remember(self, model_id: str, seq: int, known: Known, again: tuple[tuple[int, int], ...] = ()) -> None:
        """These ids have been seen; `again` has (row, ordinal of the prediction that had its id before)."""
        seen = Seen(known, self.of(model_id).row_clock.dump(), again)
        self.add_seen(seq, model_id, seen)
        self.entries.put("ids", model_id, seq, seen.encode())

    def remember_together(self, model_id: str, seqs: Sequence[int], seq: int, seen: Seen) -> None:
        """The ids of the newest entries `seqs` stand in one entry from now on."""
        for old in seqs:
            del self.seen[old]
            self.entries.put("ids", model_id, old, None)
        model = self.of(model_id)
        model.ids.join_newest(len(seqs), seen.known)
        del model.recent[-len(seqs) :]
        self._list_seen(seq, model_id, seen)
        self.entries.put("ids", model_id, seq, seen.encode())

    def hold(self, model_id: str, seq: int, batch: pa.RecordBatch, ordinals: Ints) -> None:
        """These rows may still be labelled or corrected."""
        self.add_chunk(model_id, chunk_of(seq, batch, ordinals))
        self.entries.put("rows", model_id, seq, batch)

    def mark(self, model_id: str, marks: Marks) -> None:
        """Write down what the labels of a batch did, and what was given up, for a restore."""
        model, seq = self.of(model_id), self.take_seq()
        if model.newest_mark_is_empty:  # or one a batch would pile up
            self.entries.put("marks", model_id, model.marks.pop(), None)
        model.newest_mark_is_empty = marks.is_empty
        model.marks.append(seq)
        model.marked_clock = marks.times = model.label_clock.dump()
        self.entries.put("marks", model_id, seq, marks.encoded())
        self.drop_marks(model_id)

    def mark_clock(self, model_id: str) -> None:
        """Write the labels' clock down if no mark has it: labels that changed nothing moved it."""
        model = self.of(model_id)
        if model.label_clock.dump() != model.marked_clock:
            self.mark(model_id, Marks([], []))

    def label(self, chunk: Chunk, row: int, item: LabelItem) -> None:
        """A held row has got a label; it is kept where a part of it may be corrected alone."""
        self.label_at(chunk, row, item.at)
        if item.has_parts:
            chunk.labels[row] = item

    def label_at(self, chunk: Chunk, row: int, at: int) -> None:
        """A held row has got a label made at `at`."""
        if chunk.labelled_at[row] == 0:
            chunk.waiting -= 1
            self.waiting_rows -= 1
            if chunk.waiting == 0:
                self.settled.append((int(chunk.ordinals[-1]), chunk.seq))
        chunk.labelled_at[row] = at

    def forget_seen(self, seq: int, model_id: str, seen: Seen) -> None:
        """Ids of a batch are out of the window; those that came again since stay."""
        model = self.models[model_id]
        model.ids.drop(seen.known)
        model.forget_earlier(seen.known)
        self.entries.put("ids", model_id, seq, None)

    def put_values(self, model_id: str, seq: int, value: bytes | None) -> None:
        """Set or delete an entry of values of series."""
        self.entries.put("series", model_id, seq, value)

    def drop_chunk(self, model_id: str, chunk: Chunk) -> None:
        """Held rows are needed no longer."""
        model = self.models[model_id]
        self.waiting_rows -= chunk.waiting
        model.held.drop(chunk)
        del self.chunks[chunk.seq]
        self.entries.put("rows", model_id, chunk.seq, None)
        parked = self.parked.pop(chunk.seq, None)
        if parked is not None:
            self.forget_seen(chunk.seq, model_id, parked)
        self.drop_marks(model_id)

    def drop_marks(self, model_id: str) -> None:
        """Marks are needed while an entry that is older than they are is there; the newest has the labels' clock."""
        model = self.models[model_id]
        oldest = min(
            model.held.chunks[0].seq if model.held.chunks else self.next_seq,
            next(iter(model.early.values()))[0] if model.early else self.next_seq,
        )
        while len(model.marks) > 1 and model.marks[0] < oldest:
            self.entries.put("marks", model_id, model.marks.popleft(), None)

    def add_seen(self, seq: int, model_id: str, seen: Seen) -> None:
        """Take up ids without writing them down."""
        model = self.of(model_id)
        model.ids.add(seen.known)
        if model.earlier:  # a row that is no other one's successor is the first with its id
            again = {row for row, _ in seen.again}
            for row, prediction_id in enumerate(seen.known.ids.to_pylist()):
                if row not in again:
                    model.earlier.pop(prediction_id, None)
        for row, ordinal in seen.again:
            model.earlier.setdefault(seen.known.ids[row].as_py(), []).append(ordinal)
        self._list_seen(seq, model_id, seen)

    def _list_seen(self, seq: int, model_id: str, seen: Seen) -> None:
        self.seen[seq] = model_id, seen
        self.of(model_id).recent.append((seq, len(seen.known.ids)))

    def add_chunk(self, model_id: str, chunk: Chunk) -> None:
        """Take up held rows without writing them down."""
        self.of(model_id).held.add(chunk)
        self.chunks[chunk.seq] = model_id, chunk
        self.waiting_rows += chunk.waiting
        if chunk.waiting == 0:
            self.settled.append((int(chunk.ordinals[-1]), chunk.seq))
