"""While the coordinator reads in what it had, nothing goes through all of it again and again."""

import gc
from collections.abc import Iterator

import pytest

from driftloop.contracts.topics import MODEL_SPECS
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.watched import declared, renamed
from retrain_coordinator.core.processor import Coordinator
from retrain_coordinator.core.state import ModelState

ENTRIES = [(f"model-{number}", ModelState(model_id=f"model-{number}").to_json()) for number in range(2_000)]


@pytest.fixture
def looks() -> Iterator[list[int]]:
    """A number for each look for cycles, which are so frequent here that a few dozen entries would bring one."""
    seen: list[int] = []
    threshold = gc.get_threshold()

    def count(phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            seen.append(told["generation"])

    gc.callbacks.append(count)
    gc.set_threshold(100, 2, 2)
    yield seen
    gc.set_threshold(*threshold)
    gc.callbacks.remove(count)


def test_no_look_falls_within_a_restore_however_many_models_there_are(looks: list[int]):
    within: list[int] = []

    def entries() -> Iterator[tuple[str, bytes]]:
        before = len(looks)
        yield from ENTRIES
        within.append(len(looks) - before)

    core = Coordinator()
    core.restore(0, entries())
    assert within == [0]
    assert gc.isenabled()
    assert len(list(core.states())) == len(ENTRIES)


def test_specs_that_come_together_bring_no_look_each(looks: list[int]):
    spec, names = declared(10)[0], [f"model-{number}" for number in range(200)]
    records = [FakeRecord(MODEL_SPECS, key=name, value=renamed(spec, name)) for name in names]
    core = Coordinator()
    before = len(looks)
    core.take_table(MODEL_SPECS, records)
    assert len(looks) - before <= 4, "before and after, and none within"
    assert gc.isenabled()


def test_it_looks_again_after_an_entry_that_cannot_be_read():
    with pytest.raises(ValueError, match="model_id"):
        Coordinator().restore(0, [*ENTRIES[:3], ("bad", b"{}")])
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        Coordinator().restore(0, ENTRIES[:3])
        assert not gc.isenabled()
    finally:
        gc.enable()
