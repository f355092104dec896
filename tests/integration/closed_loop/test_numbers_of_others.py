"""Whoever serves a model may number its versions as driftloop numbers its own: no two versions share a name."""

import pytest

from driftloop.contracts import topics
from driftloop.contracts.drift_status import DriftStatus
from driftloop.cores.version_order import age_order
from driftloop.tools.backtest.loop_in_memory import TrainsAtOnce
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import INPUTS, OUTPUTS, Recorded

FIRST = {"policy": {"preset": "default", "triggers": {"first_version_rows": 300}}}


@pytest.mark.parametrize(("theirs", "ours"), [("1.0.0", "1.0.1"), ("4.2.10", "4.2.11"), ("ours-7", "1.0.0")])
def test_the_first_run_has_a_number_above_that_of_the_server_and_verifies(closed_loop, stream, theirs, ours):
    loop = closed_loop(**FIRST)
    for start in range(0, 1_500, 250):
        loop.publish_as(theirs, stream(250, seed=start))
    assert loop.requests[0].version == ours
    assert theirs not in {request.version for request in loop.requests}
    taken = theirs if theirs != "ours-7" else None
    assert loop.decisions[0].evidence.get("numbered_above") == taken
    assert beside(loop) == {None}, "the status names it already"
    verifies(loop)


def test_a_version_that_a_few_rows_name_beside_the_serving_one_counts_too(closed_loop, stream):
    loop = closed_loop(**FIRST)
    for start in range(0, 1_000, 200):
        loop.publish_as("ours-7", stream(190, seed=start))
        loop.publish_as("1.0.4", stream(10, seed=start + 1))
    assert loop.requests[0].version == "1.0.5"
    assert beside(loop) == {None, "1.0.4"}
    verifies(loop)


@pytest.mark.parametrize("theirs", ["1.0.999999999", "999999999.999999999.999999999", "1.0.99999999999999999999"])
def test_an_absurd_number_of_a_few_rows_stops_nothing(closed_loop, stream, theirs):
    loop = closed_loop(**FIRST)
    for start in range(0, 600, 200):
        loop.publish_as("ours-7", stream(190, seed=start))
        loop.publish_as(theirs, stream(10, seed=start + 1))
    assert loop.champion is not None
    loop.command("retrain")
    first, second = (request.version for request in loop.requests)
    assert age_order(first) < age_order(second)
    assert (first, second) == (("1.1.0", "1.1.1") if theirs == "1.0.999999999" else ("1.0.0", "1.0.1"))
    verifies(loop)


def test_a_number_that_comes_while_its_run_is_in_progress_is_not_shared(closed_loop, stream, monkeypatch):
    loop, ends = closed_loop(**FIRST), TrainsAtOnce.reports
    monkeypatch.setattr(TrainsAtOnce, "reports", lambda _self: ())
    loop.publish_as("ours-7", stream(300, seed=1))
    loop.publish_as("1.0.0", stream(100, seed=2))
    monkeypatch.setattr(TrainsAtOnce, "reports", ends)
    loop.publish_as("1.0.0", stream(300, seed=3))
    told = [made for made in loop.decisions if made.trigger == "version_name"]
    assert ["not taken in" in made.reason for made in told] == [True, True]
    assert [request.version for request in loop.requests] == ["1.0.0"]
    loop.publish_as("1.0.0", stream(900, seed=4))
    assert [request.version for request in loop.requests] == ["1.0.0", "1.0.1"]
    assert loop.champion.version == "1.0.1"
    verifies(loop)


def test_a_server_s_own_model_may_be_registered_by_the_number_that_it_has_served_by(closed_loop, stream):
    elsewhere = closed_loop().learn_first(stream(300, seed=1))
    (profile,), made = elsewhere.records(topics.MODEL_PROFILES), elsewhere.champion
    loop = closed_loop()
    loop.publish_as("1.0.0", stream(300, seed=2))
    loop.put_profile("1.0.0", profile.value())
    loop.command("register", version="1.0.0", artifact=made.artifact, artifact_sha256=made.artifact_sha256)
    loop.publish_as("1.0.0", stream(300, seed=3))
    assert loop.champion.version == "1.0.0"
    assert beside(loop) == {None}
    verifies(loop)


def beside(loop):
    """What statuses of the whole model name beside the version that they are about."""
    statuses = [DriftStatus.from_json(record.value()) for record in loop.records(topics.DRIFT_STATUS)]
    return {status.numbered_elsewhere for status in statuses if not status.segment}


def verifies(loop):
    """All that was published comes out the same from the log."""
    found = verify(Recorded([record for topic in (*INPUTS, *OUTPUTS) for record in loop.records(topic)]))
    assert (found.differences, found.incomplete) == ((), ())
    assert found.compared > 0
