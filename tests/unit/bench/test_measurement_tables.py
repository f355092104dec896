"""The documentation's tables are made from the committed results, and those have the shape that scripts count on."""

import json
from pathlib import Path

import pytest

from driftloop.errors import UserError
from driftloop.tools.bench.readme import RESULTS, TABLES, with_tables

PAGE = (Path(__file__).parents[3] / "docs" / "measurements" / "index.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_committed_results() -> None:
    assert all(f"<!-- bench {name} -->" in PAGE for name in TABLES)
    assert with_tables(PAGE) == PAGE, "run `driftloop bench readme`"


def test_another_figure_gives_another_table(tmp_path: Path) -> None:
    result = json.loads((RESULTS / "detectors.json").read_text())
    result["detectors"][result["default"]]["delay"]["0.1->0.3"] = 12.5
    (tmp_path / "detectors.json").write_text(json.dumps(result))
    first = PAGE.index("<!-- bench detectors -->")
    text = PAGE[first : PAGE.index("<!-- end -->", first) + len("<!-- end -->")]
    assert "12.5" in with_tables(text, tmp_path)
    assert with_tables(text, tmp_path) != text


def test_a_table_without_a_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="speed"):
        with_tables("<!-- bench speed -->\n<!-- end -->", tmp_path)


def test_results_have_the_names_that_are_promised() -> None:
    result = json.loads((RESULTS / "detectors.json").read_text())
    one = result["detectors"][result["default"]]
    assert {"0.1->0.3", "0.1->0.2", "0.1->0.15"} <= one["delay"].keys() == one["missed"].keys()
    assert one["false_alarms_per_million"].keys() == {"0.02", "0.1", "0.3"}
    assert isinstance(one["alarms_per_drift"], float)
    assert result["real"][result["default"]].keys() >= {"delays", "false_alarms"}


def test_speed_stands_beside_its_peers() -> None:
    result = json.loads((RESULTS / "speed.json").read_text())
    line = next(line for line in with_tables(PAGE).splitlines() if "river's ADWIN" in line)
    assert f"{result['ratio_to_river_adwin']:.1f} ×" in line
    speeds = result["detectors_rows_per_second"]
    ratio = result["error_detector_rows_per_second"] / speeds["river ADWIN"]
    assert result["ratio_to_river_adwin"] == pytest.approx(ratio, abs=0.01)
