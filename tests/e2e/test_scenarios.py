"""The scenarios on a real broker: what each has to show, and that it shows the same twice."""

import json
import os

import pytest

from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.run import replay
from driftloop.tools.simulation.scenario import scenario_json
from driftloop.tools.simulation.scenarios import SCENARIOS, scenario

pytestmark = [pytest.mark.broker, pytest.mark.slow]
WHOLE = [name for name in SCENARIOS if os.environ.get("DRIFTLOOP_SCENARIOS")]


def played(name: str, audience) -> dict:
    world = scenario(name)
    recording = world.recording()
    result = replay(ReplayOptions(name, target=next(iter(recording.spec.target))), audience, recording=recording)
    return json.loads(json.dumps(scenario_json(world, result, result.wall_seconds)))


@pytest.mark.parametrize("name", WHOLE or ["agents"])
def test_every_claim_of_a_scenario_holds(name, spectator):
    said = played(name, spectator())
    assert said["scenario"] == name
    failed = {claim: told for claim, told in said["claims"].items() if not told["holds"] and not claim.endswith("_ms")}
    assert failed == {}
    assert said["wall_seconds"] > 0


@pytest.mark.skipif(not WHOLE, reason="make scenarios plays each twice")
@pytest.mark.parametrize("name", WHOLE)
def test_a_scenario_played_twice_says_the_same(name, spectator):
    one, other = played(name, spectator()), played(name, spectator())
    for said in (one, other):
        del said["wall_seconds"]
        said["claims"] = {claim: told for claim, told in said["claims"].items() if not claim.endswith("_ms")}
    assert one == other
