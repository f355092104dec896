"""What a run makes of forecasts: rows from the archive as they were sent, a gap of one horizon, figures by step."""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from driftloop.archive.rows import ArchivedRows
from driftloop.archive.schema import ARCHIVE_SCHEMA
from driftloop.codec.frames import ROW_COLUMNS, Frame
from driftloop.codec.series import column_of
from driftloop.contracts.message import FramePosition
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.training_requests import DataRule
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.forecasts import forecast_metrics
from driftloop.statistics.profiles import make_profile
from outcome_ingestion.core.archive.rows import PlacedFrame, archive_batch
from trainer_worker.adapters.data_set import data_set
from trainer_worker.core.score.frame_rows import judged_rows
from trainer_worker.core.train.fitting import fit_and_validate
from trainer_worker.core.train.split import split_rows

SPEC = ModelSpec.model_validate(
    {
        "model_id": "load",
        "task": "forecast",
        "features": {"server": {"kind": "category"}, "past": {"kind": "series"}},
        "target": {"cpu": {"kind": "series"}},
        "forecast": {
            "horizon": 3, "step_seconds": 60, "entity": "server", "quantiles": [0.1, 0.5, 0.9], "encoder_steps": 2,
        },
        "training": {"refit": False},
    }
)  # fmt: skip
COUNT = 40
MINUTE = 60_000


def frame():
    past = np.arange(2.0 * COUNT).reshape(COUNT, 2)
    past[3, 0] = np.nan
    true = 50.0 + np.arange(3.0 * COUNT).reshape(COUNT, 3)
    true[5, 1] = np.nan
    said = np.repeat(np.nan_to_num(true, nan=0.0), 3, axis=1) + np.tile([-1.0, 0.0, 1.0], 3)
    at = pa.array(np.arange(COUNT) * MINUTE * 1000).cast(ROW_COLUMNS["predicted_at"])
    columns = {name: pa.nulls(COUNT, kind) for name, kind in ROW_COLUMNS.items()}
    columns |= {
        "event": pa.array(["outcome"] * COUNT), "prediction_id": pa.array([f"f{row}" for row in range(COUNT)]),
        "model_version": pa.array(["1.0.0"] * COUNT), "predicted_at": at, "labelled_at": at,
        "label_source": pa.array(["system"] * COUNT),
        "feature.server": pa.array([f"web-{row % 4}" for row in range(COUNT)]), "feature.past": column_of(past),
        "prediction.cpu": column_of(said), "label.cpu": column_of(true),
    }  # fmt: skip
    first = at[0].as_py()
    header = FrameHeader(model_id="load", spec_version=1, rows=COUNT, first_at=first, last_at=at[-1].as_py())
    return Frame(header, pa.RecordBatch.from_pydict(columns)), past, true, said


def test_what_was_sent_comes_back_from_the_archive_with_its_gaps():
    sent, past, true, said = frame()
    table = archive_batch([PlacedFrame(0, 7, sent)]).appends
    assert table.schema == ARCHIVE_SCHEMA
    found = ArchivedRows("load", 0, table)
    data = data_set(found, SPEC)
    assert np.array_equal(data.rows.features["past"], past, equal_nan=True)
    assert np.array_equal(data.rows.labels["cpu"], true, equal_nan=True)
    assert np.array_equal(found.prediction("cpu", "series", 9), said)
    assert data.rows.at.tolist() == (np.arange(COUNT) * MINUTE).tolist()


def test_rows_of_a_frame_and_of_the_archive_are_the_same():
    sent, *_ = frame()
    of_frame = judged_rows(sent, SPEC).rows
    of_archive = data_set(ArchivedRows("load", 0, archive_batch([PlacedFrame(0, 7, sent)]).appends), SPEC).rows
    for one, other in ((of_frame.features, of_archive.features), (of_frame.labels, of_archive.labels)):
        assert all(np.array_equal(one[name], other[name], equal_nan=one[name].dtype != object) for name in other)
    assert np.array_equal(of_frame.at, of_archive.at)


def rule(share=0.2):
    return DataRule(until=FramePosition(partition=0, offset=9), rows=100, validation_share=share, minimum_rows=10)


def test_no_row_is_learnt_from_whose_truth_a_held_out_row_shares():
    at = np.arange(COUNT) * MINUTE
    split = split_rows(rule(), np.zeros(COUNT, dtype=bool), at=at, horizon_ms=3 * MINUTE)
    assert split.held_out.tolist() == list(range(32, 40))
    assert at[split.training].max() + 3 * MINUTE <= at[split.held_out].min()
    assert split.training.tolist() == list(range(30))


def test_other_tasks_are_split_as_ever():
    split = split_rows(rule(), np.zeros(COUNT, dtype=bool))
    assert len(split.training) + len(split.held_out) == COUNT


class Naive:
    """Says the label that it learnt last, with an interval of two."""

    forecasts = True

    def fit(self, rows, held_out, *, warm_start, seed, progress):
        self.level = float(np.nanmean(rows.labels["cpu"]))
        return self

    def predict(self, rows):
        return Predictions({"cpu": np.tile(self.level + np.array([-60.0, 0.0, 60.0]), (len(rows), 3))})


def test_a_run_tells_losses_by_step_coverage_and_rows_of_servers_that_it_did_not_learn():
    sent, *_ = frame()
    rows = data_set(ArchivedRows("load", 0, archive_batch([PlacedFrame(0, 7, sent)]).appends), SPEC).rows
    rows.features["server"][-2:] = "db-1"
    split = split_rows(rule(), np.zeros(COUNT, dtype=bool), at=rows.at, horizon_ms=3 * MINUTE)
    fitted = fit_and_validate(Naive(), SPEC, rows, split, base=None, champion=None, seed=1, progress=lambda _step: None)
    assert fitted.metrics["unknown_entity_rows"] == 2
    assert fitted.metrics["rows_a_horizon"] == 3
    assert {"loss_steps.1-1.cpu", "loss_steps.3-3.cpu", "coverage.cpu", "mae.cpu"} <= fitted.metrics.keys()
    assert len(fitted.losses) == 8, "one loss a forecast"


def with_lag(**rule):
    features = SPEC.features | {"a_day_ago": {"kind": "series", "span": "horizon"}}
    forecast = {**SPEC.forecast.model_dump(), "lags": {"a_day_ago": 3}, **rule}
    return ModelSpec.model_validate({**SPEC.model_dump(), "features": features, "forecast": forecast})


def beside_a_lag(spec, off, gap=False):
    """A run whose rows have a lag that is `off` beside the truth."""
    sent, *_ = frame()
    rows = data_set(ArchivedRows("load", 0, archive_batch([PlacedFrame(0, 7, sent)]).appends), SPEC).rows
    lag = np.full_like(rows.labels["cpu"], np.nan) if gap else rows.labels["cpu"] + off
    rows = Rows({**rows.features, "a_day_ago": lag}, rows.labels, at=rows.at)
    split = split_rows(rule(), np.zeros(COUNT, dtype=bool), at=rows.at, horizon_ms=3 * MINUTE)
    return fit_and_validate(Naive(), spec, rows, split, base=None, champion=None, seed=1, progress=lambda _step: None)


def test_a_run_says_where_a_lag_alone_forecasts_better():
    fitted = beside_a_lag(with_lag(), off=2.0)
    assert fitted.metrics["lag_mae.a_day_ago"] == 2.0
    assert fitted.metrics["skill.a_day_ago"] == pytest.approx(1 - fitted.metrics["mae.cpu"] / 2.0)
    assert fitted.remarks[0].startswith("a_day_ago alone forecasts better than the new version: its mean absolute")


@pytest.mark.parametrize(("off", "gap"), [(500.0, False), (2.0, True)], ids=["a worse lag", "a lag that is not known"])
def test_of_a_lag_that_forecasts_no_better_nothing_is_said(off, gap):
    fitted = beside_a_lag(with_lag(beat_lags=True), off, gap)
    assert fitted.remarks == ()
    assert ("skill.a_day_ago" in fitted.metrics) is not gap


def test_a_version_that_a_lag_beats_is_refused_where_the_spec_says_so():
    with pytest.raises(ValueError, match=r"forecast\.beat_lags refuses it"):
        beside_a_lag(with_lag(beat_lags=True), off=2.0)


def test_a_spec_that_beats_no_lag_says_so():
    with pytest.raises(ValueError, match="it names nothing"):
        with_lag(beat_lags=True, lags={})


def test_figures_of_forecasts_leave_gaps_out():
    said = np.array([[0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0]])
    told = forecast_metrics(SPEC.forecast, said, np.array([[1.0, np.nan, 5.0]]))
    assert told["coverage"] == 0.5
    assert told["mae"] == 2.0
    assert "loss_steps.2-2" not in told


def test_a_profile_has_the_blocks_that_losses_are_judged_by():
    sent, _, true, said = frame()
    rows = judged_rows(sent, SPEC).rows
    profile = make_profile(
        "load", "1.0.0", SPEC, 1, Rows(rows.features, rows.labels, at=rows.at), Predictions({"cpu": said}),
        np.linspace(0.1, 0.2, COUNT), 1.0, predicted_at=rows.at, message_id=UUID(int=1),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    assert profile.loss.blocks is not None
    assert (profile.loss.blocks.rows, profile.loss.blocks.count) == (6, 6)
    assert profile.labels["cpu"].mean == pytest.approx(np.nanmean(np.nanmean(true, axis=1)))
