"""`python -m tests.cluster.table [REPORT…]`: adds reports to the measured ones and writes the documentation's table.

The measured reports are in `docs/measurements/cluster.json`, one a run, as `python -m tests.cluster` wrote them. Runs
of the same line are added up.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "measurements" / "cluster.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- cluster: begin (python -m tests.cluster.table) -->\n", "<!-- cluster: end -->\n"

Report = Mapping[str, Any]
_LINES = {
    "restarts": "brokers killed and restarted one by one, partitions moved, leaders elected",
    "split": "a broker cut off from the others, or from all",
    "split-clients": "clients cut off from a broker that goes on to lead",
    "min-isr": "two of three brokers down at once",
    "controller": "the controller killed, or cut off",
    "transaction-coordinator": "the coordinator of transactions stopped, leaders elected back",
    "group-coordinator": "the coordinator of a group stopped, leaders elected back",
    "unclean-election": "a follower that lacks records is elected",
}
_SUMS = ("faults", "acknowledged", "labelled", "archived", "lost", "doubled", "needed_a_hand")
_LONGEST = ("slowest_recovery_seconds", "longest_stall_seconds")


def table(reports: Sequence[Report]) -> str:
    """The table in Markdown; one row for each line that was measured, and their sum."""
    lines = [
        "| what | faults | inputs | labelled | in the table | lost | doubled | by hand | slowest recovery | stall |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    known = [(words, [report for report in reports if report["line"] == line]) for line, words in _LINES.items()]
    for words, runs in [*known, ("**sum**", list(reports))]:
        if runs:
            sums = [f"{sum(run[name] for run in runs):,}" for name in _SUMS]
            longest = [f"{max(run[name] for run in runs):g} s" for name in _LONGEST]
            lines.append("| " + " | ".join([words, *sums, *longest]) + " |")
    return "\n".join(lines) + "\n"


def in_page(page: str, reports: Sequence[Report]) -> str:
    """The page with the table of these reports."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table(reports) + END + after


def measured() -> list[Report]:
    """The reports that are kept."""
    return list(json.loads(MEASURED.read_text())) if MEASURED.exists() else []


def main(files: Sequence[str]) -> None:
    reports = measured() + [json.loads(Path(file).read_text()) for file in files]
    MEASURED.write_text("[\n" + ",\n".join("  " + json.dumps(report) for report in reports) + "\n]\n")
    PAGE.write_text(in_page(PAGE.read_text(), reports))


if __name__ == "__main__":
    main(sys.argv[1:])
