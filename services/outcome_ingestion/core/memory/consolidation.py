"""Small batches are laid together, so that a row that waits costs the same however it came.

A batch of one row takes kilobytes, nearly all of it the frame around it. Sixteen small ones become
one, sixteen of those become one again: each row is written twice more, rarely a third time.
"""

import numpy as np
import pyarrow as pa

from outcome_ingestion.core.decode.timestamps import MOMENT
from outcome_ingestion.core.identity.id_index import Known
from outcome_ingestion.core.labels.held_rows import GONE, Chunk, chunk_of
from outcome_ingestion.core.labels.ratings import ratings_of
from outcome_ingestion.core.memory.entries import Marks, Seen, in_parts
from outcome_ingestion.core.memory.partition_memory import PartitionMemory

_LARGEST = (16, 256)
"""Batches under so many rows are laid together, smallest first."""


def consolidate(memory: PartitionMemory, model_id: str) -> None:
    """Lay the newest batches of a model together where there are enough small ones in a row."""
    model, together = memory.of(model_id), memory.rules.laid_together
    while model.recent and model.recent[0][0] not in memory.seen:
        del model.recent[0]  # forgotten, so that nothing is laid together with it
    for largest in _LARGEST:
        newest = model.recent[-together:]
        alike = len(newest) == together and all(rows < largest for _, rows in newest)
        if alike and all(seq in memory.seen for seq, _ in newest):
            _lay_together(memory, model_id, [seq for seq, _ in newest])
    if model.recent and model.recent[-1][1] >= _LARGEST[-1]:
        model.recent.clear()


def _lay_together(memory: PartitionMemory, model_id: str, seqs: list[int]) -> None:
    seq = memory.take_seq()
    chunks = [memory.chunks[old][1] for old in seqs if old in memory.chunks]
    if len({chunk.batch.schema for chunk in chunks}) > 1:
        return
    if sum(chunk.batch.nbytes for chunk in chunks) > memory.rules.frame_bytes // 2:
        return
    parts = [memory.seen[old][1] for old in seqs]
    if any(part.again for part in parts):
        return
    stamps = [part.known.stamps for part in parts]
    joined_stamps = None if any(s is None for s in stamps) else np.concatenate([s for s in stamps if s is not None])
    ids = pa.concat_arrays([part.known.ids for part in parts])
    ordinals = np.concatenate([part.known.ordinals for part in parts])
    memory.remember_together(model_id, seqs, seq, Seen(Known(ids, ordinals, joined_stamps), parts[-1].times))
    if chunks:
        _replace_chunks(memory, model_id, chunks, seq)


def _replace_chunks(memory: PartitionMemory, model_id: str, chunks: list[Chunk], seq: int) -> None:
    whole = _joined(chunks, seq)
    memory.of(model_id).held.replace_newest(len(chunks), whole)
    for old in chunks:
        del memory.chunks[old.seq]
        memory.entries.put("rows", model_id, old.seq, None)
    if whole is None:
        return
    memory.chunks[seq] = model_id, whole
    if whole.waiting == 0:
        memory.settled.append((int(whole.ordinals[-1]), seq))
    memory.entries.put("rows", model_id, seq, whole.batch)
    if whole.labels:
        memory.mark(model_id, Marks([], [], items=list(whole.labels.values())))
    rated = [(int(whole.ordinals[row]), *one) for row, one in whole.ratings.items()]
    for part in in_parts(rated, memory.rules.frame_bytes // 2):
        memory.mark(model_id, Marks([], [], rated=part))


def _joined(chunks: list[Chunk], seq: int) -> Chunk | None:
    """The rows of all that were not given up, with the time of the label that each has got since."""
    chunks = [left for chunk in chunks if (left := _not_gone(chunk)) is not None]
    if not chunks:
        return None
    table = pa.Table.from_batches([chunk.batch for chunk in chunks]).combine_chunks()
    times = np.concatenate([chunk.labelled_at for chunk in chunks])
    labelled_at = pa.array(times, pa.int64(), mask=times == 0).cast(MOMENT)
    at = table.schema.get_field_index("labelled_at")
    batch = table.set_column(at, table.schema.field(at), labelled_at).to_batches()[0]
    whole = chunk_of(seq, batch, np.concatenate([chunk.ordinals for chunk in chunks]))
    start = 0
    for chunk in chunks:
        whole.labels |= {start + row: item for row, item in chunk.labels.items()}
        whole.ratings |= {start + row: rated for row, rated in ratings_of(chunk).items()}
        start += len(chunk.ordinals)
    return whole


def _not_gone(chunk: Chunk) -> Chunk | None:
    """The rows of a chunk that were not given up; None where there are none."""
    rows = np.flatnonzero(chunk.labelled_at != GONE)
    if len(rows) in (0, len(chunk.ordinals)):
        return chunk if len(rows) else None
    place = {row: at for at, row in enumerate(rows.tolist())}
    labels = {place[row]: item for row, item in chunk.labels.items()}
    ratings = {place[row]: rated for row, rated in chunk.ratings.items() if row in place}
    columns = chunk.batch.take(pa.array(rows)), chunk.ordinals[rows], chunk.labelled_at[rows], chunk.predicted_at[rows]
    return Chunk(chunk.seq, *columns, chunk.waiting, labels, ratings)
