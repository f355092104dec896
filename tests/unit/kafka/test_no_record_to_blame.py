"""What is away is no record's fault; anything else that a core raises is. A record without a place is an error."""

import ast
from collections.abc import Iterator
from pathlib import Path

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


ROOT = Path(__file__).parents[3]
OTHERWISE = {
    "ServerAwayError": "a version whose model server is away is refused, and its frame is answered",
    "operations_console/adapters/ports.py": "the page's own: no loop is there",
}
AT_THE_START = {
    "services/operations_console/adapters/deliverer.py", "services/operations_console/adapters/web/identity.py",
    "services/operations_console/adapters/process.py",
}  # fmt: skip
"""Files that are read before the loop turns, and the process of the page, which has none."""


def _nodes(*folders: str, naming: str) -> Iterator[tuple[str, ast.AST]]:
    """The syntax of the files in which that word stands."""
    for folder in folders:
        for path in sorted(ROOT.glob(folder)):
            if naming in (text := path.read_text(encoding="utf-8")):
                name = str(path.relative_to(ROOT))
                yield from ((name, node) for node in ast.walk(ast.parse(text)))


def test_every_error_that_says_away_is_the_loops():
    found = {}
    for path, node in _nodes("services/**/*.py", "shared/**/*.py", naming="AwayError"):
        if isinstance(node, ast.ClassDef) and node.name.endswith("AwayError") and node.name not in OTHERWISE:
            found[f"{path}: {node.name}"] = [ast.unparse(base) for base in node.bases]
    own = {where for where in found if any(where.split(":")[0].endswith(other) for other in OTHERWISE)}
    own |= {"shared/driftloop/errors.py: AwayError"}
    assert {where for where, bases in found.items() if not any(one.endswith("AwayError") for one in bases)} == own


def test_what_a_core_uses_raises_no_plain_user_error():
    """A plain UserError is blamed on the record: what is away, or full, or another's, is an AwayError."""
    shared = ("archive/owner.py", "archive/reading.py", "artifacts/*.py", "rest.py")
    reached = ("services/*/core/**/*.py", "services/*/adapters/**/*.py", *(f"shared/driftloop/{one}" for one in shared))
    found = {
        path
        for path, node in _nodes(*reached, naming="UserError")
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func).endswith("UserError")
    }
    assert found <= AT_THE_START, f"raise AwayError there: {found - AT_THE_START}"
