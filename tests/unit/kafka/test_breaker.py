"""Who is refused, and when a service stops itself.

The breaker used to count over all sources and to stop the service before the commit; what was pinned of it then
(so many in a row, a bad share once enough was seen, one good record starts the row anew, what lies behind the window
is forgotten) is held here for each source.
"""

import json

from hypothesis import given
from hypothesis import strategies as st

from driftloop.kafka.loop.breaker import Breaker
from driftloop.kafka.loop.sources import Source, source_of
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter
from driftloop.testing.records import FakeRecord

SETTINGS = LoopSettings(
    service="s", group="s", inputs=("prediction-outcomes",), breaker_consecutive=5, breaker_ratio=0.5, breaker_window=20
)


class Traffic:
    """Batches of records by model, of which some are buried."""

    def __init__(self, settings=SETTINGS):
        self.breaker, self.offset = Breaker(settings), 0

    def batch(self, *parts, stage="validate", error_class="ValueError"):
        records, letters = [], []
        for model, good, dead in parts:
            for place in range(good + dead):
                value = json.dumps({"model_id": model}).encode() if model else b"\x00"
                record = FakeRecord("prediction-outcomes", key=b"k", value=value, at_offset=self.offset)
                self.offset += 1
                records.append(record)
                if place < dead:
                    letters.append(DeadLetter(record, stage, error_class, "no"))
        return self.breaker.count(records, letters)


def models(news):
    return [source.model for source in news.refused]


def test_nobody_is_refused_while_few_are_buried():
    traffic = Traffic()
    assert all(not traffic.batch(("a", 6, 4)).refused for _ in range(1000))


def test_too_many_in_a_row_are_a_refused_source():
    traffic = Traffic()
    assert models(traffic.batch(("a", 0, 4))) == []
    news = traffic.batch(("a", 0, 1))
    assert (models(news), news.stop) == (["a"], None)
    assert next(iter(news.refused.values())) == "ValueError: no"


def test_one_good_record_between_starts_the_row_anew():
    traffic = Traffic()
    assert not any(traffic.batch(part).refused for _ in range(4) for part in (("a", 0, 4), ("a", 8, 0)))


def test_a_bad_share_is_a_refused_source_once_enough_was_seen():
    traffic = Traffic()
    assert models(traffic.batch(("a", 1, 9))) == []
    assert models(traffic.batch(("a", 6, 4))) == ["a"]


def test_what_lies_behind_the_window_is_forgotten():
    traffic = Traffic()
    assert not any(traffic.batch(part).refused for part in (("a", 1, 9), ("a", 100, 0), ("a", 10, 10)))


def test_one_source_in_trouble_says_nothing_of_the_others():
    traffic = Traffic()
    news = traffic.batch(("flags", 0, 600), ("churn", 100, 0))
    assert (models(news), news.stop) == (["flags"], None)
    assert [source.model for source in traffic.breaker.refused] == ["flags"]


def test_a_source_that_is_mended_is_taken_again_and_said():
    traffic = Traffic()
    traffic.batch(("flags", 0, 6))
    assert traffic.batch(("flags", 30, 0)).taken_again == (Source("prediction-outcomes", "flags"),)
    assert traffic.breaker.refused == []


def test_a_source_is_said_once():
    traffic = Traffic()
    assert [len(traffic.batch(("flags", 0, 10)).refused) for _ in range(5)] == [1, 0, 0, 0, 0]


def test_nothing_that_producers_do_stops_a_service():
    traffic = Traffic()
    news = [traffic.batch(("a", 0, 50), ("b", 0, 50), ("", 0, 50)) for _ in range(20)]
    assert all(one.stop is None for one in news)


def test_a_core_that_raises_on_everything_of_several_models_stops():
    traffic = Traffic()
    assert traffic.batch(("a", 0, 4), stage="process").stop is None
    stop = traffic.batch(("b", 0, 1), stage="process").stop
    assert stop is not None
    assert "5 records in a row could not be processed" in stop


def test_a_core_that_raises_on_one_model_goes_on():
    traffic = Traffic()
    assert traffic.batch(("a", 0, 50), stage="process").stop is None


def test_a_registry_that_knows_no_schema_at_all_stops():
    assert Traffic().batch(("", 0, 5), stage="decode", error_class="UnknownSchema").stop is not None


def test_a_record_that_is_processed_between_keeps_it_from_stopping():
    traffic = Traffic()
    for part in (("a", 0, 4), ("b", 1, 0), ("c", 0, 4)):
        assert traffic.batch(part, stage="process").stop is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_no_split_of_what_producers_send_stops_a_service_or_refuses_a_source_without_letters(parts):
    traffic = Traffic()
    news = [traffic.batch(part) for part in parts]
    assert all(one.stop is None for one in news)
    blamed = {source.model for source in traffic.breaker.refused}
    assert blamed <= {model for model, _, dead in parts if dead}


def test_a_source_is_the_model_and_the_producer_where_they_can_be_read():
    value = b'{"prediction_id": "1", "model_id" : "churn"}'
    record = FakeRecord("prediction-outcomes", key=b"1", value=value, headers=(("ce_source", b"/team/a"),))
    assert source_of(record) == Source("prediction-outcomes", "churn", "/team/a")
    assert source_of(FakeRecord("drift-status", key=b"churn/eu", value=b"{}")).model == "churn"
    assert str(source_of(FakeRecord("prediction-outcomes", key=b"1", value=b"\x00\x01"))) == (
        "records without a readable model on prediction-outcomes"
    )
