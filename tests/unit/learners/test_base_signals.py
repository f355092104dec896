"""What the versions of one base model share: signals of texts, and the one thread they are worked out on."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.learners.text.base import BaseModel
from driftloop.learners.text.encoder import Encoder, Norm, Shape
from driftloop.learners.text.one_thread import OneThread
from driftloop.learners.text.signals import BaseSignals
from driftloop.learners.text.wordpiece import WordPieces

WIDTH = 4
TEXTS = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5).map(tuple), max_size=12)


def base(sha256: str = "a") -> BaseModel:
    draw = np.random.default_rng(0)
    single = np.float32
    encoder = Encoder(
        draw.normal(size=(7, WIDTH)).astype(single), draw.normal(size=(5, WIDTH)).astype(single),
        Norm(np.ones(WIDTH, single), np.zeros(WIDTH, single), 1e-12), (),
    )  # fmt: skip
    shape = Shape(
        hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4, max_position_embeddings=5
    )
    return BaseModel("made", sha256, shape, WordPieces({}), {}, encoder)


@settings(max_examples=60)
@given(calls=st.lists(TEXTS, max_size=6), most_bytes=st.sampled_from([0, 40, 200, 10_000]))
def test_a_remembered_signal_is_the_one_that_was_worked_out(calls, most_bytes):
    model, signals = base(), BaseSignals(most_bytes)
    for texts in calls:
        for one, expected in zip(signals.of(model, texts, 0), model.encoder.lower(texts, 0), strict=True):
            assert np.array_equal(one, expected)
        assert signals.held_bytes <= most_bytes


def test_what_was_asked_for_longest_ago_is_forgotten_first():
    model, text_bytes = base(), 2 * WIDTH * 4
    signals = BaseSignals(2 * text_bytes)
    (kept,) = signals.of(model, [(1, 1)], 0)
    signals.of(model, [(2, 2)], 0)
    (kept,) = signals.of(model, [(1, 1)], 0)
    signals.of(model, [(3, 3)], 0)
    assert signals.of(model, [(1, 1)], 0)[0] is kept
    assert not kept.flags.writeable


def test_base_models_share_nothing():
    signals = BaseSignals()
    one, other = (signals.of(base(name), [(1, 2)], 0)[0] for name in "ab")
    assert one is not other
    assert signals.held_bytes == 2 * one.nbytes


def threads_of_blas() -> set[int]:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_within_and_what_it_had_before_afterwards():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        before, one = threads_of_blas(), OneThread()
        with one.held(), one.held():
            assert threads_of_blas() == {1}
        assert threads_of_blas() == before
        with pytest.raises(KeyError), one.held():
            raise KeyError
        assert threads_of_blas() == before


def test_who_leaves_first_does_not_take_the_limit_from_who_is_still_within():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        before, one, inside, leave = threads_of_blas(), OneThread(), threading.Event(), threading.Event()

        def stay() -> None:
            with one.held():
                inside.set()
                leave.wait(30)

        other = threading.Thread(target=stay)
        with one.held():
            other.start()
            assert inside.wait(30)
        assert threads_of_blas() == {1}
        leave.set()
        other.join()
        assert threads_of_blas() == before
