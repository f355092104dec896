"""A replica that was put out of its group while it hung: it restores nothing wrong, and writes nothing at all."""

import pytest

from driftloop.errors import ExitCode, UserError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.loop.identity import MARK_KEY, Mark, Stand
from driftloop.kafka.loop.restore import MovedError, restore
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
