"""Nothing waits in silence: what shows each wait of the table is really there."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import yaml

from driftloop.spec.policy import preset_names
from driftloop.tools.cli.waits_shown import wait_words, waits_in
from driftloop.tools.reference.metrics import metrics
from driftloop.waits import COORDINATOR, WAITS
from retrain_coordinator.core import waiting
from retrain_coordinator.core.deciding import safeguards
from retrain_coordinator.core.deciding.evidence import Evidence, History
from retrain_coordinator.core.state import Asked, ModelState
from retrain_coordinator.metrics import ModelGauges

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())["groups"]
ALERTS = {rule["alert"]: rule for group in RULES for rule in group["rules"]}
TESTED = {
    check["alertname"]
    for path in (ROOT / "deploy" / "prometheus").glob("*_test.yml")
    for test in yaml.safe_load(path.read_text())["tests"]
    for check in test["alert_rule_test"]
}
each_wait = pytest.mark.parametrize("wait", WAITS, ids=lambda wait: f"{wait.service}-{wait.name}")
DECLARED = cache(lambda: {metric.name for metric in metrics()})
of_models = pytest.mark.parametrize("wait", COORDINATOR, ids=lambda wait: wait.name)


@each_wait
def test_its_metric_is_one_that_the_code_declares(wait):
    of_prometheus_itself = {"up"}
    assert wait.metric in DECLARED() | of_prometheus_itself


@each_wait
def test_its_alert_goes_by_its_metric_and_has_a_test(wait):
    assert wait.metric in ALERTS[wait.alert]["expr"]
    assert wait.alert in TESTED


@of_models
def test_the_alert_of_a_model_s_wait_names_it(wait):
    pattern = re.search(r'waits_for=~"([a-z_|]+)"', ALERTS[wait.alert]["expr"])
    assert wait.name in pattern.group(1).split("|")
    others = [one.name for one in COORDINATOR if one.alert == wait.alert]
    assert sorted(others) == sorted(pattern.group(1).split("|"))


@of_models
def test_status_and_metric_show_a_model_s_wait(wait):
    state = ModelState(model_id="gate", waits={wait.name: datetime(2026, 3, 2, 8, 15, tzinfo=UTC)})
    record = type("TailRecord", (), {"key": "gate", "value": state.to_json()})
    assert wait_words(waits_in([record])["gate"]) == [f"{wait.status}, since 2026-03-02T08:15:00"]
    families = {family.name: family for family in ModelGauges(lambda: [state]).collect()}
    samples = [(sample.labels, sample.value) for sample in families[wait.metric].samples]
    assert samples == [({"model": "gate", "waits_for": wait.name}, 1.0)]


def test_a_model_that_is_deleted_from_the_state_waits_for_nothing():
    records = [type("TailRecord", (), {"key": "gate", "value": value}) for value in (b'{"waits": {"run": "x"}}', None)]
    assert waits_in(records) == {}


def test_every_safeguard_that_can_refuse_has_its_wait():
    from driftloop.spec.policy import policy_of

    names = {wait.name for wait in COORDINATOR}
    now = datetime(2026, 3, 2, tzinfo=UTC)
    for preset in preset_names():
        policy = policy_of({"preset": preset, "safeguards": {"free_disk_gb": 1}})
        case = safeguards.Case(Asked(trigger="t", reason="r"), Evidence(), History(), policy, now)
        for state in safeguards.states(case):
            assert waiting.name_of(state) in names


def test_no_two_waits_of_a_service_share_a_name():
    names = [(wait.service, wait.name) for wait in WAITS]
    assert len(set(names)) == len(names)


def test_a_state_without_waits_says_so():
    assert json.loads(ModelState(model_id="gate").to_json()) == {"model_id": "gate"}
