"""The table of formats in the docs is the one that the tests run."""

from tests.foreign.cases import CASES
from tests.foreign.table import PAGE, with_table


def test_the_table_of_formats_is_fresh():
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run `python -m tests.foreign.table write`"
    assert all(f"| {case.name} |" in page for case in CASES)
