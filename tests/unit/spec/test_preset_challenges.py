"""A policy preset says how a new version is proven, unless the spec does."""

import json

import pytest

from driftloop.spec.challenge import ChallengeRule
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import combined_weights, policy_of


def spec(**parts) -> ModelSpec:
    plain = {"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}}
    return ModelSpec.model_validate({**plain, **parts})


DOCUMENTS = {
    "mode": "canary",
    "traffic_share": 0.1,
    "look_rows": 1000,
    "risk": 0.05,
    "minimum_effect": 0.02,
    "critical_errors": 0,
}


def test_the_documents_preset_carries_its_proof_of_two_percent_after_1000_rows_on_a_tenth_of_the_traffic():
    assert spec(policy="document-extraction").challenge == ChallengeRule(**DOCUMENTS)
    assert spec(policy={"preset": "document-extraction"}).challenge == ChallengeRule(**DOCUMENTS)


@pytest.mark.parametrize("said", [{"minimum_effect": 0.05}, ChallengeRule(minimum_effect=0.05)])
def test_what_the_spec_says_itself_comes_first(said):
    assert spec(policy="document-extraction", challenge=said).challenge == ChallengeRule(
        **{**DOCUMENTS, "minimum_effect": 0.05}
    )


def test_a_policy_with_differences_may_differ_in_the_proof_too():
    policy = {"preset": "document-extraction", "challenge": {"look_rows": 2000}}
    assert spec(policy=policy).challenge == ChallengeRule(**{**DOCUMENTS, "look_rows": 2000})
    assert policy_of(policy).challenge == {**DOCUMENTS, "look_rows": 2000}


def test_a_published_spec_is_read_as_it_was_applied_whatever_the_preset_says_now():
    old = spec().model_copy(update={"policy": "document-extraction"})
    assert ModelSpec.model_validate_json(old.model_dump_json()).challenge == ChallengeRule()


def test_a_spec_that_was_applied_before_the_preset_asked_for_more_is_not_asked_for_more():
    applied = spec(policy="document-extraction").model_dump(mode="json")
    del applied["challenge"]["critical_errors"]
    read = ModelSpec.model_validate(applied)
    assert read.challenge.critical_errors is None
    assert ModelSpec.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize("said", [{"critical_errors": None}, ChallengeRule(critical_errors=None)], ids=["dict", "rule"])
def test_what_a_preset_asks_for_can_be_switched_off(said):
    off = spec(policy="document-extraction", challenge=said)
    assert off.challenge.critical_errors is None
    assert ModelSpec.model_validate_json(off.model_dump_json()) == off


@pytest.mark.parametrize("policy", ["default", "agent-outcomes", "nowhere"])
def test_a_preset_without_a_proof_changes_nothing(policy):
    assert "challenge" not in spec(policy=policy).model_fields_set


def test_a_proof_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="look_rows"):
        policy_of({"preset": "default", "challenge": {"look_rows": 3}})


def test_the_weights_of_the_combined_score_are_data():
    told = {"preset": "default", "combined_weights": {"anomaly_rate": 1.0}}
    assert combined_weights(told) == {"anomaly_rate": 1.0}
    assert combined_weights("default") == combined_weights("metrics-forecast")
    assert json.dumps(combined_weights("default")) == json.dumps(
        {
            "prediction_error_rate": 0.4,
            "distribution_shift_score": 0.3,
            "feature_drift_score": 0.2,
            "anomaly_rate": 0.1,
        }
    )
