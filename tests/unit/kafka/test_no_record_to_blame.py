"""What is away is no record's fault; anything else that a core raises is. A record without a place is an error."""

import pytest
from tests.contract.loop.conftest import Counter

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.clients.messages import place_of, record_of
from driftloop.kafka.loop.tasks import Tasks
from driftloop.kafka.settings import LoopSettings
from driftloop.testing.records import FakeRecord

SETTINGS = LoopSettings(
    service="counter", group="counter", inputs=("outcome-frames",), state="keyed", snapshot_every=1, attempts=1
)


class Refusing(Counter):
    """Raises once it meets the key `b`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def process(self, records, now, *, tables_current=False):
        if self.error is not None and any(record.key() == b"b" for record in records):
            raise self.error
        return super().process(records, now)


def _log() -> MemoryLog:
    log = MemoryLog()
    for key in "abc":
        log.append("outcome-frames", key=key, value=key)
    return log


def test_a_store_that_is_away_ends_the_process_and_buries_nothing():
    log, core = _log(), Refusing(AwayError("the disk is full"))
    loop = MemoryLoop(core, SETTINGS, log)
    with pytest.raises(AwayError, match="the disk is full"):
        loop.settle()
    assert log.records(DEAD_LETTERS) == []
    loop.kill()
    core.error = None
    MemoryLoop(core, SETTINGS, log).settle()
    assert log.offsets["counter"] == {("outcome-frames", 0): log.end(("outcome-frames", 0))}
    assert log.records(DEAD_LETTERS) == []


@pytest.mark.parametrize("error", [UserError("no such option", ExitCode.USAGE), ValueError("x"), OSError("gone")])
def test_any_other_error_is_blamed_on_the_record_that_raises_it(error):
    log = _log()
    MemoryLoop(Refusing(error), SETTINGS, log).settle()
    assert [letter.key() for letter in log.records(DEAD_LETTERS)] == [b"b"]


class Placeless(FakeRecord):
    """What the client's types allow, and no log ever holds."""

    def offset(self):
        return None


def test_a_message_without_an_offset_is_an_error_and_never_the_first_of_its_partition():
    message = Placeless("outcome-frames", value="x", at_partition=1)
    with pytest.raises(ValueError, match="partition 1, offset None"):
        record_of(message, "")
    with pytest.raises(ValueError, match="without a place"):
        place_of(message, "other.")
    tasks = Tasks(["outcome-frames"])
    tasks.assigned([("outcome-frames", 1)])
    (task,) = tasks.waiting()
    tasks.start(task, {"outcome-frames": 0})
    with pytest.raises(TypeError):
        tasks.accept([message])
    assert tasks.uncommitted() == {("outcome-frames", 1): 0}
