"""The documentation's table of faults is what was measured."""

from tests.chaos.table import KEPT
from tests.kept_reports import PAGE as FILE

PAGE = FILE.read_text()


def test_the_page_shows_the_measured_reports():
    assert KEPT.in_page(PAGE, KEPT.measured()) == PAGE


def test_controls_found_doubles_and_what_a_run_lost_is_told_beside_the_promise():
    for report in KEPT.measured():
        found = report["doubled"] > 0
        assert found == report["control"], report
        lost = report["lost"] or report["out_of_order"] or report["state_errors"]
        assert report["control"] or not lost or f"{report['lost']} of what its {report['rows']:,}" in PAGE, report
