"""The table of formats in `docs/sources.md`, made from the cases that the tests run.

`python -m tests.foreign.table write` brings it up to date.
"""

import sys
from pathlib import Path

from tests.foreign.cases import CASES, Case
from tests.generated import between

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
BEGIN, END = "<!-- formats: begin -->", "<!-- formats: end -->"


def table() -> str:
    """The table in Markdown."""
    head = "| format | framing | records made by | a damaged record is buried with | a half |\n|---|---|---|---|---|\n"
    return head + "".join(_row(case) for case in CASES)


def _row(case: Case) -> str:
    half = "–" if case.half is None else "counted: request_without_response"
    if case.half is not None and "response first" not in case.name:
        half = f"buried: {case.half_reason}"
    cells = (case.name, case.framing, case.made_by, f"…{case.reason}…", half)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def with_table(page: str) -> str:
    """The page with the table of now."""
    return between(page, BEGIN, END, table())


if __name__ == "__main__":
    if sys.argv[1:] != ["write"]:
        sys.exit("usage: python -m tests.foreign.table write")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
