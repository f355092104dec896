"""The README's table of faults is what was measured."""

from tests.chaos.table import README as FILE
from tests.chaos.table import in_readme, measured

README = FILE.read_text()


def test_the_readme_shows_the_measured_reports():
    assert in_readme(README, measured()) == README


def test_controls_found_doubles_and_what_a_run_lost_is_told_beside_the_promise():
    for report in measured():
        found = report["doubled"] > 0
        assert found == report["control"], report
        lost = report["lost"] or report["out_of_order"] or report["state_errors"]
        assert report["control"] or not lost or f"{report['lost']} of what its {report['rows']:,}" in README, report
