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


def by_the_clock(claim: str) -> bool:
    """Whether a claim is measured by a clock: it may differ between two runs, and fail on a busy machine."""
    return claim.endswith("_ms")


def failed(said: dict) -> dict:
    return {claim: told for claim, told in said["claims"].items() if not told["holds"] and not by_the_clock(claim)}


def repeatable(said: dict) -> dict:
    """All that must be the same each time: claims, counts, signals, and decisions with their reasons."""
    claims = {claim: told for claim, told in said["claims"].items() if not by_the_clock(claim)}
    return {**said, "claims": claims, "wall_seconds": None}


@pytest.mark.skipif(bool(WHOLE), reason="make scenarios plays each twice")
def test_every_claim_of_a_scenario_holds(spectator):
    said = played("agents", spectator())
    assert said["scenario"] == "agents"
    assert failed(said) == {}
    assert said["wall_seconds"] > 0


@pytest.mark.skipif(not WHOLE, reason="make scenarios plays each twice")
@pytest.mark.parametrize("name", WHOLE)
def test_a_scenario_played_twice_holds_its_claims_and_says_the_same(name, spectator):
    one, other = played(name, spectator()), played(name, spectator())
    assert (failed(one), failed(other)) == ({}, {})
    assert repeatable(one) == repeatable(other)
