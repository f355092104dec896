"""Times that are far ahead do not end a series, and a value that is told again after it was forgotten stands once."""

import pytest
from tests.unit.outcome_ingestion.test_observations import DAY, LOAD, bench_of, forecast, judged, kept, seen

from outcome_ingestion.core.archive.rows import PlacedFrame, archive_batch

YEAR = 365 * DAY


def right_values(make, first, count, server="web-1"):
    return [seen(make, 30 * (first + one), float(first + one), server=server) for one in range(count)]


@pytest.mark.wild(
    area="labels",
    given="several values of a series whose time is years ahead, then the series goes on",
    right="its values are the truth as if those had not come, and each that is ahead is counted",
)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("odd", [1, 2, 5])
def test_values_that_are_years_ahead_do_not_end_a_series(odd, restart):
    bench, make = bench_of(LOAD | {"label_delay": {"give_up_seconds": 600}})
    bench.feed(right_values(make, 0, 40))
    bench.feed([seen(make, 10 * YEAR + one, 1.0, told=1200) for one in range(odd)])
    bench = bench.restarted(keep=True, specs=[LOAD | {"label_delay": {"give_up_seconds": 600}}]) if restart else bench
    bench.feed([forecast(make, "f1", 1200), forecast(make, "gap", 1230)])
    bench.feed(right_values(make, 41, 3))
    assert judged(bench)[2:] == [("f1", "label", [41.0, 42.0, 43.0])]
    bench.feed(right_values(make, 45, 40))
    assert judged(bench)[3:] == [("gap", "label", [42.0, 43.0, None])]
    assert bench.ignored == {}
    assert bench.core.counts.ahead == {"load": odd} or restart


@pytest.mark.wild(
    area="labels",
    given="a series that was silent for a year, longer than its forecasts wait for a label",
    right="it goes on from there",
)
def test_a_series_that_was_silent_for_a_year_goes_on():
    bench, make = bench_of(LOAD | {"label_delay": {"give_up_seconds": 600}})
    bench.feed(right_values(make, 0, 40))
    back = YEAR // 30
    bench.feed([forecast(make, "f1", YEAR)])
    bench.feed(right_values(make, back + 1, 3))
    assert judged(bench)[1:] == [("f1", "label", [back + 1.0, back + 2.0, back + 3.0])]
    bench.feed(right_values(make, back + 4, 80))
    assert bench.core.observed_values["load"] < 80, "what no forecast reaches back to is forgotten again"
    assert bench.ignored == {}


def table_of(bench):
    """What the archive would hold: (id, value), appended or put in the place of another."""
    rows: list[tuple[str, str]] = []
    for offset, frame in enumerate(bench.frames):
        batch = archive_batch([PlacedFrame(0, offset, frame)])
        again = {row["prediction_id"]: dict(row["labels_category"])["cpu"] for row in batch.corrections.to_pylist()}
        rows = [one for one in rows if one[0] not in again] + list(again.items())
        rows += [(row["prediction_id"], dict(row["labels_category"])["cpu"]) for row in batch.appends.to_pylist()]
    return rows


@pytest.mark.wild(
    area="labels",
    given="a value that is told again after there was no room to remember it",
    right="it takes the place of the one before in the archive",
)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("others", ["of its own series", "of other series"])
def test_a_value_that_was_forgotten_stands_in_the_archive_once(others, restart):
    bench, make = bench_of(observed_values=64)
    bench.feed(right_values(make, 0, 32))
    for one in range(8):
        bench.feed(
            right_values(make, 32 * one + 32, 32, server="web-1" if others == "of its own series" else f"s{one}")
        )
    bench = bench.restarted(keep=True, specs=[LOAD]) if restart else bench
    assert bench.ignored["observation_no_room"] > 0
    bench.feed([seen(make, 0, 77.0, told=9_000), seen(make, 30, 1.0, told=9_000)])
    rows = table_of(bench)
    assert len(rows) == len({name for name, _ in rows}) == 32 * 9
    assert dict(rows)["web-1@2026-01-05T08:00:00+00:00"] == "[77.0]"
    assert [event for _, event, _ in kept(bench)][-2:] == ["observation_again"] * 2


def test_values_that_go_on_are_appended_though_others_were_forgotten():
    bench, make = bench_of(observed_values=64)
    for one in range(20):
        bench.feed(right_values(make, 32 * one, 32))
    assert {event for _, event, _ in kept(bench)} == {"observation"}
