"""What a spec may say of forecasts, and the sentences for what makes none."""

import pytest

from driftloop.spec.compatibility import predicts_the_same
from driftloop.spec.forecast import feature_steps, label_steps, prediction_steps
from driftloop.spec.model_spec import ModelSpec


def declared(**changes):
    fields = {
        "model_id": "load",
        "task": "forecast",
        "features": {
            "server": {"kind": "category"},
            "past": {"kind": "series"},
            "day_ago": {"kind": "series", "span": "horizon"},
        },
        "target": {"cpu": {"kind": "series"}},
        "forecast": {
            "horizon": 4, "step_seconds": 30, "entity": "server", "quantiles": [0.1, 0.5, 0.9], "encoder_steps": 6,
            "lags": {"day_ago": 2880},
        },
    }  # fmt: skip
    return fields | changes


def rule(**changes):
    return declared()["forecast"] | changes


def test_lengths_follow_from_the_forecast():
    spec = ModelSpec.model_validate(declared())
    assert [feature_steps(spec, name) for name in spec.features] == [0, 6, 4]
    assert (label_steps(spec), prediction_steps(spec)) == (4, 12)
    assert spec.target["cpu"].quantiles == (0.1, 0.5, 0.9)
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.wild(
    area="specs",
    given="a forecast that cannot be: a lag within the horizon, a series without `forecast`, no past",
    right="the spec is refused with a sentence that says what is missing",
)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forecast": None}, "is of kind series: say in `forecast` how many steps"),
        ({"forecast": rule(lags={"day_ago": 3})}, "the lag must be at least the horizon"),
        ({"forecast": rule(lags={"past": 2880})}, "no feature of kind series with span horizon"),
        ({"forecast": rule(quantiles=[0.9, 0.1])}, "must ascend"),
        ({"forecast": rule(entity="rack")}, "no feature of kind category"),
        ({"target": {"cpu": {"kind": "number"}}}, "needs a target of kind series"),
        ({"target": {"cpu": {"kind": "series", "tolerance": 1}}}, "is judged by forecast.quantiles"),
        ({"features": {"server": {"kind": "category"}}}, "a forecast needs the past"),
        ({"task": "regression", "target": {"cpu": {"kind": "number"}}}, "belongs to task forecast"),
    ],
    ids=["no rule", "lag", "lag of past", "order", "entity", "number", "tolerance", "no past", "task"],
)
def test_what_makes_no_forecast_is_refused_with_a_sentence(changes, words):
    with pytest.raises(ValueError, match=words):
        ModelSpec.model_validate(declared(**changes))


def test_versions_are_compared_only_where_they_forecast_the_same_steps():
    spec = ModelSpec.model_validate(declared())
    longer = ModelSpec.model_validate(declared(forecast=rule(horizon=5)))
    assert predicts_the_same(spec, spec)
    assert not predicts_the_same(spec, longer)


def test_a_spec_of_one_number_says_nothing_of_series():
    plain = declared(features={"x": {}}, target={"y": {"kind": "number"}}, forecast=None)
    said = ModelSpec.model_validate(plain).model_dump(mode="json")
    assert "forecast" not in said
    assert said["features"]["x"].keys().isdisjoint({"span"})
    assert said["target"]["y"].keys().isdisjoint({"quantiles"})
