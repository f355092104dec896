"""A change of a spec begins anew what it concerns for detection, and nothing else."""

from typing import Any

import numpy as np
import pytest

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.spec.model_spec import (
    Automation,
    Detection,
    Feature,
    LabelDelay,
    ModelSpec,
    Permissions,
    TargetField,
    TrainingRule,
)
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord


def publish(watched: Any, spec: ModelSpec, version: int) -> None:
    published = ModelSpecPublished(
        message_id=derive_id("spec", version), model_id="gate", occurred_at=START, spec_version=version, spec=spec
    )
    watched.core.take_table("model-specs", [FakeRecord("model-specs", key="gate", value=published.to_json())])


def changed_at(watched: Any, rows: Any, spec: ModelSpec, at: int) -> None:
    """Rows up to `at` under the first spec, those after it under `spec`."""
    for first in range(0, at, 500):
        watched.take(*rows.frame(first, min(first + 500, at)))
    publish(watched, spec, 2)
    for first in range(at, rows.rows, 500):
        watched.take(*rows.frame(first, min(first + 500, rows.rows), 2))


@pytest.mark.parametrize(
    "change",
    [
        {"training": TrainingRule(minimum_rows=11)},
        {"permissions": Permissions(promote=("me",))},
        {"automation": Automation(retrain=False)},
        {"policy": "agent-outcomes"},
        {"features": {"heat": Feature(), "load": Feature(), "kind": Feature(kind="category"), "new": Feature()}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_edit_that_does_not_concern_detection_changes_no_signal(
    change: dict[str, Any], detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = stream(6000, seed=41, error_share=np.repeat([0.1, 0.3], 3000))
    rows.columns["heat"][3000:] += 0.6
    plain, edited = detection(), detection()
    plain.feed(rows, cuts=range(500, 6000, 500))
    changed_at(edited, rows, make_spec(**change), 3000)
    assert [signal.to_json() for signal in edited.signals] == [signal.to_json() for signal in plain.signals]
    assert plain.harms()
    assert edited.statuses[-1].notes == ()


@pytest.mark.parametrize(
    ("change", "errors", "windows", "said"),
    [
        ({"detection": Detection(false_alarms_per_month=3.0)}, True, True, None),
        ({"detection": Detection(rows_per_month=5e6)}, True, True, None),
        ({"detection": Detection(loss_block_rows=50)}, True, True, None),
        ({"label_delay": LabelDelay(expected_seconds=60)}, True, True, None),
        ({"segments": ("kind",)}, True, True, "segments"),
        ({"detection": Detection(error_detector="adwin")}, False, True, "losses are watched anew"),
        ({"detection": Detection(window_rows=800)}, True, False, "columns and labels are watched anew"),
        ({"target": {"done": TargetField()}}, False, False, "learnt anew"),
        ({"target": {"ok": TargetField(kind="number")}, "task": "regression"}, False, False, "learnt anew"),
    ],
)
def test_only_what_a_change_concerns_begins_anew_and_the_status_says_so(
    change: dict[str, Any],
    errors: bool,
    windows: bool,
    said: str | None,
    detection: Any,
    stream: Any,
    make_spec: Any,
) -> None:
    rows = stream(3000, seed=42)
    watched = detection()
    watched.feed(rows, cuts=[1000, 2000], stop=2500)
    ((_, model),) = watched.core.models()
    before = model.monitors[""]
    was = before.errors, before.windows
    publish(watched, make_spec(**change), 2)
    watched.take(*rows.frame(2500, 3000, 2))
    after = watched.core.models()[0][1].monitors[""]
    assert (after.errors is was[0], after.windows is was[1]) == (errors, windows)
    notes = "; ".join(watched.statuses[-1].notes)
    assert (said in notes) if said else notes == ""
    assert watched.statuses[-1].labelled_rows == 3000


def test_what_was_learnt_under_another_target_is_forgotten_and_said(
    detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = stream(4000, seed=43)
    watched = detection()
    changed_at(watched, rows, make_spec(target={"done": TargetField()}), 2000)
    status = watched.statuses[-1]
    assert status.active_signals == ()
    assert "loss_reference" not in status.metrics or status.metrics["loss_reference"] == 0.0
    assert status.metrics["unjudged_rows:no_loss"] == 2000
    notes = "; ".join(status.notes)
    assert "learnt another target" in notes
    assert "2,000 labelled rows are not judged: without a prediction and a label of the target" in notes
    ((_, model),) = watched.core.models()
    assert model.monitors[""].windows is not None
    assert all(not column.name.startswith("prediction") for column in model.roster.reference.columns)


def test_a_restored_core_goes_on_after_a_change_of_the_target(detection: Any, stream: Any, make_spec: Any) -> None:
    rows = stream(4000, seed=44)
    whole, first, second = detection(), detection(), detection()
    spec = make_spec(target={"ok": TargetField(tolerance=None, scale=2.0)})
    changed_at(whole, rows, spec, 2000)
    changed_at(first, rows, spec, 2000)
    publish(second, spec, 2)
    second.core.restore(0, list(first.core.snapshot(0)))
    more = stream(2000, seed=45, error_share=0.4)
    for one in (whole, second):
        one.offset = 100
        one.raw.clear()
        one.take(*more.frame(0, 2000, 2))
    assert second.raw == whole.raw


UNUSABLE = ["defualt", {"preset": "none"}, {"combined_limit": -1.0}, {"triggers": {"signals": 3}}]
"""Policies that a person may write: the coordinator says what is wrong with one, and asks for nothing."""


@pytest.mark.parametrize("policy", UNUSABLE, ids=["preset", "origin", "limit", "field"])
def test_a_policy_that_cannot_be_stops_no_watching(policy: Any, detection: Any, stream: Any, make_spec: Any) -> None:
    rows = stream(6000, seed=41, error_share=np.repeat([0.1, 0.3], 3000))
    plain, edited, begun = detection(), detection(), detection(make_spec(policy=policy))
    for one in (plain, begun):
        one.feed(rows, cuts=range(500, 6000, 500))
    changed_at(edited, rows, make_spec(policy=policy), 2000)
    assert plain.harms()
    for one in (edited, begun):
        assert [signal.to_json() for signal in one.signals] == [signal.to_json() for signal in plain.signals]
