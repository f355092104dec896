"""Records that are not in their key's partition are refused: their label, or their repeat, would be in another."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.processor import LogIdentity
from outcome_ingestion.core.identity.keys import partitions_of


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(1, 500))
def test_the_compiled_partitioner_is_the_producers(keys, count):
    wanted = [partition_of(key, count) for key in keys]
    assert partitions_of(pa.array(keys, pa.string()), count).tolist() == wanted
    sliced = pa.array(["before", *keys], pa.string()).slice(1)
    assert partitions_of(sliced, count).tolist() == wanted


@pytest.fixture
def placed(bench, make):
    """A bench that reads two partitions, and a way to say where a record came through."""
    counts = {PREDICTION_OUTCOMES: 2, PREDICTION_LABELS: 2}
    bench.core.take_log(LogIdentity("cluster", {}, counts))

    def through(record, *, right=True):
        number = partition_of(record.key(), 2)
        object.__setattr__(record, "at_partition", number if right else 1 - number)
        return record

    return bench, make, through


@pytest.mark.wild(
    area="partitions",
    given="outcomes from a client that spreads keys by CRC32, labels from one that uses murmur2",
    right="the outcome outside its key's partition is buried as WrongPartition, and the letter names the setting",
)
def test_an_outcome_outside_its_keys_partition_is_buried_and_says_what_to_set(placed, row):
    bench, make, through = placed
    rows = [through(make.outcome(row(number)), right=number % 3 != 0) for number in range(90)]
    bench.feed(rows)
    assert [name for name, _ in bench.events()] == [f"p{number}" for number in range(90) if number % 3]
    assert {letter.error_class for letter in bench.dead} == {"WrongPartition"}
    assert [letter.record for letter in bench.dead] == rows[::3]
    assert "partitioner=murmur2_random" in bench.dead[0].message
    assert "driftloop dlq replay --class WrongPartition" in bench.dead[0].message


@pytest.mark.wild(
    area="partitions",
    given="a label outside its key's partition",
    right="it is buried as WrongPartition; the labels beside it join",
)
def test_a_label_outside_its_keys_partition_is_buried(placed, row):
    bench, make, through = placed
    bench.feed([through(make.outcome(row(number))) for number in range(4)])
    bench.feed([through(make.label(number, 1.0, 60), right=number != 2) for number in range(4)])
    assert [name for name, event in bench.events() if event == "label"] == ["p0", "p1", "p3"]
    assert [(letter.error_class, letter.record.key()) for letter in bench.dead] == [("WrongPartition", b"p2")]


def test_a_record_with_many_rows_is_judged_by_its_own_key(placed):
    bench, make, through = placed
    bench.feed([through(make.columns([1, 2])), through(make.columns([3, 4]), right=False)])
    assert [name for name, _ in bench.events()] == ["p1", "p2"]
    assert [letter.error_class for letter in bench.dead] == ["WrongPartition"]


def test_a_record_without_a_key_is_told_that_and_not_its_partition(placed, row):
    bench, make, _ = placed
    keyless = make.outcome(row(1))
    object.__setattr__(keyless, "key_", None)
    bench.feed([keyless])
    assert [letter.error_class for letter in bench.dead] == ["WrongKey"]


def test_with_one_partition_every_key_is_where_it_belongs(bench, make, row):
    bench.core.take_log(LogIdentity("cluster", {}, {PREDICTION_OUTCOMES: 1, PREDICTION_LABELS: 1}))
    bench.feed([make.outcome(row(1)), make.label(1, 1.0, 60)])
    assert (len(bench.events()), bench.dead) == (2, [])
