"""Hour-of-week references: a shift that a season would hide is found, and a season by itself is no shift."""

from typing import Any

import numpy as np
import pytest

from drift_detection.core.windows.of_profile import reference_of
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature
from driftloop.statistics.profiles import make_profile
from driftloop.testing.clock import START as MOMENT
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.windows import Rows as BinnedRows
from driftloop.tools.bench.windows import against

MINUTE, WEEK = 60_000, 10_080
FIRST = 1_767_571_200_000
"""Monday, 5 January 2026, 0:00 UTC, in milliseconds."""
AMPLITUDE = 4.0


def load(minutes: np.ndarray, seed: int) -> np.ndarray:
    """A feature that follows the hour of the day, and less so the day of the week; noise of standard deviation 1."""
    hours = minutes / 60
    season = np.sin(2 * np.pi * hours / 24) + 0.3 * np.sin(2 * np.pi * hours / 168)
    return AMPLITUDE * season + np.random.default_rng(seed).normal(size=len(minutes))


def learnt(make_spec: Any, season: str | None, weeks: float = 3.0) -> ModelProfile:
    """The profile of a version that learnt from some weeks, a row a minute."""
    minutes = np.arange(round(weeks * WEEK))
    spec = make_spec(features={"load": Feature(season=season)})
    ok = np.full(len(minutes), "1", dtype=object)
    return make_profile(
        spec.model_id,
        "1.0.0",
        spec,
        1,
        Rows({"load": load(minutes, 1)}, {"ok": ok}),
        Predictions({"ok": ok[:100]}),
        np.zeros(100),
        1.0,
        predicted_at=FIRST + minutes * MINUTE,
        message_id=derive_id("profile"),
        occurred_at=MOMENT,
    )


def alarms(profile: ModelProfile, minutes: np.ndarray, values: np.ndarray) -> list[int]:
    """Rows at which a shift is raised, at the budget that a model has unless its spec says otherwise."""
    reference = reference_of(ModelProfile.from_json(profile.to_json()))
    feature = [column for column in reference.columns if column.name == "feature.load"]
    monitor = against(type(reference)("1.0.0", tuple(feature), profile), 1.0, 10)
    rows = BinnedRows({"feature.load": values})
    rows.predicted_at = FIRST + minutes * MINUTE
    cut = monitor.rings.cut(len(values))
    counted = monitor.battery.reference.tallies(rows).count(slice(0, len(values)), cut)
    return [shift.block * monitor.rings.block_rows for shift in monitor.push(counted, cut)]


def test_a_shift_of_a_quarter_of_the_season_is_found_far_sooner_where_the_season_is_declared(make_spec: Any) -> None:
    minutes = 3 * WEEK + np.arange(2 * WEEK)
    moved = load(minutes, 2) + AMPLITUDE / 4
    declared = alarms(learnt(make_spec, "hour-of-week"), minutes, moved)
    plain = alarms(learnt(make_spec, None), minutes, moved)
    assert declared[0] <= 1000
    assert plain == [], "the season's own scatter hides it in two weeks of 20,160 rows"


@pytest.mark.parametrize("weeks", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", [3, 4])
def test_nights_are_no_shift(weeks: float, seed: int, make_spec: Any) -> None:
    profile = learnt(make_spec, "hour-of-week", weeks)
    minutes = 3 * WEEK + np.arange(4 * WEEK)
    assert alarms(profile, minutes, load(minutes, seed)) == []
    nights = minutes[minutes % 1440 < 6 * 60]
    assert alarms(profile, nights, load(nights, seed)) == [], "windows of nights alone"


def test_a_signal_says_that_hours_are_compared_with_hours(detection: Any, stream: Any, make_spec: Any) -> None:
    spec = make_spec(features={"heat": Feature(season="hour-of-week"), "load": Feature()})
    seen = stream(20_000, seed=99)
    minutes = np.arange(20_000)
    losses = (seen.columns["ok"] != seen.columns["said"]).astype(float)
    profile = make_profile(
        spec.model_id,
        "1.0.0",
        spec,
        1,
        Rows({"heat": load(minutes, 1), "load": seen.columns["load"]}, {"ok": seen.columns["ok"]}),
        Predictions({"ok": seen.columns["said"]}, seen.columns["confidence"]),
        losses,
        1.0,
        predicted_at=FIRST + minutes * MINUTE,
        message_id=derive_id("profile"),
        occurred_at=MOMENT,
    )
    rows = stream(12_000, seed=5)  # from Monday, 2 March 2026, a row a minute
    rows.columns["heat"] = load(np.arange(12_000), 6) + np.where(np.arange(12_000) < 8000, 0.0, 1.5)
    whole, first, second = (detection(spec, versions=()) for _ in range(3))
    for watched in (whole, first, second):
        watched.core.take_table(
            "model-profiles", [FakeRecord("model-profiles", key="gate/1.0.0", value=profile.to_json())]
        )
    cuts = [1111, 5000, 8200, 8900]
    whole.feed(rows, cuts=cuts)
    assert first.feed_with(second, rows, cuts, at=2) == whole.raw
    (signal,) = [signal for signal in whole.signals if not signal.segment]
    assert signal.subject == "heat"
    assert "heat at its hours of the week differs" in signal.explanation
    assert 8000 <= signal.raised.row <= 8750


def test_a_season_without_the_times_of_its_rows_is_refused(make_spec: Any) -> None:
    spec = make_spec(features={"load": Feature(season="hour-of-week")})
    ok = np.full(200, "1", dtype=object)
    with pytest.raises(ValueError, match="feature load has a season: its profile needs the times of the rows"):
        make_profile(
            spec.model_id,
            "1.0.0",
            spec,
            1,
            Rows({"load": np.arange(200.0)}, {"ok": ok}),
            Predictions({"ok": ok}),
            np.zeros(200),
            1.0,
            message_id=derive_id("profile"),
            occurred_at=MOMENT,
        )


def test_only_numbers_have_seasons() -> None:
    with pytest.raises(ValueError, match="only a feature of kind number has a season"):
        Feature(kind="category", season="hour-of-week")
