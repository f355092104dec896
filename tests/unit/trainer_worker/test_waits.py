"""Each way in which the trainer and scoring can wait has its metric, its words and its alert."""

from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from driftloop.artifacts.store import StoreAwayError
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.tools.cli.service_waits import SHOWN, waits_in
from driftloop.waits import SCORING, TRAINER
from trainer_worker.adapters.patience import patiently
from trainer_worker.metrics import RefusedVersions, ScoreMetrics, TrainMetrics

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules.yml"


@pytest.fixture
def registry(core) -> CollectorRegistry:
    found = LoopMetrics("challenge_scoring").registry
    TrainMetrics(found).watch(core, lambda: 30.0, found)
    ScoreMetrics(found)
    found.register(RefusedVersions({("plant", "1.0.0"): "its artifact is gone"}))
    return found


@pytest.mark.parametrize("wait", TRAINER + SCORING, ids=lambda wait: f"{wait.service}-{wait.name}")
def test_each_wait_has_its_metric_its_words_and_its_alert(wait, registry):
    assert wait.metric in {family.name for family in registry.collect()}
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    assert wait.alert in alerts
    assert wait.status
    assert wait.ends
    if wait.metric in SHOWN:
        assert waits_in(f"{wait.metric} 1.0") == [f"{wait.status} (1)"]


def test_a_queue_and_a_refused_version_are_shown(registry, core, make_request, as_record):
    core.process([as_record(make_request(number), number) for number in (1, 2, 3)], make_request().occurred_at)
    shown = waits_in(generate_latest(registry).decode())
    assert shown == ["runs wait for a free place (2)", "a run is in progress (30)", "a version cannot be scored (1)"]


def test_a_store_that_is_away_is_asked_again_and_shown():
    answers = iter([StoreAwayError("away"), "model"])
    told = []

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, StoreAwayError):
            raise answer
        return answer

    assert patiently(ask, told.append, seconds=5.0) == "model"
    assert told == [1, 0]


def test_a_store_that_stays_away_ends_the_wait_with_its_sentence():
    def ask() -> str:
        raise StoreAwayError("the artifact store does not answer for /x: timed out")

    with pytest.raises(StoreAwayError, match="timed out"):
        patiently(ask, lambda _away: None, seconds=0.1)
