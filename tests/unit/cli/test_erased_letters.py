"""Which dead letters hold a row that is to be erased, and which cannot be looked into."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from driftloop.archive.erasing import Wanted
from driftloop.codec.avro import AvroTopic
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.kafka.admin.dead_letters_topic import BuriedRecord, reached_and_kept
from driftloop.tools.registry.erased_letters import look_into

AT = datetime(2026, 2, 1, tzinfo=UTC)
ANA = Wanted("pricing", segment=("customer", "o'ana"))


@pytest.mark.parametrize(
    ("key", "value", "is_about"),
    [
        ("p3", b"no json", True),
        ("p8", b"Obj\x01 p3 in avro", True),
        ("p8", b'{"model_id": "pricing", "prediction_id": "p3"}', True),
        ("p8", b'{"model_id": "pricing", "prediction_id": ["p8", "p3"]}', True),
        ("p3", b'{"model_id": "other", "prediction_id": "p3"}', False),
        ("p8", b'{"model_id": "pricing", "segment": {"customer": "o\'ana"}}', True),
        ("p8", b'{"model_id": "pricing", "segment": {"customer": ["ben", "o\'ana"]}}', True),
        ("p8", b'{"model_id": "pricing", "segment": "o\'ana", "prediction_id": 3}', False),
        ("p8", b"[1]", False),
        (None, None, False),
    ],
)
def test_which_dead_letters_hold_a_row(key, value, is_about):
    letter = BuriedRecord(0, 5, None if key is None else key.encode(), value, (), {}, 0)
    assert look_into([letter], ANA, ("p3", "p4")).about == ({(0, 5)} if is_about else set())


def avro(**fields: object) -> bytes:
    return AvroTopic(PREDICTION_OUTCOMES, aware_moments=True).encode(
        PredictionOutcome.model_validate(
            {
                "model_id": "pricing", "prediction_id": "p-9", "model_version": "1.0.0", "predicted_at": AT,
                "features": {"x": 1.0}, "prediction": 1.0, **fields,
            }
        )
    )  # fmt: skip


def arrow(model: str, *ids: str, customer: str = "ben") -> bytes:
    columns = {"prediction_id": list(ids), "segment.customer": [customer] * len(ids)}
    table, out = pa.table(columns).replace_schema_metadata({"model_id": model}), pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue().to_pybytes()


BY_ID, BY_CUSTOMER = Wanted("pricing", ("p-1",)), Wanted("pricing", segment=("customer", "ana"))
LETTERS: dict[str, tuple[str, str | None, bytes, Wanted, bool | None]] = {
    "a longer id in bytes": ("", "p-17", b"Obj\x01\x0apricing2 p-17 ", BY_ID, False),
    "a longer id in broken JSON": ("", "p-17", b'{"model_id":"pricing","prediction_id":"p-17"', BY_ID, False),
    "the id in broken JSON": ("", "k", b'{"model_id":"pricing","prediction_id":"p-1"', BY_ID, True),
    "the id in broken JSON of another model": ("", "k", b'{"model_id":"other","prediction_id":"p-1"', BY_ID, False),
    "a row of a database": (
        "db.loans", '{"id":"p-1"}', b'{"payload":{"after":{"id":"p-1","customer":"ana"}}}', BY_ID, True,
    ),
    "a row of a database by its segment": (
        "db.loans", "7", b'{"payload":{"after":{"customer":"ana"}}}', BY_CUSTOMER, True,
    ),
    "a row of a database, of a number": (
        "db.loans", "7", b'{"after":{"id":"7","amount":1}}', Wanted("pricing", ("1",)), False,
    ),
    "a row of a database, by a number": ("db.loans", "7", b'{"after":{"loan_id":1}}', Wanted("pricing", ("1",)), True),
    "a row of a database of another model": ("db", "k", b'{"model_id":"other","id":"p-1"}', BY_ID, False),
    "an event of a server": (
        "serving", None, b'{"specversion":"1.0","id":"p-1","data":{"instances":[[1]]}}', BY_ID, True,
    ),
    "a list of rows": (PREDICTION_OUTCOMES, None, b'[{"prediction_id":"p-1"}]', BY_ID, True),
    "a feature that reads like the id": (
        PREDICTION_OUTCOMES, "k", b'{"model_id":"pricing","prediction_id":"k","features":{"x":"p-1"}}', BY_ID, False,
    ),
    "broken Avro with the segment": (PREDICTION_OUTCOMES, "p-9", b"Obj\x01 customer\x06ana", BY_CUSTOMER, True),
    "broken JSON with the segment": (
        PREDICTION_OUTCOMES, "p-9", b'{"model_id":"pricing","segment":{"customer" : "ana"},', BY_CUSTOMER, True,
    ),
    "broken JSON with a longer value": (
        PREDICTION_OUTCOMES, "p-9", b'{"segment":{"customer":"anabel"},', BY_CUSTOMER, False,
    ),
    "Avro with the id": (PREDICTION_OUTCOMES, "p-1", avro(prediction_id="p-1"), BY_ID, True),
    "Avro with a longer id": (PREDICTION_OUTCOMES, "p-17", avro(prediction_id="p-17"), BY_ID, False),
    "Avro with the segment": (PREDICTION_OUTCOMES, "p-9", avro(segment={"customer": "ana"}), BY_CUSTOMER, True),
    "Avro of another model": (PREDICTION_OUTCOMES, "p-1", avro(model_id="other", prediction_id="p-1"), BY_ID, False),
    "Avro that is cut off": (PREDICTION_OUTCOMES, "k", avro(prediction_id="p-1")[:-3], BY_ID, True),
    "Avro that is cut off, with a longer id": (PREDICTION_OUTCOMES, "k", avro(prediction_id="p-17")[:-3], BY_ID, None),
    "Arrow with the id": (PREDICTION_OUTCOMES, None, arrow("pricing", "p-0", "p-1"), BY_ID, True),
    "Arrow with a longer id": (PREDICTION_OUTCOMES, None, arrow("pricing", "p-17"), BY_ID, False),
    "Arrow with the segment": (PREDICTION_OUTCOMES, None, arrow("pricing", "p", customer="ana"), BY_CUSTOMER, True),
    "Arrow of another model": (PREDICTION_OUTCOMES, None, arrow("other", "p-1"), BY_ID, False),
    "bytes of nobody knows what": (PREDICTION_OUTCOMES, None, b"\x1f\x8b\x08\x00\xff", BY_ID, None),
    "nothing": (PREDICTION_OUTCOMES, None, b"", BY_ID, False),
}  # fmt: skip


@pytest.mark.parametrize("name", LETTERS)
def test_an_id_counts_where_it_stands_whole_and_what_cannot_be_told_is_said(name):
    topic, key, value, wanted, is_about = LETTERS[name]
    letter = BuriedRecord(0, 5, None if key is None else key.encode(), value, (), {"topic": topic}, 0)
    looked = look_into([letter], wanted, wanted.prediction_ids)
    assert (looked.about, looked.unread) == ({(0, 5)} if is_about else set(), {(0, 5)} if is_about is None else set())


def test_letters_that_were_buried_once_more_by_a_run_that_died_are_not_buried_again():
    def letter(partition: int, offset: int, name: str) -> BuriedRecord:
        return BuriedRecord(partition, offset, None, name.encode(), (), {"offset": name}, 0)

    before = [letter(0, 0, "a"), letter(0, 1, "erased"), letter(0, 2, "b"), letter(0, 3, "erased"), letter(0, 4, "c")]
    erased = {(0, 1), (0, 3)}
    assert [one.value for one in reached_and_kept(before, erased)[1]] == [b"a", b"b"]
    half = [*before, letter(1, 0, "a")]
    assert [one.value for one in reached_and_kept(half, erased)[1]] == [b"b"], "it died after the first one"
    whole = [*half, letter(0, 5, "b")]
    reached, kept = reached_and_kept(whole, erased)
    assert (len(reached), kept) == (4, [])
    more = [*whole, letter(0, 6, "erased")]
    assert [one.value for one in reached_and_kept(more, {*erased, (0, 6)})[1]] == [b"b", b"c"]
