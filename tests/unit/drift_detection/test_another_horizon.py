"""A forecast of another horizon is another target: what was learnt of the former one is not gone on with."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from drift_detection.core.concerns import changed_parts
from drift_detection.core.findings import References
from drift_detection.core.losses.metrics_of import quality_metrics
from drift_detection.core.model import WatchedModel
from drift_detection.core.rows import FrameRows
from driftloop.codec.frames import ROW_COLUMNS, Frame
from driftloop.codec.series import column_of
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.spec.compatibility import target_of
from driftloop.spec.model_spec import ModelSpec

ROWS = 300


def spec_of(**rule: Any) -> ModelSpec:
    declared = {"horizon": 2, "step_seconds": 60, "encoder_steps": 2, **rule}
    return ModelSpec.model_validate(
        {
            "model_id": "load",
            "task": "forecast",
            "serving": "external",
            "baseline_rows": ROWS,
            "features": {"past": {"kind": "series"}, "planned": {"kind": "series", "span": "horizon"}},
            "target": {"cpu": {"kind": "series"}},
            "detection": {"window_rows": 100, "minimum_rows": 50},
            "forecast": declared,
        }
    )


def frames(spec: ModelSpec, version: str, first: int, count: int) -> Iterator[FrameRows]:
    """Rows as a version of this spec predicts them; corrections of the last ones follow."""
    assert spec.forecast is not None
    steps, random = spec.forecast.horizon, np.random.default_rng(first)
    for start in range(first, first + count, 100):
        for event in ("outcome", "correction"):
            true = random.normal(10, 1, (100, steps))
            at = pa.array(np.arange(start, start + 100) * 60_000_000).cast(ROW_COLUMNS["predicted_at"])
            columns = {name: pa.nulls(100, kind) for name, kind in ROW_COLUMNS.items()}
            said = np.repeat(true + 0.1, spec.forecast.values_a_step, axis=1)
            columns |= {
                "event": pa.array([event] * 100), "prediction_id": pa.array([str(start + row) for row in range(100)]),
                "model_version": pa.array([version] * 100), "predicted_at": at, "labelled_at": at,
                "feature.past": column_of(random.normal(10, 1, (100, 2))), "feature.planned": column_of(true),
                "prediction.cpu": column_of(said), "label.cpu": column_of(true),
            }  # fmt: skip
            header = FrameHeader(
                model_id="load", spec_version=1, rows=100, first_at=at[0].as_py(), last_at=at[-1].as_py()
            )
            yield FrameRows(Frame(header, pa.RecordBatch.from_pydict(columns)), spec)


class Nobody(dict[str, Any]):
    """No version has a profile."""

    def __missing__(self, version: str) -> None:
        return None


NONE: References = Nobody()


def fed(model: WatchedModel, rows: Iterator[FrameRows]) -> list[Any]:
    found = []
    for part in rows:
        found.append(model.take(part, NONE))
        model.end()
    return found


@pytest.mark.parametrize(
    "rule", [{"horizon": 4}, {"quantiles": (0.1, 0.5, 0.9)}, {"step_seconds": 30}], ids=["horizon", "quantiles", "step"]
)
def test_what_makes_versions_incomparable_is_a_change_of_the_target(rule: dict[str, Any]) -> None:
    before, after = spec_of(), spec_of(**rule)
    assert target_of(before) != target_of(after)
    assert "target" in changed_parts(before, after)


def test_losses_and_windows_of_another_horizon_begin_anew() -> None:
    before, after = spec_of(), spec_of(horizon=12, quantiles=(0.1, 0.5, 0.9))
    model = WatchedModel(before, 1)
    fed(model, frames(before, "1.0.0", 0, 1500))
    assert model.roster.reference is not None
    whole = model.monitors[""]
    assert whole.errors is not None
    was = whole.errors
    model.change_spec(after, 2)
    assert whole.errors is not was
    assert (model.begun_anew["target"], len(model.losses.counted)) == ((2, 1500), 0)
    found = fed(model, frames(after, "2.0.0", 1500, 1500))
    assert not any(one.harms or one.changes for one in found), "nothing has changed but the length of forecasts"
    assert whole.quality.rows == 1500


def test_rows_of_a_version_of_the_former_horizon_are_not_taken_for_missing_values() -> None:
    before, after = spec_of(), spec_of(horizon=4)
    model = WatchedModel(before, 1)
    fed(model, frames(before, "1.0.0", 0, 1500))
    model.change_spec(after, 2)
    late = (FrameRows(rows.frame, after) for rows in frames(before, "1.0.0", 1500, 1500))
    found = fed(model, late)
    assert not any(one.changes for one in found)
    assert model.roster.reference is not None
    assert [column.name for column in model.roster.reference.columns] == ["feature.past"]


def figures(model: WatchedModel) -> dict[str, float]:
    return quality_metrics(model.monitors[""].quality, model.spec)


def with_labels(rows: FrameRows, event: str, gap: float) -> FrameRows:
    """The rows as this event, what was forecast off by `gap` at the first step and by twice that at the second."""
    said = np.array(rows.batch.column("prediction.cpu").to_pylist())
    true = said - gap * np.tile([1.0] * 3 + [2.0] * 3, (len(rows), 1))
    batch = rows.batch
    for name, column in (("label.cpu", column_of(true[:, 1::3])), ("event", pa.array([event] * len(rows)))):
        batch = batch.set_column(batch.schema.names.index(name), name, column)
    return FrameRows(Frame(rows.frame.header, batch), rows.spec)


def test_a_corrected_label_of_a_forecast_corrects_every_figure_of_it() -> None:
    spec = spec_of(quantiles=(0.1, 0.5, 0.9))
    told, right, restored = (WatchedModel(spec, 1) for _ in range(3))
    rows = [one for one in frames(spec, "1.0.0", 0, 600) if one.coded("event")[1] == ["outcome"]]
    for one in rows:
        fed(told, iter([with_labels(one, "outcome", 3.0)]))
        fed(right, iter([with_labels(one, "outcome", -0.5)]))
    assert figures(told)["mae"] == pytest.approx(4.5)
    restored.restore(told.snapshot(), NONE)
    for model in (told, restored):
        fed(model, (with_labels(one, "correction", -0.5) for one in rows))
        assert figures(model) == pytest.approx(figures(right))
        assert figures(model)["mae"] == pytest.approx(0.75)


def test_first_rows_of_the_former_horizon_are_not_learnt_from() -> None:
    before, after = spec_of(), spec_of(horizon=4)
    model = WatchedModel(before, 1)
    fed(model, frames(before, "1.0.0", 0, 200))
    model.change_spec(after, 2)
    fed(model, frames(after, "1.0.0", 200, 400))
    assert model.roster.learnt is not None
    assert model.roster.learnt.predictions["cpu"].missing == 0
