"""Losses of forecasts: judged in blocks, because neighbours share their truths; and what the status says of them."""

import numpy as np
import pyarrow as pa
import pytest
from tests.forecast_rates import Case, alarms, is_promoted

from drift_detection.core.detectors.blocked_betting import BlockedBetting
from drift_detection.core.detectors.protocol import LossReference
from drift_detection.core.losses.measures import ClassNames, measures_of, quality
from drift_detection.core.rows import FrameRows
from driftloop.codec.frames import ROW_COLUMNS, Frame
from driftloop.codec.series import column_of
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.spec.model_spec import ModelSpec

REFERENCE = LossReference(rows=30, mean=1.0, variance=0.05, bound=4.0)
CASE = Case(horizon=24, wander=0.9, held_out=1000, rows=20_000)


def test_streams_in_which_nothing_changes_raise_no_more_alarms_than_declared():
    rate = 0.1 / CASE.rows
    by_block = sum(alarms(CASE, seed, rate, blocks=True) or 0 for seed in range(10))
    by_row = sum(alarms(CASE, seed, rate, blocks=False) or 0 for seed in range(3))
    assert by_block <= 3, "one is declared in ten streams"
    assert by_row >= 6, "what blocks are for"


def test_a_rise_is_found_all_the_same():
    case = Case(horizon=24, wander=0.0, held_out=1000, rows=20_000)
    found = [alarms(case, seed, 0.1 / case.rows, blocks=True, rise=0.5) for seed in range(5)]
    assert all(row is not None and row < 1000 for row in found)


def test_of_equal_versions_none_is_promoted_and_a_better_one_is():
    case = Case(horizon=24, wander=0.98, held_out=0, rows=3000)
    assert sum(is_promoted(case, seed, overlap=24.0) for seed in range(20)) <= 2
    plain = Case(horizon=24, wander=0.0, held_out=0, rows=3000)
    assert all(is_promoted(plain, seed, overlap=24.0, gain=0.1) for seed in range(5))


@pytest.mark.parametrize("cuts", [[1], [7, 7, 13], [100], [3]], ids=["ones", "odd", "hundreds", "threes"])
def test_alarms_do_not_depend_on_how_losses_are_cut(cuts):
    losses = np.concatenate([np.full(500, 1.0), np.full(500, 2.0)]) + np.random.default_rng(0).normal(0, 0.2, 1000)
    whole, parts = (BlockedBetting(REFERENCE, block_rows=20, false_alarm_rate=1e-4) for _ in range(2))
    expected, at, place = whole.update_many(losses), 0, 0
    while True:
        part = losses[at : at + cuts[place % len(cuts)]]
        found = parts.update_many(part)
        if found is not None:
            assert at + found == expected
            break
        at, place = at + len(part), place + 1
    again = BlockedBetting(REFERENCE, block_rows=20, false_alarm_rate=1e-4)
    again.restore(parts.snapshot())
    assert again.snapshot() == parts.snapshot()
    assert (expected + 1) % 20 == 0, "an alarm goes off where a block closes"


@pytest.mark.parametrize("block_rows", [2, 10, 48, 384])
def test_the_same_time_after_a_drift_a_block_may_be_as_long_as_it_wants(block_rows):
    """An alarm is over within eight looks, and a look comes after ten blocks or 250 rows, whichever are more."""
    random, look = np.random.default_rng(7), max(250, 10 * block_rows)
    reference = LossReference(rows=4000 // block_rows, mean=1.0, variance=0.04 / block_rows, bound=4.0)
    detector = BlockedBetting(reference, block_rows=block_rows, false_alarm_rate=1e-5)
    assert detector.update_many(1.0 + random.normal(0, 0.2, 4 * look)) is None
    assert detector.update_many(2.0 + random.normal(0, 0.2, 8 * look)) is not None
    assert detector.latched
    taken = 0
    while detector.latched and taken < 60 * look:
        detector.update_many(1.0 + random.normal(0, 0.2, look))
        taken += look
    assert taken <= 40 * look, "of 250 blocks of 48 rows, the first eight looks alone took 96,000 rows"
    assert detector.reference_level[0] == pytest.approx(1.0, abs=0.1)


SPEC = ModelSpec.model_validate(
    {
        "model_id": "load",
        "task": "forecast",
        "features": {"past": {"kind": "series"}},
        "target": {"cpu": {"kind": "series"}},
        "forecast": {"horizon": 2, "step_seconds": 60, "quantiles": [0.1, 0.5, 0.9], "encoder_steps": 2},
    }
)


def frame_rows(said, true):
    count = len(said)
    at = pa.array(np.arange(count) * 60_000_000).cast(ROW_COLUMNS["predicted_at"])
    columns = {name: pa.nulls(count, kind) for name, kind in ROW_COLUMNS.items()}
    columns |= {
        "event": pa.array(["outcome"] * count), "prediction_id": pa.array([str(row) for row in range(count)]),
        "model_version": pa.array(["1.0.0"] * count), "predicted_at": at, "labelled_at": at,
        "feature.past": column_of(np.array([[1.0, 3.0]] * count)),
        "prediction.cpu": column_of(np.array(said)), "label.cpu": column_of(np.array(true)),
    }  # fmt: skip
    first = at[0].as_py()
    header = FrameHeader(model_id="load", spec_version=1, rows=count, first_at=first, last_at=at[-1].as_py())
    return FrameRows(Frame(header, pa.RecordBatch.from_pydict(columns)), SPEC)


def test_a_forecast_has_one_loss_and_a_gap_is_left_out():
    said = [[9.0, 10.0, 11.0, 19.0, 20.0, 21.0]] * 3
    rows = frame_rows(said, [[10.0, 20.0], [10.0, np.nan], [np.nan, np.nan]])
    assert rows.losses[:2] == pytest.approx([0.2 / 3, 0.2 / 3])
    assert np.isnan(rows.losses[2])
    assert rows.judged.tolist() == [0, 1]


def test_columns_of_lists_are_watched_by_their_mean():
    rows = frame_rows([[9.0, 10.0, 11.0, 19.0, 20.0, 21.0]], [[12.0, 18.0]])
    means = {name: rows.column(name).to_pylist() for name in ("feature.past", "prediction.cpu", "label.cpu")}
    assert means == {"feature.past": [2.0], "prediction.cpu": [15.0], "label.cpu": [15.0]}


def test_the_status_has_the_loss_by_step_coverage_and_errors_of_the_median():
    rows = frame_rows([[9.0, 10.0, 11.0, 19.0, 20.0, 21.0]] * 2, [[10.0, 25.0], [11.0, np.nan]])
    found = dict(zip(measures_of(SPEC), quality(rows, rows.judged, np.zeros(2, np.int64), ClassNames()), strict=True))
    assert found["absolute"].tolist() == [2.5, 1.0]
    assert found["percentage"] == pytest.approx([0.1, 1 / 11])
    assert found["coverage"].tolist() == [0.5, 1.0]
    assert found["loss_steps:1-1"] == pytest.approx([0.2 / 3, 0.7 / 3])
    assert np.isnan(found["loss_steps:2-2"][1])


def test_labelled_examples_have_no_loss_and_break_nothing():
    nothing = [[np.nan] * 6] * 3
    rows = frame_rows(nothing, [[10.0, 20.0]] * 3)
    assert rows.judged.tolist() == []
    assert quality(rows, rows.judged, np.zeros(0, np.int64), ClassNames()).shape == (len(measures_of(SPEC)), 0)
