"""Known ids answer as a dictionary would, whatever their hashes do."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome_ingestion.core.identity.hash_table import NOWHERE
from outcome_ingestion.core.identity.id_index import IdIndex, Known
from outcome_ingestion.core.identity.text_hashes import text_hashes

IDS = st.sampled_from([f"p{n}" for n in range(30)] + ["", "ä", "p" * 40])
STEPS = st.lists(st.one_of(st.lists(IDS, min_size=1, max_size=12), st.just("drop"), st.just("join")), max_size=30)


def few_hashes(texts):
    return text_hashes(texts) % np.uint64(5) + np.uint64(1)


@settings(max_examples=50)
@given(STEPS, st.sampled_from([text_hashes, few_hashes]), st.sampled_from([1, 16, 1 << 14]))
def test_the_index_answers_as_a_dictionary_does(steps, hashes_of, moved_at_least):
    """Also in the middle of a move from one table to the next."""
    index, model, batches, total = IdIndex(hashes_of, slots=8, moved_at_least=moved_at_least), {}, [], 0
    for step in steps:
        if step == "drop" and batches:
            gone = batches.pop(0)
            index.drop(gone)
            for known_id, ordinal in zip(gone.ids.to_pylist(), gone.ordinals.tolist(), strict=True):
                if model.get(known_id) == ordinal:
                    del model[known_id]
        elif step == "join" and len(batches) > 1:
            first, second = batches[-2:]
            whole = Known(pa.concat_arrays([first.ids, second.ids]), np.concatenate([first.ordinals, second.ordinals]))
            batches[-2:] = [whole]
            index.join_newest(2, whole)
        elif isinstance(step, list):
            batch = Known(pa.array(step, pa.string()), np.arange(total, total + len(step)))
            batches.append(batch)
            assert not index.all_new(batch.ids) or (len(set(step)) == len(step) and not model.keys() & set(step))
            index.add(batch)
            model |= dict(zip(step, batch.ordinals.tolist(), strict=True))
            total += len(step)
        asked = [*model, "nobody", "p1", "p1"]
        assert index.find(pa.array(asked)).tolist() == [model.get(one, NOWHERE) for one in asked]


@settings(max_examples=100)
@given(
    st.lists(IDS, min_size=1, max_size=12, unique=True),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.booleans()), max_size=6),
    st.sampled_from([text_hashes, few_hashes]),
    st.booleans(),
)
def test_pieces_of_what_was_asked_about_are_taken_in_as_any_ids_are(asked, pieces, hashes_of, is_column):
    """Pieces in their order, again, or over one another, of the same column or of one that is alike.

    Ordinals are an array of their own, or a column of a table.
    """
    index, model, total = IdIndex(hashes_of, slots=8, moved_at_least=1), {}, 0
    column = pa.array(asked, pa.string())
    index.all_new(column)
    for start, size, alike in pieces:
        piece = (pa.array(asked, pa.string()) if alike else column).slice(min(start, len(asked)), size)
        if not len(piece):
            continue
        apart = np.arange(total, total + len(piece))
        batch = Known(piece, np.stack((apart, apart), axis=1)[:, 1] if is_column else apart)
        index.add(batch)
        model |= dict(zip(piece.to_pylist(), batch.ordinals.tolist(), strict=True))
        total += len(piece)
        assert index.find(column).tolist() == [model.get(one, NOWHERE) for one in asked]


@pytest.mark.parametrize("moved_at_least", [1, 1 << 14])
def test_a_table_that_has_grown_and_forgotten_still_knows_the_rest(moved_at_least):
    index, kept = IdIndex(moved_at_least=moved_at_least), []
    for start in range(0, 30_000, 500):
        kept.append(Known(pa.array([f"row-{n}" for n in range(start, start + 500)]), np.arange(start, start + 500)))
        assert index.all_new(kept[-1].ids)
        index.add(kept[-1])
        if len(kept) > 10:
            index.drop(kept.pop(0))
    found = index.find(pa.array([f"row-{n}" for n in range(30_000)]))
    assert np.array_equal(found[25_000:], np.arange(25_000, 30_000))
    assert set(found[:25_000].tolist()) == {NOWHERE}
    assert len(index._table) == 1 << 14, "half full with what is known, however much was forgotten"
    assert index._table.used == 5_000


@pytest.mark.parametrize("texts", [["ab", "cd"], ["a", "bcdefghij", ""], ["x" * 200, "y" * 200], []])
def test_a_slice_hashes_as_its_texts_do(texts):
    padded = pa.array(["first", *texts, "last"])
    assert text_hashes(padded.slice(1, len(texts))).tolist() == text_hashes(pa.array(texts, pa.string())).tolist()
