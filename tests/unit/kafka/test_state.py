import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.in_memory.log import MemoryLog
from driftloop.kafka.loop.state import (
    MANIFEST_KEY,
    DamagedStateError,
    entries_of,
    keyed_writes,
    latest_values,
    read_snapshot,
    snapshot_writes,
)
from driftloop.processor import StateChange

ENTRIES = st.dictionaries(st.text(min_size=1, max_size=5), st.binary(max_size=8), max_size=6)


def written(log, writes):
    for write in writes:
        log.append(write.topic, key=write.key, value=write.value, headers=write.headers, partition=write.partition)
    return latest_values(log.records("c", 0))


def test_a_key_that_changed_twice_is_written_once_with_its_last_value():
    changes = [StateChange(0, "a", b"1"), StateChange(0, "b", b"1"), StateChange(0, "a", b"2")]
    assert [(w.key, w.value) for w in keyed_writes("c", changes)] == [(b"a", b"2"), (b"b", b"1")]


def test_the_same_key_in_two_partitions_is_two_entries():
    changes = [StateChange(0, "a", b"1"), StateChange(1, "a", b"2")]
    assert [(w.partition, w.value) for w in keyed_writes("c", changes)] == [(0, b"1"), (1, b"2")]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.binary(max_size=3)), max_size=20))
def test_a_changelog_restores_to_what_was_last_written(changes):
    expected = {}
    log = MemoryLog()
    for key, value in changes:
        written(log, keyed_writes("c", [StateChange(0, key, value)]))
        expected.pop(key, None)
        if value is not None:
            expected[key] = value
    assert dict(entries_of(latest_values(log.records("c", 0)))) == expected


@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_the_latest_snapshot_is_restored_whole_and_nothing_of_an_older_one(generations):
    log, before = MemoryLog(), None
    for number, entries in enumerate(generations):
        writes, before = snapshot_writes("c", 0, entries.items(), before, {"in": number})
        latest = written(log, writes)
    found = read_snapshot(latest)
    assert found.entries == {key.encode(): value for key, value in generations[-1].items()}
    assert (found.generation, found.offsets) == (len(generations), {"in": len(generations) - 1})


@given(ENTRIES.filter(bool), ENTRIES)
def test_half_a_snapshot_is_never_taken_for_a_whole_one(first, second):
    writes, before = snapshot_writes("c", 0, first.items(), None, {"in": 1})
    more, _ = snapshot_writes("c", 0, second.items(), before, {"in": 2})
    for cut in range(len(writes) + 1, len(writes) + len(more)):
        log = MemoryLog()
        with pytest.raises(DamagedStateError):
            read_snapshot(written(log, [*writes, *more][:cut]))


def test_a_partition_without_a_snapshot_restores_to_nothing():
    assert read_snapshot({}) is None


def test_entries_without_a_manifest_are_damage():
    log = MemoryLog()
    log.append("c", key=b"a", value=b"1")
    with pytest.raises(DamagedStateError, match="without a manifest"):
        read_snapshot(latest_values(log.records("c")))


def test_a_manifest_says_where_the_input_goes_on():
    writes, _ = snapshot_writes("c", 0, [("a", b"1")], None, {"in": 7})
    assert writes[-1].key == MANIFEST_KEY
    assert json.loads(writes[-1].value) == {"generation": 1, "entries": 1, "offsets": {"in": 7}}
