"""A version that others trained and nobody gave a profile of: its first rows are what the others are compared with."""

import numpy as np
import pytest
from tests.unit.drift_detection.conftest import Stream


@pytest.fixture
def shifted():
    """4,000 rows of a version that others trained; a feature shifts at row 2,500."""
    made = Stream(4000, seed=3, version="2026-05")
    made.columns["heat"][2500:] += 2.0
    return made


def external(make_spec, **changes):
    return make_spec(serving="external", baseline_rows=1000, **changes)


def columns(told):
    return {(signal.kind, signal.subject) for signal in told.signals if not signal.segment}


def test_a_shift_against_the_first_rows_is_found(detection, make_spec, shifted):
    told = detection(external(make_spec), versions=())
    told.feed(shifted, cuts=range(100, 4000, 100))
    assert any("heat" in subject for _, subject in columns(told))
    assert min(signal.raised.row for signal in told.signals if "heat" in signal.subject) > 2500
    whole = [status for status in told.statuses if not status.segment]
    assert whole[4].metrics["baseline_rows"] == 500
    assert whole[4].metrics["baseline_rows_wanted"] == 1000
    assert "baseline_rows_wanted" not in whole[-1].metrics
    assert whole[-1].metrics["baseline_rows"] == 1000


def test_a_model_of_our_own_without_a_profile_is_watched_without_a_reference_as_before(detection, make_spec, shifted):
    told = detection(make_spec(), versions=())
    told.feed(shifted, cuts=range(100, 4000, 100))
    assert not any("heat" in subject for _, subject in columns(told))


def test_a_profile_that_is_there_goes_before_the_first_rows(detection, make_spec):
    told = detection(external(make_spec), versions=("1.0.0",))
    told.feed(Stream(1500, seed=3), cuts=[700])
    assert "baseline_rows" not in told.statuses[-1].metrics


@pytest.mark.parametrize("at", [3, 9, 20])
def test_a_restart_changes_no_byte(detection, make_spec, shifted, at):
    cuts = list(range(150, 4000, 150))
    straight = detection(external(make_spec), versions=())
    straight.feed(shifted, cuts=cuts)
    told = detection(external(make_spec), versions=())
    assert told.feed_with(detection(external(make_spec), versions=()), shifted, cuts, at) == straight.raw


def test_the_reference_does_not_depend_on_how_rows_were_batched(detection, make_spec, shifted):
    found = []
    for step in (130, 1000):
        told = detection(external(make_spec), versions=())
        told.feed(shifted, cuts=range(step, 4000, step))
        found.append(told.core.models()[0][1].roster.learnt)
    assert found[0].numeric == found[1].numeric
    assert found[0].numeric["heat"].rows == 1000


def test_rows_of_another_version_among_them_are_not_learnt_from(detection, make_spec, shifted):
    shifted.columns["version"][np.arange(4000) % 7 == 3] = "canary"
    told = detection(external(make_spec), versions=())
    told.feed(shifted, cuts=range(100, 2000, 100), stop=2000)
    assert told.core.models()[0][1].roster.learnt.numeric["heat"].rows == 1000
