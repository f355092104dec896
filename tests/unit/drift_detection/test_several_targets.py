"""A model with several targets: its figures look at all of them, and so do corrections and snapshots."""

import json
import zlib
from typing import Any

import numpy as np
import pytest

from driftloop.spec.model_spec import TargetField

TARGETS = {
    "ok": TargetField(),
    "kind": TargetField(),
    "weight": TargetField(kind="number", scale=2.0),
    "size": TargetField(kind="number", tolerance=0.5),
}
RIGHT = {"ok": 0.9, "kind": 0.6, "size": 0.75}
"""Shares of rows that are right by the way the rows are made."""


def of_several_targets(stream: Any, rows: int, seed: int = 0) -> Any:
    """Rows with four targets, each wrong in a share of its own."""
    made, rng = stream(rows, seed=seed), np.random.default_rng(seed + 100)
    kinds = rng.choice(["a", "b", "c"], rows).astype(object)
    wrong = rng.random(rows) >= RIGHT["kind"]
    weights, sizes = rng.normal(50.0, 5.0, rows), rng.normal(size=rows)
    far = rng.random(rows) >= RIGHT["size"]
    made.columns |= {
        "label.kind": kinds,
        "prediction.kind": np.where(wrong, "d", kinds).astype(object),
        "label.weight": weights,
        "prediction.weight": weights + 3.0,
        "label.size": sizes,
        "prediction.size": sizes + np.where(far, 1.0, 0.1),
    }
    return made


@pytest.fixture
def spec(make_spec: Any) -> Any:
    return make_spec(task="multi-field", target=TARGETS)


def test_each_target_has_its_figures_and_their_mean_stands_without_a_name(
    detection: Any, stream: Any, spec: Any
) -> None:
    watched = detection(spec, versions=())
    watched.feed(of_several_targets(stream, 1000), cuts=range(130, 1000, 130))
    found = watched.statuses[-1].metrics
    for name, share in RIGHT.items():
        assert found[f"accuracy.{name}"] == pytest.approx(share, abs=0.04)
    assert found["accuracy"] == pytest.approx(np.mean([found[f"accuracy.{name}"] for name in RIGHT]))
    assert found["error_rate"] == pytest.approx(1.0 - found["accuracy"])
    assert found["mae.weight"] == pytest.approx(3.0)
    assert found["mae.size"] == pytest.approx(0.1 * found["accuracy.size"] + 1.0 * (1 - found["accuracy.size"]))
    assert found["mae"] == pytest.approx((found["mae.weight"] / 2.0 + found["mae.size"]) / 2)
    assert found["f1"] == pytest.approx((found["f1.ok"] + found["f1.kind"]) / 2)
    assert found["f1.kind"] < found["f1.ok"]
    sure = found["confidence"]
    assert found["calibration_error"] >= abs(sure - found["accuracy"]) - 1e-9, "of all targets, not of the first"


def test_figures_do_not_depend_on_frames_or_on_a_restart(detection: Any, stream: Any, spec: Any) -> None:
    rows = of_several_targets(stream, 700)
    one, other, restored = (detection(spec, versions=()) for _ in range(3))
    one.feed(rows, cuts=[400])
    other.feed_with(restored, rows, cuts=[90, 201, 333, 500], at=2)
    assert one.statuses[-1].metrics == pytest.approx(restored.statuses[-1].metrics)


def test_corrections_of_any_target_are_counted(detection: Any, stream: Any, spec: Any) -> None:
    right = of_several_targets(stream, 600)
    told = of_several_targets(stream, 900)
    again = np.r_[np.arange(600), np.arange(300)]
    told.columns = {name: values[again] for name, values in right.columns.items()}
    told.columns["event"] = np.array(["outcome"] * 600 + ["correction"] * 300, dtype=object)
    for name, slip in (("label.kind", "d"), ("label.weight", 0.0), ("ok", "2")):
        told.columns[name] = told.columns[name].copy()
        told.columns[name][:300] = slip
    watched, ideal = detection(spec, versions=()), detection(spec, versions=())
    watched.feed(told, cuts=[250, 600, 700])
    ideal.feed(right, cuts=[250])
    names = ["accuracy", "accuracy.kind", "mae", "mae.weight", "f1.kind", "f1.ok", "calibration_error", "rolling_loss"]
    found, expected = (watched.statuses[-1].metrics, ideal.statuses[-1].metrics)
    assert {name: found[name] for name in names} == pytest.approx({name: expected[name] for name in names})


def test_a_snapshot_of_figures_of_the_first_target_is_gone_on_from(detection: Any, stream: Any, spec: Any) -> None:
    """What an earlier release kept of a model with several targets lacks the other targets' figures."""
    rows = of_several_targets(stream, 900)
    before, after = detection(spec, versions=()), detection(spec, versions=())
    before.feed(rows, stop=330)
    ((model, packed),) = before.core.snapshot(0)
    kept = json.loads(zlib.decompress(packed))
    for monitor in kept["model"]["roster"]["monitors"].values():
        del monitor["quality"]["measures"]
    kept["model"]["losses"]["counted"] = kept["model"]["losses"]["counted"][:7]
    after.core.restore(0, [(model, zlib.compress(json.dumps(kept).encode()))])
    after.offset = before.offset
    after.feed(rows, cuts=[400, 600], start=330)
    assert after.statuses[-1].metrics["accuracy.kind"] == pytest.approx(RIGHT["kind"], abs=0.06)
    assert after.statuses[-1].metrics["rolling_rows"] == 550, "from the next block of 50 on"


def test_one_target_has_the_figures_that_it_had(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(300))
    names = {name for name in watched.statuses[-1].metrics if "." in name}
    assert not names, "figures by target are of several targets only"


@pytest.mark.parametrize(
    ("without", "known"),
    [((), False), (("weight",), True), (("weight", "size"), True), (("ok", "kind", "size"), False)],
    ids=["a-number-among-them", "all-right-or-wrong", "classes", "one-number"],
)
def test_a_drop_of_accuracy_is_told_where_the_loss_is_the_share_that_is_wrong(
    without: tuple[str, ...], known: bool, detection: Any, stream: Any, make_spec: Any
) -> None:
    target = {name: field for name, field in TARGETS.items() if name not in without}
    watched = detection(make_spec(task="multi-field" if len(target) > 1 else "regression", target=target), versions=())
    watched.feed(of_several_targets(stream, 1000), cuts=range(130, 1000, 130))
    found = watched.statuses[-1].metrics
    assert "loss_reference" in found
    assert {name in found for name in ("accuracy_drop", "health_points", "health_score")} == {known}
    if known:
        assert found["accuracy_drop"] == pytest.approx(found["error_rate"] - found["loss_reference"])
        assert abs(found["accuracy_drop"]) < 0.1, "nothing has changed"
