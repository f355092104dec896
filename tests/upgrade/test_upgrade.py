"""What the harness of upgrades itself promises; the runs take minutes: `python -m tests.upgrade`."""

from collections import Counter

import pytest
from tests.upgrade.releases import Release, earlier
from tests.upgrade.run import BLOCK, ROWS, TRAIN_ROWS, Report, rolling

from driftloop.errors import UserError
from driftloop.tools.local.programs import SERVICES

OLD, NEW = Release("old", ()), Release("new", ())


@pytest.mark.parametrize("seed", range(5))
def test_each_service_is_upgraded_rolled_back_and_upgraded_again(seed):
    plan = rolling(OLD, NEW, seed)
    assert all(TRAIN_ROWS < row < ROWS and row % BLOCK == 0 for row in plan)
    order = {name: [] for name in SERVICES}
    for row in sorted(plan):
        for name, release in plan[row]:
            order[name].append(release.name)
    assert order == {name: ["new", "old", "new"] for name in SERVICES}
    assert Counter(len(what) for what in plan.values()) == {1: 3 * len(SERVICES)}, "one at a time"


def test_a_history_without_the_commit_is_said_in_a_sentence(tmp_path):
    sentence = "the history here has no commit 0000000"
    with pytest.raises(UserError, match=sentence), earlier("0000000", tmp_path):
        pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"lost": 1},
        {"archive_doubled": 1},
        {"dead_letters": 1},
        {"differences": ["x"]},
        {"trouble": ["x"]},
        {"exits": [3]},
    ],
)
def test_a_report_with_anything_wrong_in_it_is_not_good(wrong):
    assert Report("new", "lockstep", exits=[0, 0]).good
    assert not Report("new", "lockstep", **wrong).good
