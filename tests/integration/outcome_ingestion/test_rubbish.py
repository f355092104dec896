"""Every class of bad message among good ones, on the real broker: the small brother of `python -m tests.rubbish`."""

import pytest
from tests.rubbish.bad import BAD
from tests.rubbish.run import Plan, run

pytestmark = pytest.mark.broker


@pytest.mark.timeout(300)
def test_good_records_go_through_once_and_bad_ones_are_buried_once_as_they_were(kafka):
    classes = sum(map(len, BAD.values()))
    report = run(kafka, Plan(400, good_each=10, huge_each=1), seconds=240.0)
    assert report["classes"] == classes >= 100
    assert (report["in_frames"], report["in_dlq"]) == (report["good"], report["bad"]), report
    assert not any(report[name] for name in ("lost", "doubled", "let_in", "changed", "crashes")), report
    assert not any(report["batches_failed"].values()), "a decoder raised what it should not"
