"""A change in how features go together is found, though every feature by itself is what it was."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.windows.reference import JOINT
from driftloop.contracts.message import derive_id
from driftloop.learners.protocol import Predictions, Rows
from driftloop.statistics.profiles import make_profile
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.together import correlated, together
from driftloop.tools.bench.windows import Rows as BinnedRows
from driftloop.tools.bench.windows import against, alarm_rows


def turning(rows: Any, at: int) -> Any:
    """Heat and load go together, and from row `at` on against each other."""
    rng = np.random.default_rng(rows.seed + 1)
    for part, sign in ((slice(0, at), 1), (slice(at, rows.rows), -1)):
        columns = correlated(0.7 * sign, 2, part.stop - part.start, rng)
        rows.columns["heat"][part], rows.columns["load"][part] = columns.values()
    return rows


@pytest.fixture
def watched(detection: Any, stream: Any, make_spec: Any) -> Any:
    """Makes a detection whose version learnt from rows in which heat and load go together."""
    learnt = turning(stream(4000, seed=99), 4000).columns
    spec = make_spec()
    profile = make_profile(
        spec.model_id,
        "1.0.0",
        spec,
        1,
        Rows({name: learnt[name] for name in spec.features}, {"ok": learnt["ok"]}),
        Predictions({"ok": learnt["said"]}, learnt["confidence"]),
        (learnt["ok"] != learnt["said"]).astype(float),
        1.0,
        message_id=derive_id("profile"),
        occurred_at=START,
    )
    record = FakeRecord("model-profiles", key="gate/1.0.0", value=profile.to_json())

    def make() -> Any:
        made = detection(spec, versions=())
        made.core.take_table("model-profiles", [record])
        return made

    return make


def test_a_correlation_that_turns_is_said_though_no_feature_changes(watched: Any, stream: Any) -> None:
    core = watched()
    core.feed(turning(stream(6000, seed=3), 3000), cuts=[1700, 4100])
    (signal,) = [signal for signal in core.signals if not signal.segment]
    assert (signal.kind, signal.severity, signal.harmful) == ("multivariate", "warning", False)
    assert 3000 <= signal.raised.row <= 3500
    assert set(signal.evidence) <= set(JOINT)
    assert "of the features" in signal.explanation or "between features" in signal.explanation
    status = core.statuses[-1]
    assert f"{signal.kind}.{signal.subject}" in status.active_signals
    assert set(status.active_signals) <= set(JOINT)
    assert set(JOINT) <= {test.subject for test in status.tests}
    assert status.metrics["shifted_share"] == 0.0, "the sources' scores are of the columns themselves"


def test_features_that_go_on_together_raise_nothing(watched: Any, stream: Any) -> None:
    core = watched()
    core.feed(turning(stream(30_000, seed=4), 30_000), cuts=range(4000, 30_000, 4000))
    assert core.signals == []


@pytest.mark.parametrize(("features", "within"), [(10, 750), (100, 1000)])
def test_two_features_among_many_that_turn_are_found_soon(features: int, within: int) -> None:
    rng = np.random.default_rng(5)
    reference = together(correlated(0.7, features, 4000, rng))
    monitor = against(reference, 1.0, len(reference.columns))
    found = alarm_rows(monitor, correlated(-0.7, features, 3000, rng))
    assert found
    assert found[0] <= within
    assert set(monitor.alarmed) <= set(JOINT)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 2999), max_size=10, unique=True).map(sorted), features=st.integers(2, 45))
def test_any_split_of_the_rows_gives_the_same_tallies(cuts: list[int], features: int) -> None:
    rng = np.random.default_rng(features)
    reference = together(correlated(0.7, features, 1000, rng))
    columns = correlated(0.2, features, 3000, rng)
    columns["feature.x1"][5:300:7] = np.nan
    monitor = against(reference, 1.0, features)
    whole = reference.tallies(BinnedRows(columns)).count(slice(0, 3000), monitor.rings.cut(3000)).sum(axis=0)
    bounds = [0, *cuts, 3000]
    parts = []
    for start, stop in pairwise(bounds):
        rows = BinnedRows({name: column[start:stop] for name, column in columns.items()})
        counted = reference.tallies(rows).count(slice(0, stop - start), monitor.rings.cut(stop - start))
        parts.append(counted.sum(axis=0))
    assert np.array_equal(np.sum(parts, axis=0), whole)


def test_a_restored_core_goes_on_with_how_features_go_together(watched: Any, stream: Any) -> None:
    rows, cuts = turning(stream(6000, seed=6), 3000), list(range(700, 6000, 700))
    whole, first, second = watched(), watched(), watched()
    whole.feed(rows, cuts=cuts)
    assert first.feed_with(second, rows, cuts, at=4) == whole.raw
    assert [signal.kind for signal in whole.signals if not signal.segment] == ["multivariate"]
