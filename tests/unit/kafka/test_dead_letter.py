from driftloop.kafka.loop.dead_letter import bury
from driftloop.processor import DeadLetter
from driftloop.testing.records import FakeRecord


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
