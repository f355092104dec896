import pytest

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.dead_letter import Breaker, bury
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter
from driftloop.testing.records import FakeRecord

SETTINGS = LoopSettings(
    service="s", group="s", inputs=("a",), breaker_consecutive=5, breaker_ratio=0.5, breaker_window=20
)


def test_a_buried_record_keeps_its_key_value_and_headers():
    record = FakeRecord("a", key=b"\xff", value=b"\x00", headers=(("h", b"1"),), at_partition=3, at_offset=9)
    write = bury(DeadLetter(record, "decode", "ValueError", "no"), "s")
    assert (write.topic, write.key, write.value) == ("prediction-outcomes-dlq", b"\xff", b"\x00")
    assert write.headers[0] == ("h", b"1")
    assert dict(write.headers)["dlq.error.offset"] == b"9"


def test_a_record_that_is_buried_again_says_only_why_it_is_here_now():
    first = bury(DeadLetter(FakeRecord("a", value=b"x"), "decode", "ValueError", "one"), "s")
    again = FakeRecord("a", value=first.value, headers=first.headers)
    second = bury(DeadLetter(again, "decode", "ValueError", "two"), "s", attempt=2)
    assert [value for name, value in second.headers if name == "dlq.error.message"] == [b"two"]


def test_a_long_message_is_cut():
    write = bury(DeadLetter(FakeRecord("a", value=b"x"), "decode", "ValueError", "x" * 100_000), "s")
    assert len(dict(write.headers)["dlq.error.message"]) == 2_000


def test_the_breaker_stays_closed_while_few_are_buried():
    breaker = Breaker(SETTINGS)
    for _ in range(1000):
        breaker.check(10, 4)


def test_the_breaker_trips_on_too_many_in_a_row():
    breaker = Breaker(SETTINGS)
    breaker.check(4, 4)
    with pytest.raises(UserError, match="5 records in a row") as stop:
        breaker.check(1, 1)
    assert stop.value.exit_code == ExitCode.TOO_MANY_DEAD_LETTERS


def test_one_good_record_between_starts_the_row_anew():
    breaker = Breaker(SETTINGS)
    for _ in range(4):
        breaker.check(4, 4)
        breaker.check(8, 0)


def test_the_breaker_trips_on_a_bad_share_once_it_has_seen_enough():
    breaker = Breaker(SETTINGS)
    breaker.check(10, 9)
    with pytest.raises(UserError, match="of the last 20 records"):
        breaker.check(10, 4)


def test_the_breaker_forgets_what_lies_behind_its_window():
    breaker = Breaker(SETTINGS)
    breaker.check(10, 9)
    breaker.check(100, 0)
    breaker.check(20, 10)
