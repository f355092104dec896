"""Probes: what is overdue is asked for once a slot, over restarts and replicas."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import SafeguardState
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from operations_console.adapters.probing import probe
from operations_console.core.probes import probes

from .conftest import SPEC, START, Story, decision, envelope, event
from .test_report import viewed

DAY = timedelta(days=1)


def aged(days: float = 30.0) -> Story:
    policy = {"preset": "default", "triggers": {"forced_age_seconds": days * 86_400}}
    spec = ModelSpec.model_validate({**SPEC, "policy": policy})
    return [
        (topics.MODEL_SPECS, ModelSpecPublished(**envelope("plant", "spec", 0), spec_version=1, spec=spec)),
        (topics.MODEL_EVENTS, event("plant", 1, "registered", "1.0.0")),
        (topics.MODEL_EVENTS, event("plant", 2, "promoted", "1.0.0")),
    ]


def refused(*rules: SafeguardState) -> Story:
    spec = aged()[0]
    return [
        *aged()[1:],
        spec,
        (topics.RETRAIN_DECISIONS, decision("plant", 5, "refuse", "drift", "no", safeguards=rules)),
    ]


def gap(allowed_at: datetime | None) -> SafeguardState:
    return SafeguardState(name="least_gap", passed=False, detail="too soon", allowed_at=allowed_at)


def asked(messages: Story, slot: datetime) -> list[str]:
    return [one.reason for one in probes(viewed(messages).models.values(), slot)]


def test_a_champion_that_is_too_old_is_asked_for():
    assert asked(aged(), START + 29 * DAY) == []
    (reason,) = asked(aged(), START + 31 * DAY)
    assert reason == "no run for 31.0 days, 30 are allowed"


def test_a_policy_that_cannot_be_asks_for_nothing():
    spec, *events = aged()
    bad = ModelSpec.model_validate({**SPEC, "policy": "defualt"})
    published = ModelSpecPublished(**envelope("plant", "spec", 0), spec_version=1, spec=bad)
    assert asked([(spec[0], published), *events], START + 31 * DAY) == []


def test_a_run_that_a_cool_down_put_off_is_asked_for_when_it_is_over():
    over = START + timedelta(hours=6)
    story = refused(gap(over))
    assert asked(story, over - timedelta(minutes=1)) == []
    (reason,) = asked(story, over)
    assert reason == "least_gap refused a run by drift until 2026-03-02 14:00 UTC, and that is over"


@pytest.mark.parametrize(
    "more",
    [
        [(topics.MODEL_EVENTS, event("plant", 6, "frozen", "1.0.0"))],
        [(topics.MODEL_EVENTS, event("plant", 6, "challenged", "1.0.1"))],
        [(topics.RETRAIN_DECISIONS, decision("plant", 6, "retrain", "drift", "yes"))],
    ],
    ids=["frozen", "challenged", "retrained"],
)
def test_nothing_is_asked_for_that_is_frozen_or_under_way_or_done(more: Story):
    assert asked([*refused(gap(START)), *more], START + DAY) == []


def test_a_rule_that_says_no_moment_is_left_to_the_coordinator():
    rules = gap(START), SafeguardState(name="patience", passed=False, detail="not yet")
    assert asked(refused(*rules), START + DAY) == []


def test_a_slot_is_asked_for_once_over_restarts_and_replicas():
    story, slot = aged(), START + 31 * DAY
    view, replica = viewed(story), viewed(story)
    (first,), (second,) = (list(probes(one.models.values(), slot)) for one in (view, replica))
    assert first == second
    view.take(FakeRecord(topics.MODEL_COMMANDS, key="plant", value=first.command(slot).to_json(), at_offset=9))
    assert list(probes(view.models.values(), slot)) == []
    (next_one,) = probes(view.models.values(), slot + timedelta(hours=1))
    assert next_one.command_id != first.command_id


def test_a_probe_is_a_command_like_any_other(serve: Any):
    served = serve(aged())
    served.desk.clock = lambda: START + 31 * DAY + timedelta(minutes=5)
    asyncio.run(probe(served.desk, "0 8 * * *"))
    (record,) = served.port.log.records(topics.MODEL_COMMANDS)
    sent = ModelCommand.from_json(record.value() or b"")
    assert (sent.command, sent.requested_by) == ("retrain", "schedule")
    assert sent.message_id == derive_id("probe", "forced_age", "plant", (START + 31 * DAY).isoformat())
