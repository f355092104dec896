"""The documentation's table of three brokers is made of the reports that are kept."""

from tests.cluster.faults import LINES
from tests.cluster.run import Report
from tests.cluster.table import KEPT, table
from tests.kept_reports import PAGE


def test_the_page_has_the_table_of_the_kept_reports():
    page = PAGE.read_text()
    assert KEPT.in_page(page, KEPT.measured()) == page


def test_runs_of_a_line_are_added_up_and_the_longest_of_each_is_told():
    runs = [
        Report(line, faults=2, acknowledged=1500, slowest_recovery_seconds=2.5 + number).as_json()
        for number, line in enumerate([*LINES, "split"])
    ]
    rows = table(runs).splitlines()
    assert len(rows) == 2 + len(LINES) + 1
    assert "| 4 | 3,000 |" in next(row for row in rows if "cut off from the others, or from all" in row)
    assert rows[-1].startswith(f"| **sum** | {2 * len(runs)} | {1500 * len(runs):,} |")
    assert f"{2.5 + len(LINES):g} s" in rows[-1]
