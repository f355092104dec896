"""The README's table of faults is what was measured."""

from tests.chaos.table import README as FILE
from tests.chaos.table import in_readme, measured

README = FILE.read_text()


def test_the_readme_shows_the_measured_reports():
    assert in_readme(README, measured()) == README


def test_nothing_measured_was_lost_and_controls_found_doubles():
    for report in measured():
        found = report["doubled"] > 0
        assert found == report["control"], report
        assert report["control"] or not (report["lost"] or report["out_of_order"] or report["state_errors"]), report
