"""Hosts whose clock is wrong: what becomes of everybody else's rows and labels does not change."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wild.ingest_bench import CHURN, START, bench, label, row, stamp

from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.labels.event_clock import EventClock

HOUR = 3_600
EVENT = CHURN | {"label_delay": {"give_up_seconds": HOUR}}
WALL = EVENT | {"clock": "wall"}
CENTURY = (datetime(2062, 1, 1, tzinfo=UTC) - START).total_seconds()
_ROWS, _EACH = 400, 60
WILD = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([CENTURY, -CENTURY / 4, 2 * HOUR, 40 * 365 * 86_400])),
    min_size=_ROWS // 10,
    max_size=_ROWS // 10,
)


def _outcome(number, seconds, log=None):
    made = row(number, prediction=1, predicted_at=_at(seconds))
    return FakeRecord(
        PREDICTION_OUTCOMES, key=f"p{number}", value=json.dumps(made).encode(), at_ms=stamp(log or seconds)
    )


def _label(number, seconds, log=None):
    made = label(number, 1, 0, labelled_at=_at(seconds))
    object.__setattr__(made, "at_ms", stamp(log or seconds))
    return made


def _at(seconds):
    return datetime.fromtimestamp(START.timestamp() + seconds, UTC).isoformat()


def _story(out, odd, batch, restart):
    """A row a minute, half of them labelled ten minutes after; `odd` has times of their own."""
    for start in range(0, _ROWS, batch):
        records = []
        for n in range(start, min(start + batch, _ROWS)):
            records.append(_outcome(n, odd.get(n, n * _EACH)))
            if n >= 10 and n % 2:
                records.append(_label(n - 10, odd.get(n, n * _EACH)))
        out.feed(records)
        out = out.restarted() if restart else out
    waits = out.core.rows_waiting
    joined = {p for p, event in out.events() if event == "label"}
    late = out.feed([_label(n, n * _EACH + 1) for n in range(_ROWS)])
    return joined, {p for p, event in late.events() if event == "label"} - joined, waits


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(WILD, st.sampled_from([7, 40, 400]), st.booleans())
def test_whatever_times_a_tenth_of_the_records_carry_the_others_are_joined_and_given_up_alike(wild, batch, restart):
    odd = {10 * group + place: seconds for group, (place, seconds) in enumerate(wild)}
    touched = {f"p{n}" for n in odd} | {f"p{n - 10}" for n in odd}
    plain_joined, plain_waiting, _ = _story(bench(EVENT), {}, batch, restart=False)
    joined, waiting, _ = _story(bench(EVENT), odd, batch, restart=restart)
    assert joined - touched == plain_joined - touched
    old = {f"p{n}" for n in range(_ROWS - 190)}
    young = {f"p{n}" for n in range(_ROWS - 60, _ROWS)}
    if batch < _ROWS:
        assert not (waiting - touched) & old
    assert (waiting - touched) & young == (plain_waiting - touched) & young


@pytest.mark.wild(
    area="ingestion", given="one label from a host whose clock is 2 h ahead", right="the others' labels join"
)
@pytest.mark.parametrize("spec", [EVENT, WALL], ids=["event", "wall"])
def test_one_label_ahead_gives_up_on_nothing(spec):
    out = bench(spec).feed([_outcome(n, 0, 600) for n in range(50)])
    out.feed([_label(0, 300 + 2 * HOUR, 600)])
    out.feed([_label(n, 300, 601) for n in range(1, 50)])
    assert [p for p, event in out.events() if event == "label"] == [f"p{n}" for n in range(1, 50)]
    assert out.ignored == {"label_too_late": 1}
    assert out.core.counts.ahead == ({"churn": 1} if spec is WALL else {})


@pytest.mark.wild(area="ingestion", given="one prediction of the year 2062", right="nothing else is given up for it")
def test_one_prediction_of_2062_gives_up_on_nothing():
    out = bench(EVENT).feed([_outcome(n, n) for n in range(50)] + [_outcome(99, CENTURY)])
    out.feed([_label(n, 300) for n in range(50)])
    assert sum(event == "label" for _, event in out.events()) == 50
    assert out.core.counts.ahead == {"churn": 1}


@pytest.mark.wild(
    area="ingestion", given="a row of 2062 beside rows without labels", right="they are given up in their time"
)
def test_rows_beside_one_of_another_century_are_given_up_in_their_time_and_it_waits_on():
    out = bench(EVENT).feed([_outcome(n, n) for n in range(20)] + [_outcome(99, CENTURY)])
    for start in range(3):
        out.feed([_outcome(100 + start * 50 + n, 3 * HOUR + n) for n in range(50)])
    assert out.ignored == {"prediction_gave_up": 20}
    again = out.restarted()
    assert again.core.rows_waiting == out.core.rows_waiting == 151
    again.feed([_label(99, CENTURY + 60), _label(3, 60)])
    assert again.events()[-1] == ("p99", "label")


@given(st.lists(st.integers(0, 10**6), max_size=300), st.lists(st.integers(0, 300), max_size=5), st.booleans())
def test_a_clock_does_not_show_how_its_records_were_batched_nor_a_restart(times, cuts, trusted):
    whole, split = EventClock(), EventClock()
    micros = np.array(times, dtype=np.int64) * 1_000_000
    whole.take(micros, trusted=trusted)
    for part in np.split(micros, sorted(min(cut, len(times)) for cut in cuts)):
        split.take(part, trusted=trusted)
        copy = EventClock()
        copy.load(split.dump())
        split = copy
    assert (split.value, split.dump()) == (whole.value, whole.dump())


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(0, 4_000_000_000))
def test_a_tenth_of_odd_times_keeps_a_clock_within_what_the_others_said(places, odd):
    seconds = np.arange(10 * len(places)) + 1_000_000
    times = seconds.copy()
    times[np.arange(len(places)) * 10 + places] = odd
    clock = EventClock()
    for start, time in enumerate(times.tolist()):
        clock.take(np.array([time]) * 1_000_000, trusted=False)
        if start >= 3:
            assert clock.value // 1_000_000 <= seconds[start]
    assert clock.value // 1_000_000 >= seconds[-1] - 31 * 32
