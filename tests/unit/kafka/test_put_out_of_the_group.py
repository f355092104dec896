"""A replica that was put out of its group while it hung: it restores nothing wrong, and writes nothing at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.errors import ExitCode, UserError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.loop.identity import MARK_KEY, Mark, Stand, mark_write, note_of
from driftloop.kafka.loop.restore import MovedError, restore
from driftloop.kafka.loop.state import snapshot_writes
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Effects, LogIdentity, Outgoing
from driftloop.testing.records import FakeRecord

SETTINGS = LoopSettings(service="s", group="g", inputs=("outcome-frames",), state="snapshot", snapshot_every=100)
LOG = LogIdentity("c", {"outcome-frames": "a", "g-changelog": "b"}, {"outcome-frames": 1, "g-changelog": 1})


class Core:
    """Its state is how many records it saw; a wake says it."""

    def __init__(self):
        self.seen, self.restored, self.wish = 0, [], False

    def process(self, records, now, *, tables_current=False):
        self.seen += len(records)
        return Effects()

    def wake(self, now):
        return Effects((Outgoing("drift-signals", "k", b"awake"),)) if self.wish else Effects()

    def restore(self, partition, state):
        self.restored.append(partition)

    def snapshot(self, partition):
        return [("seen", b"%d" % self.seen)]

    def revoke(self, partition):
        """Nothing is kept apart."""

    def take_table(self, topic, records):
        """None."""


class Moving:
    """A log whose group's offset is another one each time it is asked, as while another replica commits."""

    def __init__(self, *committed):
        self.committed = list(committed)

    def stands(self, positions):
        offset = self.committed.pop(0) if len(self.committed) > 1 else self.committed[0]
        return {position: Stand(offset, "", 0, 9) for position in positions}

    def identity(self):
        return LOG

    def read(self, position, start, stop):
        mark = Mark("c", {"outcome-frames": "a"}, 1, {"outcome-frames": 8})
        return iter([FakeRecord("g-changelog", key=MARK_KEY, value=mark.to_json())])


def test_state_that_is_ahead_because_another_replica_commits_is_no_mismatch():
    core = Core()
    with pytest.raises(MovedError):
        restore(core, SETTINGS.model_copy(update={"state": "keyed"}), Moving(5, 8), 0)
    assert core.restored == []


class WrittenAnew:
    """A changelog that another replica writes anew at the same offsets while it is read, and that is compacted then."""

    def __init__(self, *looks):
        self.looks = list(looks)

    def stands(self, positions):
        return {position: Stand(5, note_of(LOG, "g-changelog"), 0, 9) for position in positions}

    def identity(self):
        return LOG

    def partitions(self, topic):
        return 1

    def read(self, position, start, stop):
        if position[0] != "g-changelog":
            return iter(())
        log = MemoryLog()
        for write in self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]:
            log.append("g-changelog", key=write.key, value=write.value, headers=write.headers)
        return iter(log.records("g-changelog"))


def marked(offset):
    return mark_write("g-changelog", 0, Mark("c", {"outcome-frames": "a"}, 1, {"outcome-frames": offset}))


SNAPSHOT, _ = snapshot_writes("g-changelog", 0, [("a", b"1"), ("b", b"2"), ("c", b"3")], None, {"outcome-frames": 5})


def test_a_mark_that_compaction_took_while_it_was_read_is_no_mismatch():
    core = Core()
    with pytest.raises(MovedError):
        restore(core, SETTINGS.model_copy(update={"state": "keyed"}), WrittenAnew([marked(3)], [marked(5)]), 0)
    assert core.restored == []


@given(st.sets(st.integers(0, len(SNAPSHOT) - 1), min_size=1, max_size=len(SNAPSHOT) - 1), st.booleans())
def test_a_snapshot_that_lacks_entries_stops_the_service_unless_it_is_whole_when_it_is_read_again(lost, for_ever):
    left = [marked(5), *(write for number, write in enumerate(SNAPSHOT) if number not in lost)]
    core, log = Core(), WrittenAnew(left, left if for_ever else [marked(5), *SNAPSHOT])
    with pytest.raises(UserError if for_ever else MovedError) as stop:
        restore(core, SETTINGS, log, 0)
    if for_ever:
        assert stop.value.exit_code == ExitCode.STATE_MISMATCH
        assert "the state is damaged in partition 0: g-changelog (" in stop.value.sentence
        assert "`driftloop recover g`" in stop.value.sentence
    assert core.restored == []
    restore(core, SETTINGS, WrittenAnew([marked(5), *SNAPSHOT]), 0)
    assert core.restored == [0]


def test_state_that_is_ahead_of_offsets_that_stand_still_is_a_mismatch():
    with pytest.raises(UserError) as stop:
        restore(Core(), SETTINGS.model_copy(update={"state": "keyed"}), Moving(5), 0)
    assert stop.value.exit_code == ExitCode.STATE_MISMATCH


@pytest.mark.parametrize("wish", [False, True])
def test_every_transaction_with_records_asks_the_group(wish):
    log, asked = MemoryLog(), []
    core = Core()
    loop = MemoryLoop(core, SETTINGS, log)
    log.append("outcome-frames", key="k", value=b"row")
    loop.settle()
    commit = loop._memory.commit
    loop._memory.commit = lambda writes, offsets: (
        asked.append((len(writes) > 0, dict(offsets))),
        commit(writes, offsets),
    )
    core.wish = wish
    if wish:
        loop._assignment.start_over()  # after which a core is woken
        loop.settle()
    else:
        loop.finish()
    assert any(written for written, _ in asked)
    assert all(offsets for written, offsets in asked if written)
