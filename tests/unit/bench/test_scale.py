"""Exponents are those of the costs, every axis runs, and what is superlinear is said."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from driftloop.tools.bench.pictures import MOST_LINES, Line, growth_lines
from driftloop.tools.bench.readme import committed
from driftloop.tools.bench.scale import registered
from driftloop.tools.bench.scale.axis import Axis
from driftloop.tools.bench.scale.growth import growth
from driftloop.tools.bench.scale.measure import point
from driftloop.tools.bench.scale.report import scale_picture, scale_table, sentences
from driftloop.tools.cli.bench import app

AXES = list(registered())
QUICK = ("coordinator", "console")
SIZES = [10, 30, 100, 300, 1000]


@given(st.floats(0.0, 2.5), st.floats(1e-6, 1e3))
def test_the_exponent_of_a_power_law_is_found_whatever_its_factor(exponent: float, factor: float) -> None:
    found = growth(SIZES, [factor * size**exponent for size in SIZES])
    assert found is not None
    assert found.exponent == pytest.approx(exponent, abs=2e-3)
    assert found.last_decade == pytest.approx(exponent, abs=2e-3)
    assert found.spread < 2e-3


@given(st.floats(1.2, 2.0))
def test_a_fixed_cost_does_not_hide_what_grows_behind_it(exponent: float) -> None:
    costs = [100.0**exponent + size**exponent for size in SIZES]
    found = growth(SIZES, costs)
    assert found is not None
    assert found.last_decade > found.exponent


def test_too_few_costs_give_no_exponent() -> None:
    assert growth([1, 10, 100], [0.0, 1.0, 10.0]) is None


def test_every_axis_has_a_name_of_its_own_and_four_sizes_or_more_over_two_decades() -> None:
    assert len({axis.name for axis in AXES}) == len(AXES)
    for axis in AXES:
        assert len(axis.sizes) >= 4
        assert axis.sizes[-1] >= 99 * axis.sizes[0]
        assert list(axis.sizes) == sorted(axis.sizes)
        assert max(axis.quick) <= max(axis.sizes)


@pytest.mark.parametrize(
    "axis",
    [pytest.param(axis, id=axis.name, marks=() if axis.name.startswith(QUICK) else pytest.mark.slow) for axis in AXES],
)
def test_every_axis_runs_at_its_least_quick_size(axis: Axis) -> None:
    found = point(axis.name, axis.quick[0])
    assert found["size"] == axis.quick[0]
    assert found["cpu_s"] > 0


def test_the_command_writes_figures_and_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "scale.json"
    done = CliRunner().invoke(
        app, ["scale", "--quick", "--only", "coordinator", "--json", str(out), "--plot", str(tmp_path / "pictures")]
    )
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    assert all(name.startswith("coordinator") for name in result["axes"])
    assert (tmp_path / "pictures" / "scale.svg").read_text().count("<polyline") == len(result["axes"])


def test_an_axis_that_is_not_there_is_refused_and_the_others_are_named() -> None:
    done = CliRunner().invoke(app, ["scale", "--only", "nothing"])
    assert "detection, columns" in str(done.exception)


def _result(exponent: float) -> dict[str, Any]:
    found = growth(SIZES, [size**exponent for size in SIZES])
    assert found is not None
    cpu = {
        "exponent": found.exponent,
        "spread": 0.0,
        "last_decade": found.last_decade,
        "superlinear": found.superlinear,
    }
    points = [{"size": size, "cpu_s": size**exponent, "memory_mb": 0.0} for size in SIZES]
    return {
        "axes": {"detection, things": {"of": "a thing", "expected": 1, "points": points, "cpu": cpu, "memory": None}}
    }


def test_what_is_superlinear_is_said_and_nothing_else() -> None:
    assert "detection, things" in sentences(_result(1.3))[0]
    assert "No exponent" in sentences(_result(1.0))[0]
    assert sentences(_result(1.3))[0] in scale_table(_result(1.3))


def _looks(picture: str) -> list[tuple[str, str, str]]:
    """The colour, dash and marker of each line of a picture."""
    line = r'<polyline [^>]*stroke="([^"]*)"[^>]*?(?:stroke-dasharray="([^"]*)")?/>'
    return re.findall(line + r'\n<line [^>]*>\n<path [^>]* d="([^"]*)"', picture)


def test_every_line_of_a_panel_can_be_told_from_every_other_without_its_colour() -> None:
    lines = [Line(f"line {number}", [(1.0, 1.0), (10.0, 1.0 + number)]) for number in range(MOST_LINES)]
    looks = _looks(growth_lines({"a": lines}, x_label="more", y_label="cost"))
    assert len({look[1:] for look in looks}) == len(looks) == MOST_LINES
    for number in range(MOST_LINES - 5):
        assert len({colour for colour, _, _ in looks[number : number + 6]}) == 6, "neighbours have their own colours"
    with pytest.raises(ValueError, match=f"only {MOST_LINES} can be told apart"):
        growth_lines({"a": [*lines, lines[0]]}, x_label="more", y_label="cost")


def test_the_committed_picture_is_of_the_committed_results() -> None:
    picture = Path(__file__).parents[3] / "docs" / "images" / "scale.svg"
    result = committed("scale")
    assert result is not None
    assert picture.read_text(encoding="utf-8") == scale_picture(result)
    assert result["axes"].keys() == {axis.name for axis in AXES}
