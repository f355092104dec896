"""Erasures that the log tells of, as `driftloop verify` names them."""

from datetime import timedelta

from driftloop.contracts.archive_erasures import RowsErased
from driftloop.contracts.message import derive_id
from driftloop.contracts.topics import ARCHIVE_ERASURES
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.erased import erasure_words, newest_told


def told(model="plant", erasure="a" * 16, rows=3, days=0, **rest) -> RowsErased:
    at = START + timedelta(days=days)
    return RowsErased(
        message_id=derive_id("rows-erased", model, erasure, days), model_id=model, occurred_at=at, erasure=erasure,
        rows=rows, **{"began_at": at, "versions": ("1.0.1", "1.0.2"), **rest},
    )  # fmt: skip


def record(message: RowsErased | bytes) -> FakeRecord:
    value = message if isinstance(message, bytes) else message.to_json()
    return FakeRecord(ARCHIVE_ERASURES, key="plant", value=value)


def test_of_each_erasure_the_newest_message_counts_and_what_cannot_be_read_is_none():
    first, again, other = told(), told(days=2, rows=3), told(erasure="b" * 16, days=1)
    elsewhere = told("gate", days=5)
    records = [record(one) for one in (elsewhere, first, other, again, b"{}", b"no json")]
    assert newest_told(records) == (elsewhere, other, again)


def test_a_person_reads_who_learnt_from_the_rows_and_that_it_is_no_tampering():
    assert erasure_words(told()) == (
        f"plant: 3 rows were erased from the archive on {START:%Y-%m-%d} by an order that the log tells of; 1.0.1, "
        "1.0.2 learnt from them and cannot be made again bit for bit: that is no tampering"
    )
    assert erasure_words(told(rows=1, versions=())).endswith("tells of; no version learnt from them")
    assert "1 row was erased" in erasure_words(told(rows=1))
    assert "an erasure that nobody saw end" in erasure_words(told(began_at=None))
