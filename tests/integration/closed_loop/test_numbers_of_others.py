"""Whoever serves a model may number its versions as driftloop numbers its own: no two versions share a name."""

import pytest

from driftloop.contracts import topics
from driftloop.contracts.drift_status import DriftStatus
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
    statuses = [DriftStatus.from_json(record.value()) for record in loop.records(topics.DRIFT_STATUS)]
    assert {status.numbered_elsewhere for status in statuses if not status.segment} == {taken}
    found = verify(Recorded([record for topic in (*INPUTS, *OUTPUTS) for record in loop.records(topic)]))
    assert (found.differences, found.incomplete) == ((), ())
    assert found.compared > 0
