"""Figures of texts and vectors, and the monitors over them."""

import os

import numpy as np
import pytest

from driftloop.spec.model_spec import Feature
from driftloop.spec.vectors import vector_of, vector_text, vectors_of
from driftloop.statistics.embeddings import Embedding, embedding_profile
from driftloop.statistics.texts import Vocabulary, text_figures
from driftloop.tools.bench.embedded import KINDS, SHARE, column, embedded_reference
from driftloop.tools.bench.windows import against, alarm_rows

WHOLE = bool(os.environ.get("DRIFTLOOP_EMBEDDINGS"))
RUNS = 100 if WHOLE else 2


def found(kind: str, share: float, seed: int, rows: int, per_million: float) -> list[int]:
    rng = np.random.default_rng([seed, 5])
    reference = embedded_reference(kind, column(kind, SHARE, 2000, rng))
    monitor = against(reference, per_million, len(reference.columns))
    return alarm_rows(monitor, {"feature.x": column(kind, share, rows, rng)})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_shift_of_the_mix_of_topics_is_found_within_2000_rows(kind):
    hits = sum(bool(found(kind, 0.4, seed, 2000, 1.0)) for seed in range(RUNS))
    assert hits >= 0.95 * RUNS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_still_rows_raise_no_alarm(kind):
    assert sum(len(found(kind, SHARE, seed, 4000, 1.0)) for seed in range(1 if not WHOLE else 20)) <= WHOLE


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_rows_figures_are_the_same_in_any_block(kind):
    rows = column(kind, SHARE, 600, np.random.default_rng(3))
    embedding = Embedding.of(embedding_profile(KINDS[kind], rows))
    whole = embedding.figures(rows)
    for size in (1, 7, 256):
        parts = [embedding.figures(rows[at : at + size]) for at in range(0, len(rows), size)]
        for name, values in whole.items():
            assert np.array_equal(np.concatenate([part[name] for part in parts]), values, equal_nan=True)


@pytest.mark.wild(
    area="detection",
    given="texts that are missing, empty, of one emoji, of 200,000 characters, or in a script without spaces",
    right="each has its figures; a missing one counts as missing; nothing is an error",
)
def test_any_text_has_figures():
    texts = [None, "", "😀", "word " * 40_000, "今日は良い天気です", "\x00\u0301", "1234567"]
    figures = text_figures(texts, Vocabulary.of(["word"])).figures
    assert np.isnan(figures["length"]).tolist() == [True] + [False] * 6
    assert figures["length"][3] == 200_000
    assert all(np.isfinite(values[1:]).all() for values in figures.values())
    assert figures["unknown"][3] == 0


@pytest.mark.wild(
    area="detection",
    given="a text or a vector that is the same in every row, or missing in every row of the training data",
    right="a profile is made; the change to other rows is one alarm",
)
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("was", ["same", "missing"])
def test_a_constant_becomes_something(kind, was):
    live = column(kind, SHARE, 1500, np.random.default_rng(4))
    before = np.full(800, live[0] if was == "same" else None, dtype=object)
    reference = embedded_reference(kind, before)
    assert len(alarm_rows(against(reference, 1.0, 10), {"feature.x": live})) == 1


def test_few_rows_have_a_profile_without_directions():
    profile = embedding_profile(Feature(kind="text"), ["one", "two", None])
    assert (profile.weights, profile.vocabulary) == ("", None)
    assert set(Embedding.of(profile).figures(["three"])) == {"length", "word_length", "distinct"}


def test_a_vector_is_its_numbers_again_and_others_are_refused():
    values = [0.1, -2.5, 3e-8]
    assert np.array_equal(vector_of(vector_text(values), 3), np.array(values, dtype=np.float32))
    for wrong in ([1.0, float("nan")], [1e300], [[1.0]]):
        with pytest.raises(ValueError, match="a list of finite numbers"):
            vector_text(wrong)
    with pytest.raises(ValueError, match="has 3 numbers, 2 are declared"):
        vector_of(vector_text(values), 2)
    assert np.isnan(vectors_of(["no vector", None], 2)).all()
