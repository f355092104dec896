"""Specs and profiles as tables: bounded, asked without a change, and forgotten where they are withdrawn."""

from typing import Any

import pytest

from drift_detection.core.tables import ABSENT, SpecAndProfileTables
from driftloop.processor import StaleTableError
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord


def frame_record(rows: Any, start: int = 0, stop: int = 10) -> FakeRecord:
    value, headers = rows.frame(start, stop)
    return FakeRecord("outcome-frames", key="gate", value=value, headers=headers)


def test_a_question_changes_nothing_and_made_up_versions_are_not_kept_for_ever() -> None:
    known = SpecAndProfileTables()
    assert [known.has_profile("gate", "9.9.9") for _ in range(2)] == [False, False]
    for number in range(10 * ABSENT):
        known.is_absent("gate", f"{number}.0.0")
    kept = [known.has_profile("gate", f"{number}.0.0") for number in range(10 * ABSENT)]
    assert sum(kept) == ABSENT
    assert all(kept[-ABSENT:])


def test_a_withdrawn_spec_is_forgotten_with_its_model(detection: Any, stream: Any) -> None:
    watched, rows = detection(), stream(100)
    watched.feed(rows, stop=50)
    snapshot = list(watched.core.snapshot(0))
    watched.core.take_table("model-specs", [FakeRecord("model-specs", key="gate", value=None)])
    assert watched.core.models() == []
    assert list(watched.core.snapshot(0)) == []
    with pytest.raises(StaleTableError):
        watched.core.process([frame_record(rows)], START)
    effects = watched.core.process([frame_record(rows)], START, tables_current=True)
    assert effects.ignored == {"unknown_model": 1}
    watched.core.restore(0, snapshot)
    assert watched.core.models() == []
    watched.tables()
    watched.core.restore(0, snapshot)
    assert [model for model, _ in watched.core.models()] == ["gate"]


@pytest.mark.parametrize("topic", ["model-specs", "model-profiles"])
@pytest.mark.parametrize("value", [None, b"", b"rubbish", b"{}", b'{"model_id": "gate", "next": 1}'])
@pytest.mark.parametrize("key", ["gate", "gate/1.0.0", "", None, b"\xff/1"])
def test_whatever_stands_in_a_table_the_next_rows_count(
    topic: str, key: Any, value: Any, detection: Any, stream: Any
) -> None:
    watched = detection()
    watched.core.take_table(topic, [FakeRecord(topic, key=key, value=value)])
    watched.tables()
    assert watched.take(*stream(10).frame(0, 10)).dead_letters == ()
    assert watched.statuses[-1].rows == 10
