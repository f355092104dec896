"""Labels and shadow predictions in the spelling of their row's prediction (`driftloop.codec.scalars`)."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import LABEL, PREDICTION, SHADOW
from driftloop.codec.scalars import spelled_like
from outcome_ingestion.core.decode.layout import Layout


def one_spelling(columns: Mapping[str, pa.Array], layout: Layout) -> dict[str, pa.Array]:
    """The columns of `columns` (by the names of frames) that are to be spelled in another way."""
    changed: dict[str, pa.Array] = {}
    shadows = [name for name in columns if name.startswith(SHADOW)]
    for field, target in layout.target.items():
        if target.kind != "category":
            continue
        said = columns[PREDICTION + field]
        of_field = [name for name in shadows if name.removeprefix(SHADOW).split(".", 3)[3:] == [field]]
        for name in (LABEL + field, *of_field):
            spelled = _spelled(columns[name], said)
            if spelled is not columns[name]:
                changed[name] = spelled
    return changed


def respelled(batch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """The same of whole rows."""
    changed = one_spelling({name: batch.column(i) for i, name in enumerate(batch.schema.names)}, layout)
    if not changed:
        return batch
    columns = [changed.get(name, batch.column(i)) for i, name in enumerate(batch.schema.names)]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _spelled(given: pa.Array, said: pa.Array) -> pa.Array:
    """`given` where both are the same or one is null; the column itself where nothing changes.

    Only pairs that differ are looked at, each once.
    """
    if given.null_count == len(given) or said.null_count == len(said):
        return given
    rows = np.flatnonzero(pc.fill_null(pc.not_equal(given, said), False).to_numpy(zero_copy_only=False))  # noqa: FBT003
    if not len(rows):
        return given
    which = pa.array(rows)
    mine, theirs = given.take(which).dictionary_encode(), said.take(which).dictionary_encode()
    names, others = mine.dictionary.to_pylist(), theirs.dictionary.to_pylist()
    pairs = mine.indices.to_numpy().astype(np.int64) * len(others) + theirs.indices.to_numpy()
    distinct, at = np.unique(pairs, return_inverse=True)
    found = [(names[pair // len(others)], others[pair % len(others)]) for pair in distinct.tolist()]
    words = [spelled_like(one, other) for one, other in found]
    if all(word == one for word, (one, _) in zip(words, found, strict=True)):
        return given
    picks = np.arange(len(given))
    picks[rows] = len(given) + at
    return pa.concat_arrays([given, pa.array(words, pa.string())]).take(pa.array(picks))
