"""The documentation's table of faults is what was measured."""

from tests.chaos.table import KEPT
from tests.kept_reports import PAGE as FILE

PAGE = FILE.read_text()


def test_the_page_shows_the_measured_reports():
    assert KEPT.in_page(PAGE, KEPT.measured()) == PAGE


def test_controls_found_doubles():
    assert all(report["doubled"] > 0 for report in KEPT.measured() if report["control"])


def test_what_a_run_lost_or_doubled_is_told_in_the_page():
    for report in KEPT.measured():
        if report["control"]:
            continue
        doubled, lost = report["doubled"], report["lost"]
        assert not doubled or f"{doubled} of what its {report['rows']:,} inputs gave" in PAGE, report
        wrong = lost or (not doubled and report["out_of_order"]) or report["state_errors"]
        assert not wrong or f"{lost} of what its {report['rows']:,}" in PAGE, report
