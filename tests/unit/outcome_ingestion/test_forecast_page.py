"""The spec and the records on the page "Forecasts" are taken in as they stand there."""

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.unit.outcome_ingestion.conftest import Bench, Maker, new_core

from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import PREDICTION_LABELS
from driftloop.spec.model_spec import ModelSpec

PAGE = (Path(__file__).parents[3] / "docs" / "forecasts.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def spec():
    return yaml.safe_load(blocks("yaml")[0])


def test_the_spec_is_valid(spec):
    declared = ModelSpec.model_validate(spec)
    assert declared.target["cpu"].quantiles == (0.1, 0.5, 0.9)


def test_the_records_keep_to_the_contract():
    forecast, *labels = map(json.loads, blocks("json"))
    PredictionOutcome.model_validate(forecast)
    read = [PredictionLabel.model_validate(one) for one in labels]
    assert [one.key for one in read] == ["web-1@08:00:00"] * 2 + ["web-1"]
    assert read[-1].observed_at is not None


def test_the_records_become_a_labelled_forecast(spec):
    bench, records = Bench(new_core(specs=[spec])), Maker()
    forecast, whole, step, _ = (text.encode() for text in blocks("json"))
    bench.feed([records.raw(forecast, "web-1@08:00:00")])
    bench.feed([records.raw(step, "web-1@08:00:00", topic=PREDICTION_LABELS)])
    bench.feed([records.raw(whole, "web-1@08:00:00", topic=PREDICTION_LABELS)])
    assert bench.dead == []
    assert [event for _, event in bench.events()] == ["prediction", "label"]
    row = bench.rows()[-1]
    assert len(row["prediction.cpu"]) == 12
    assert row["label.cpu"] == [41.9, 43.2, None, 60.1]
