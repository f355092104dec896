"""A time that is refused is said with how to write it, and what is told to be written is read."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.codec.time_words import how_to_write, how_to_write_all
from driftloop.errors import UserError
from driftloop.files.opening import open_table
from driftloop.tools.replay.order import in_time
from driftloop.tools.replay.table import Table
from driftloop.tools.watch.outcomes import no_times
from outcome_ingestion.core.decode.timestamps import parse_moments

DAYS = st.datetimes(
    datetime.fromisoformat("1990-01-01"),
    datetime.fromisoformat("2099-12-30"),
    timezones=st.just(ZoneInfo("Europe/Berlin")),
)
ZONES = st.sampled_from(["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5"])
BRACKETS, OFFSET, DATE = (
    "leave out the zone's name in brackets",
    "write the zone's offset",
    "as spreadsheets count them",
)


@given(
    at=DAYS,
    zone=ZONES,
    name=st.sampled_from(["EST", "CET", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]),
    gap=st.sampled_from(["", " "]),
)
def test_each_of_these_is_told_how_to_be_written(at, zone, name, gap):
    plain = at.replace(tzinfo=None).isoformat()
    assert how_to_write(f"{at.isoformat()}[{zone}]").startswith(BRACKETS)
    assert how_to_write(f"{plain}[{zone}]").startswith(OFFSET)
    assert how_to_write(f"{plain}{gap}{name}").startswith(OFFSET)
    serial = (at.replace(tzinfo=None) - datetime.fromisoformat("1899-12-30")) / timedelta(days=1)
    for value in (serial, str(serial), str(round(serial)), f"{serial:.4f}".replace(".", ",")):
        assert DATE in how_to_write(value)
    for readable in (at.isoformat(), f"{plain}Z", f"{plain[:10]} 08:30 PM", str(int(at.timestamp()))):
        assert how_to_write(readable) == ""


@given(st.one_of(st.text(), st.floats(), st.integers()))
def test_of_anything_else_it_says_something_or_nothing(value):
    assert isinstance(how_to_write(value), str)


@pytest.mark.parametrize("text", ["1" * 10**6, "0:00" * 250_000, "[" * 10**6, "A" * 10**6 + "]"])
def test_a_long_text_is_no_time_and_is_not_searched(text):
    assert how_to_write(text) == ""


def test_what_it_says_to_write_is_read():
    for value in ("2024-01-01T00:00:00+01:00[Europe/Berlin]", "2024-01-01T00:00:00[Europe/Berlin]", "1 Jan 0:00 EST"):
        assert parse_moments([how_to_write(value).rpartition(": ")[2]], "at")[1] == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["2024-01-01T00:00:00+01:00[Europe/Berlin]"] * 9 + [None], BRACKETS),
        (["2024-01-01 00:00:00 EST", "2024-01-01 01:00:00 EST"], OFFSET),
        ([45292.25, 45292.5, 45293.75], DATE),
        (["noon", "2024-01-01 00:00:00 EST"], None),
        ([], None),
    ],
)
def test_a_column_that_is_named_as_time_is_refused_with_how_to_write_it(tmp_path, values, said):
    assert (how_to_write_all(values) != "") == (said is not None)
    error = no_times("at", pa.chunked_array([pa.array(values)]))
    assert isinstance(error, UserError)
    assert (said or "holds no times.") in error.sentence
    if said is None:
        return
    file = tmp_path / "rows.csv"
    file.write_text("at,y\n" + "\n".join(f"{'' if one is None else one},1" for one in values))
    assert said in no_times("at", open_table(file).data["at"]).sentence
    column = np.array(values, dtype=object if isinstance(values[0], str) else np.float64)
    with pytest.raises(UserError, match=f"(?s){said}.*name another with --time"):
        in_time(Table({"at": column, "y": np.zeros(len(values))}), "at", "y")


def test_ingestion_says_it_in_the_dead_letter():
    texts = [datetime(2026, 1, 1, tzinfo=UTC).isoformat(), "2024-01-01T00:00:00+01:00[Europe/Berlin]", "noon"]
    _, refusals = parse_moments(texts, "predicted_at")
    assert refusals[1].sentence == (
        "predicted_at '2024-01-01T00:00:00+01:00[Europe/Berlin]' is no time with an offset (RFC 3339): leave out the "
        "zone's name in brackets: 2024-01-31T08:00:00+01:00"
    )
    assert refusals[2].sentence == "predicted_at 'noon' is no time with an offset (RFC 3339)"
