import pytest

from driftloop.kafka.loop.tasks import Gap, Tasks
from driftloop.testing.records import FakeRecord


def ready_tasks(*numbers):
    tasks = Tasks(("a", "b"))
    tasks.assigned([(topic, number) for number in numbers for topic in ("a", "b")])
    for task in tasks.waiting():
        tasks.start(task, {"a": 10, "b": 0})
    return tasks


def test_a_task_waits_until_its_partition_of_every_input_is_here():
    tasks = Tasks(("a", "b"))
    tasks.assigned([("a", 0), ("a", 1), ("b", 1)])
    assert [task.number for task in tasks.waiting()] == [1]


def test_records_before_the_next_offset_or_of_others_are_not_accepted():
    tasks = ready_tasks(0)
    records = [FakeRecord("a", at_offset=9), FakeRecord("a", at_offset=10), FakeRecord("a", at_partition=1)]
    assert [record.offset() for record in tasks.accept(records).records] == [10]
    assert tasks.accept(records).records == []


def test_an_end_behind_the_last_record_counts_as_read():
    tasks = ready_tasks(0)
    tasks.committed(tasks.uncommitted())
    assert tasks.reached({("a", 0): 12, ("b", 0): 1, ("b", 5): 3}) == [Gap(("a", 0), 10, 12)]
    assert tasks.uncommitted() == {("a", 0): 12, ("b", 0): 1}


def test_a_restored_task_states_its_offsets_once():
    tasks = ready_tasks(0)
    assert tasks.uncommitted() == {("a", 0): 10, ("b", 0): 0}
    tasks.committed(tasks.uncommitted())
    assert tasks.uncommitted() == {}


def test_losing_one_input_of_a_task_stops_it_until_it_comes_back():
    tasks = ready_tasks(0, 1)
    gone = tasks.gone([("b", 0)])
    assert [(task.number, task.ready) for task in gone] == [(0, True)]
    assert [task.number for task in tasks.ready()] == [1]
    assert tasks.waiting() == []
    tasks.assigned([("b", 0)])
    assert [task.number for task in tasks.waiting()] == [0]


def test_commits_that_took_in_records_are_counted_for_the_snapshot():
    tasks = ready_tasks(0, 1)
    tasks.accept([FakeRecord("a", at_offset=10)])
    tasks.committed(tasks.uncommitted())
    tasks.committed({})
    assert [task.since_snapshot for task in tasks.ready()] == [1, 0]


@pytest.mark.parametrize("leftover", [[], [FakeRecord("b", at_offset=-1)]], ids=["all at once", "one by one"])
def test_a_gap_that_is_longer_than_a_marker_is_told(leftover):
    tasks = ready_tasks(0, 1)
    at = [(0, 11), (0, 13), (1, 13), (0, 16), (1, 14)]
    records = [FakeRecord("a", at_partition=number, at_offset=offset) for number, offset in at]
    accepted = tasks.accept([*leftover, *records])
    assert accepted.records == records
    assert sorted(accepted.gaps) == [Gap(("a", 0), 14, 16), Gap(("a", 1), 10, 13)]
